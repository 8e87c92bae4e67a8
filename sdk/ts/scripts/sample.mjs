// Packs the SDK, installs the package into a copy of the sample that knows nothing else of this project, and lets a patient of a
// real demo register at its desk.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startDemo } from '../.test/test/demo.js'

const run = promisify(execFile)
const here = fileURLToPath(new URL('..', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'showcard-sample-'))
let demo
let desk
try {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: here })
  const [packed] = JSON.parse(stdout)
  const names = packed.files.map((f) => f.path)
  assert.ok(names.every((n) => /^(?:dist\/.*\.(?:js|d\.ts)|README\.md|LICENSE|package\.json)$/.test(n)), names.join())
  assert.ok(names.includes('dist/index.d.ts') && names.includes('LICENSE') && names.includes('README.md'))
  assert.ok(packed.unpackedSize < 400_000, `${packed.unpackedSize} bytes`)

  const sample = join(folder, 'desk')
  await cp(join(here, 'sample'), sample, { recursive: true, filter: (from) => !/node_modules|dist|\.tgz$/.test(from.slice(here.length)) })
  const installed = run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed.filename)], { cwd: sample }).then(() => run('npm', ['run', 'build'], { cwd: sample }))
  ;[demo] = await Promise.all([startDemo(), installed])

  desk = spawn('node', ['dist/main.js'], { cwd: sample, stdio: ['ignore', 'pipe', 'inherit'], env: {
    PATH: process.env.PATH, PORT: '0', SHOWCARD_URL: demo.baseUrl, SHOWCARD_CLIENT: 'demo-hospital',
    SHOWCARD_KEY: join(demo.data, 'clients', 'demo-hospital.jwk'), SHOWCARD_ROOTS: join(demo.data, 'roots.json'),
  } })
  const lines = createInterface({ input: desk.stdout })[Symbol.asyncIterator]()
  const at = /http:\S+/.exec((await lines.next()).value)?.[0]
  assert.ok(at, 'the desk says where it is')
  assert.match(await (await fetch(at)).text(), /扫描医保电子凭证/)
  const register = async (code) => {
    const response = await fetch(`${at}patients`, { method: 'POST', body: new URLSearchParams({ code }) })
    return { status: response.status, ...(await response.json()) }
  }

  const { people } = JSON.parse(await readFile(join(demo.data, 'demo.json'), 'utf8'))
  const patient = people.find((p) => p.holdings.some((h) => h.type === 'resident-id'))
  const code = await demo.show(patient.login, 'resident-id', ['name', 'sex', 'birth_date', 'id_number', 'not_expired'])
  const first = await register(code)
  assert.equal(first.status, 201, JSON.stringify(first))
  assert.equal(first.patient.name, patient.name)
  assert.equal(first.patient.visit, 'A001')
  assert.match(first.patient.idNumber, /^\d{17}[\dX]$/)
  const row = (await lines.next()).value
  assert.deepEqual(row.split('\t').slice(0, 2), ['A001', patient.name])
  console.log(`the desk registered: ${row.split('\t').slice(0, 4).join(' ')}`)

  const again = await register(code)
  assert.deepEqual([again.status, again.code], [422, 'code-used'])
  assert.ok(again.say.zh && again.then.en)
  assert.equal((await register('6901234567892')).code, 'code-not-ours')
  const other = people.find((p) => p.holdings.some((h) => h.type === 'drivers-licence'))
  assert.equal((await register(await demo.show(other.login, 'drivers-licence', 'identity'))).code, 'type-not-registered')
} finally {
  if (desk && desk.exitCode === null) {
    const ended = once(desk, 'exit')
    desk.kill('SIGTERM')
    await ended
  }
  await demo?.stop()
  await rm(folder, { recursive: true, force: true })
}
