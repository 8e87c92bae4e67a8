import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { list, readJson } from './support.js'

const here = fileURLToPath(new URL('../../', import.meta.url))
const { expectedSteps } = (await import(new URL('../../scripts/steps.mjs', import.meta.url).href)) as { expectedSteps(v: object): string[] }

// What a bundler does for an application: names of packages become addresses. The SDK as it is packed, and nothing of Node.
const page = `<!doctype html><meta charset="utf-8"><script type="importmap">{"imports": {
  "@showcard/sdk": "/dist/index.js", "sm-crypto-v2": "/node_modules/sm-crypto-v2/dist/index.mjs",
  "@noble/curves/": "/node_modules/@noble/curves/esm/", "@noble/hashes/": "/node_modules/@noble/hashes/esm/", "@noble/ciphers/": "/node_modules/@noble/ciphers/esm/"
}}</script><script type="module">
  const got = {}
  try {
    const sdk = await import('@showcard/sdk')
    const { answerSteps } = await import('/scripts/steps.mjs')
    const vectors = await (await fetch('/vectors')).json()
    for (const [name, v] of Object.entries(vectors)) {
      if (v.steps) {
        got[name] = (await answerSteps(sdk, v)).join(' ')
        continue
      }
      const issuer = sdk.PublicKey.fromJwk(v.issuer)
      const now = v.now * 1000
      try {
        if (v.code) await sdk.verifyOfflineCode(v.code, { issuer, now, audiences: v.audiences, nonce: v.nonce && Uint8Array.from(v.nonce.match(/../g), (h) => parseInt(h, 16)) })
        else await sdk.verifyPresentation(v.presentation, { issuer, now, ...(v.nonce ? { binding: { nonce: v.nonce, audience: v.aud } } : {}) })
        got[name] = 'valid'
      } catch (e) { got[name] = e.code ?? String(e.stack) }
    }
    // A counter whose page is opened again knows what it knew.
    const { store } = await import('/store.js')
    const [v] = Object.values(vectors).filter((v) => v.steps?.[0].expect === 'taken')
    const open = () => sdk.Bundles.open({ baseUrl: v.base, pinnedRoots: v.roots, store, now: () => v.steps[0].at * 1000 })
    const one = await open()
    await one.take(Uint8Array.from(atob(v.steps[0].bundle.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)))
    const [asOf, again] = [one.asOf?.getTime(), (await open()).asOf?.getTime()]
    got.store = asOf > 0 && asOf === again ? 'valid' : asOf + ' and ' + again
    // A key that never leaves the browser signs for a client.
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
    const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey)
    const message = new TextEncoder().encode('m')
    const { kty, crv, x, y } = jwk
    await sdk.PublicKey.fromJwk({ kty, crv, x, y }).verify(message, await sdk.cryptoKeySigner(pair.privateKey, 'k').sign(message))
    got.signer = 'valid'
  } catch (e) { got.error = String(e.stack) }
  await fetch('/got', { method: 'POST', body: JSON.stringify(got) })
</script>`

test('the same codes come out of a real browser', async () => {
  const vectors: Record<string, { expect: string; steps?: object[] }> = {}
  for (const profile of ['sm', 'international']) {
    for (const [n, file] of list(`testdata/vectors/bundle/${profile}`).entries()) {
      if (n % 6 === 0 || file === 'good-change.json') vectors[`bundle/${profile}/${file}`] = readJson(`testdata/vectors/bundle/${profile}/${file}`)
    }
  }
  // The store as the manual has it, to the letter.
  const store = /^```js\n(const database = [^]+?)^```/m.exec(await readFile(join(here, 'README.md'), 'utf8'))?.[1]
  assert.ok(store)
  for (const kind of ['sdjwt', 'sdcwt']) {
    for (const profile of ['sm', 'international']) {
      for (const [n, file] of list(`testdata/vectors/${kind}/${profile}`).entries()) {
        if (n % 5 === 0 || (n % 2 === 0 && file.startsWith('good-'))) vectors[`${kind}/${profile}/${file}`] = readJson(`testdata/vectors/${kind}/${profile}/${file}`)
      }
    }
  }
  let tell: (got: Record<string, string>) => void
  const told = new Promise<Record<string, string>>((resolve) => (tell = resolve))
  const server = createServer((request, response) => {
    void (async () => {
      const path = new URL(request.url ?? '/', 'http://x').pathname
      if (path === '/') return response.setHeader('content-type', 'text/html').end(page)
      if (path === '/vectors') return response.end(JSON.stringify(vectors))
      if (path === '/store.js') return response.setHeader('content-type', 'text/javascript').end(`${store}export { store }`)
      if (path === '/got') {
        let body = ''
        for await (const part of request.setEncoding('utf8')) body += String(part)
        tell(JSON.parse(body) as Record<string, string>)
        return response.end()
      }
      if (!/^\/(?:dist|scripts|node_modules)\/[\w@./-]+$/.test(path) || path.includes('..')) return response.writeHead(404).end()
      return response.setHeader('content-type', 'text/javascript').end(await readFile(join(here, /\.m?js$/.test(path) ? path : `${path}.js`)))
    })().catch(() => response.writeHead(404).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const folder = await mkdtemp(join(tmpdir(), 'showcard-browser-'))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const browser = spawn(process.env['CHROMIUM'] ?? 'chromium', ['--headless=new', ...root, '--disable-gpu', '--no-first-run', `--user-data-dir=${folder}`, address], { stdio: 'ignore' })
  const ended = once(browser, 'exit')
  try {
    const got = await Promise.race([told, ended.then(() => assert.fail('the browser ended'))])
    const want = Object.fromEntries(Object.entries(vectors).map(([name, v]) => [name, v.steps ? expectedSteps(v).join(' ') : v.expect]))
    assert.deepEqual(got, { ...want, store: 'valid', signer: 'valid' })
    assert.ok(Object.keys(want).length > 150)
  } finally {
    browser.kill('SIGKILL')
    await ended
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
