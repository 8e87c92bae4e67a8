// The service worker: pages open without a network. It keeps documents and scripts, never an answer of the API: what is personal is
// kept by the pages themselves, where they can drop it. Each page asks for its own part, so that a citizen's phone does not carry the
// counter's reader of codes.

interface Extendable extends Event { waitUntil(p: Promise<unknown>): void }
interface Fetching extends Extendable { readonly request: Request; respondWith(r: Promise<Response>): void }
interface Worker {
  readonly location: Location
  readonly clients: { claim(): Promise<void> }
  addEventListener(kind: 'install' | 'activate', act: (e: Extendable) => void): void
  addEventListener(kind: 'fetch', act: (e: Fetching) => void): void
  addEventListener(kind: 'message', act: (e: Extendable & { data: unknown }) => void): void
}

// Filled in by vite.config.ts: what each page may ever load, and a name for exactly these files.
declare const LISTS: Readonly<Record<string, readonly string[]>>
declare const VERSION: string

const worker = self as unknown as Worker
const prefix = 'showcard-'
const cacheName = prefix + VERSION
const fixed = ['/icon.svg', '/icon-192.png', '/manifest.webmanifest']
const lists = LISTS
const known = new Set(Object.values(lists).flat())

/** Takes a page along: its files, then its document, so that a document is never there without its files. */
async function take(page: string): Promise<void> {
  const files = lists[page]
  if (!files) return
  const cache = await caches.open(cacheName)
  const add = async (file: string): Promise<void> => { if (!(await cache.match(file))) await cache.add(file) }
  await Promise.all([...fixed, ...files].map(add))
  const answer = await fetch(page, { cache: 'no-cache' })
  if (!answer.ok) return
  const html = await answer.clone().text()
  const named = html.match(/\/assets\/[\w.-]+/g) ?? []
  // The catalogue of types is made when the server starts; other files that are not ours belong to a newer worker.
  if (named.some((f) => !known.has(f) && !/^\/assets\/(types|tables)\.[\w-]+\.json$/.test(f))) return
  await Promise.all(named.map(add))
  await cache.put(page, answer)
}

worker.addEventListener('install', (e) => {
  // What was taken along for an older build is taken along for this one, before it takes its place.
  e.waitUntil((async () => {
    for (const page of Object.keys(lists)) if (await caches.match(page)) await take(page)
  })())
})

worker.addEventListener('activate', (e) => {
  e.waitUntil((async () => {
    for (const old of await caches.keys()) if (old.startsWith(prefix) && old !== cacheName) await caches.delete(old)
    await worker.clients.claim()
  })())
})

worker.addEventListener('message', (e) => {
  const page = (e.data as { take?: unknown } | null)?.take
  if (typeof page === 'string') e.waitUntil(take(page).catch(() => undefined)) // storage may be full: the page works online
})

/** The document of the network, and the one at hand when that does not come. */
async function fetched(request: Request, page: string): Promise<Response> {
  const kept = await caches.match(page)
  if (!kept) return fetch(request)
  try {
    const answer = await Promise.race([fetch(request), new Promise<never>((_, late) => setTimeout(() => late(new Error('late')), 4000))])
    return answer.status >= 500 ? kept : answer
  } catch {
    return kept
  }
}

worker.addEventListener('fetch', (e) => {
  const url = new URL(e.request.url)
  if (e.request.method !== 'GET' || url.origin !== worker.location.origin) return
  if (e.request.mode === 'navigate') {
    if (lists[url.pathname]) e.respondWith(fetched(e.request, url.pathname))
  } else if (/^\/assets\/[^/]+$/.test(url.pathname) || fixed.includes(url.pathname)) {
    e.respondWith(caches.match(url.pathname).then((kept) => kept ?? fetch(e.request)))
  }
})

export {}
