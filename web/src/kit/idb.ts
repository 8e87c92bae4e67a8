// A drawer of IndexedDB: keys that cannot be exported and what a device takes along live here. In a private window there may be
// none; then what needs it says so, and everything else works.

/** That nothing can be kept on this device: storage is full, forbidden, or not there. */
export class StorageError extends Error {}

const stores = ['keys', 'wallet', 'desk'] as const
export type StoreName = (typeof stores)[number]

let opening: Promise<IDBDatabase> | undefined

function open(): Promise<IDBDatabase> {
  opening ??= new Promise<IDBDatabase>((resolve, reject) => {
    let request: IDBOpenDBRequest
    try { request = indexedDB.open('showcard', 1) } catch (e) { reject(new StorageError(String(e))); return }
    request.onupgradeneeded = () => { for (const name of stores) request.result.createObjectStore(name) }
    request.onsuccess = () => {
      const db = request.result
      db.onversionchange = () => { db.close(); opening = undefined }
      db.onclose = () => { opening = undefined }
      resolve(db)
    }
    request.onerror = () => reject(new StorageError(request.error?.message))
    request.onblocked = () => reject(new StorageError('blocked by another tab'))
  })
  opening.catch(() => { opening = undefined })
  return opening
}

async function run<T>(store: StoreName, mode: IDBTransactionMode, act: (s: IDBObjectStore) => IDBRequest<T> | undefined): Promise<T | undefined> {
  const db = await open()
  return new Promise((resolve, reject) => {
    let request: IDBRequest<T> | undefined
    let t: IDBTransaction
    try {
      t = db.transaction(store, mode)
      request = act(t.objectStore(store))
    } catch (e) { reject(new StorageError(String(e))); return }
    t.oncomplete = () => resolve(request?.result)
    t.onabort = t.onerror = () => reject(new StorageError(t.error?.message))
  })
}

/** What is kept under a name, and undefined where there is nothing. */
export const load = <T>(store: StoreName, name: string): Promise<T | undefined> => run<T>(store, 'readonly', (s) => s.get(name) as IDBRequest<T>)
/** Resolves when it is kept. */
export const store = async (name: StoreName, key: string, value: unknown): Promise<void> => { await run(name, 'readwrite', (s) => s.put(value, key)) }
export const drop = async (name: StoreName, key: string): Promise<void> => { await run(name, 'readwrite', (s) => s.delete(key) as IDBRequest<undefined>) }
export const clear = async (name: StoreName): Promise<void> => { await run(name, 'readwrite', (s) => s.clear() as IDBRequest<undefined>) }
/** Everything of a drawer whose name begins so, by name. */
export async function all<T>(name: StoreName, prefix = ''): Promise<Map<string, T>> {
  const found = new Map<string, T>()
  const range = IDBKeyRange.bound(prefix, prefix + '\uffff')
  const keys = (await run<IDBValidKey[]>(name, 'readonly', (s) => s.getAllKeys(range))) ?? []
  for (const key of keys) {
    const value = await load<T>(name, String(key))
    if (value !== undefined) found.set(String(key), value)
  }
  return found
}
