/** What the SDK has for Node alone: keys and memory in files. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ShowcardError, type Signer, type Store, importSigner } from './index.js'

/** Reads the private JWK of a client, as `showcard keygen --out` made it. A file that others may read is refused. */
export async function readKeyFile(path: string): Promise<Signer> {
  const { mode } = await stat(path)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new ShowcardError('keystore-insecure-permissions', `${path} may be read by others: chmod 600`)
  }
  return importSigner(await readFile(path, 'utf8'))
}

/** A {@link Store} in a folder of its own, which is made when it is not there. */
export class FileStore implements Store {
  constructor(private readonly folder: string) {}

  async get(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(name), 'utf8')
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw e
    }
  }

  /** Writes beside and renames, so that a machine that stops leaves the old text or the new one. */
  async set(name: string, text: string): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    const beside = join(this.folder, `.${randomBytes(8).toString('hex')}`)
    try {
      const file = await open(beside, 'wx', 0o600)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(beside, this.#path(name))
    } finally {
      await rm(beside, { force: true })
    }
  }

  #path(name: string): string {
    // Addresses of lists make names that no file system takes.
    return join(this.folder, `${createHash('sha256').update(name).digest('hex')}.txt`)
  }
}
