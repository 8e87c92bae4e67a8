/** Starts a real `showcard demo` on a free loopback port, in a folder that is removed afterwards. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** A running demo. */
export interface Demo {
  readonly baseUrl: string
  /** Its data folder, with `roots.json` and `clients/ID.jwk`. */
  readonly data: string
  /** The token of a fictitious person, as her browser would have it. */
  person(login: string): Promise<string>
  /** Has a person show one of her certificates, by a view or by fields, and returns the code. */
  show(login: string, type: string, what: string | readonly string[]): Promise<string>
  /** The token of a client, by the command-line tool. */
  token(client: string): Promise<string>
  identifier(login: string, type: string): string
  stop(): Promise<void>
}

interface DemoFile {
  people: { login: string; name: string; holdings: { type: string; identifier: string }[] }[]
}

/** Builds the program and starts it. */
export async function startDemo(profile: 'sm2' | 'es256' = 'sm2'): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'showcard-sdk-'))
  let child: ChildProcess | undefined
  const stop = async (): Promise<void> => {
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
    await rm(folder, { recursive: true, force: true })
  }
  try {
    // At one place, so that Go sees when it is still what it would build.
    const program = join(root, 'sdk', 'ts', '.bin', 'showcard')
    await run('go', ['build', '-o', program, './cmd/showcard'], { cwd: root, env: { ...process.env, CGO_ENABLED: '0' } })
    const data = join(folder, 'data')
    child = spawn(program, ['demo', '--addr', '127.0.0.1:0', '--data', data, '--profile', profile], { stdio: ['ignore', 'pipe', 'inherit'] })
    const baseUrl = await announced(child)
    const tool = async (...args: string[]): Promise<string> => (await run(program, [...args, '--data', data])).stdout.trim()
    const file = JSON.parse(readFileSync(join(data, 'demo.json'), 'utf8')) as DemoFile
    const identifier = (login: string, type: string): string =>
      file.people.find((p) => p.login === login)?.holdings.find((h) => h.type === type)?.identifier ?? ''
    const person = (login: string): Promise<string> => tool('token', '--person', login)
    return {
      baseUrl, data, stop, person, identifier,
      token: (client) => tool('token', '--client', client),
      async show(login, type, what) {
        const response = await fetch(`${baseUrl}/v1/wallet/shows`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${await person(login)}` },
          body: JSON.stringify({ identifier: identifier(login, type), ...(typeof what === 'string' ? { view: what } : { fields: what }) }),
        })
        const shown = (await response.json()) as { code: string }
        if (!response.ok) throw new Error(`show: ${shown.code}`)
        return shown.code
      },
    }
  } catch (e) {
    await stop()
    throw e
  }
}

/** Waits until the demo says where it is: then it is seeded. */
async function announced(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('no output')
  let said = ''
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`
    const address = /(http:\/\/localhost:\d+)\/wallet/.exec(line)?.[1]
    if (address) {
      child.stdout.resume()
      return address
    }
  }
  throw new Error(`the demo ended: ${said}`)
}
