/**
 * A hospital's registration desk. The clerk opens the page, points a keyboard scanner at the patient's phone, and the patient's
 * row is printed.
 *
 *   SHOWCARD_URL=http://localhost:8080 SHOWCARD_CLIENT=demo-hospital \
 *   SHOWCARD_KEY=showcard-data/clients/demo-hospital.jwk SHOWCARD_ROOTS=showcard-data/roots.json npm start
 */
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Client, RemoteTrust } from '@showcard/sdk'
import { FileStore, readKeyFile } from '@showcard/sdk/node'
import { Desk, row } from './desk.js'

function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`set ${name}`)
  return value
}

const baseUrl = setting('SHOWCARD_URL')
const client = new Client({ baseUrl, clientId: setting('SHOWCARD_CLIENT'), key: await readKeyFile(setting('SHOWCARD_KEY')) })
const pinnedRoots = await readFile(setting('SHOWCARD_ROOTS'), 'utf8')
const trust = await RemoteTrust.open({ baseUrl, pinnedRoots, store: new FileStore(process.env['SHOWCARD_MEMORY'] ?? 'desk-memory') })
const desk = new Desk(client, trust)

const page = `<!doctype html><html lang="zh"><meta charset="utf-8"><title>挂号 Registration</title>
<form method="post" action="/patients"><label>请扫描医保电子凭证或身份证 Scan the medical insurance credential or identity card
<input name="code" autofocus autocomplete="off"></label></form></html>`

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const part of request.setEncoding('utf8')) {
    body += String(part)
    if (body.length > 4096) throw new Error('too much')
  }
  return body
}

const server = createServer((request, response) => {
  void (async () => {
    if (request.method !== 'POST' || request.url !== '/patients') {
      response.writeHead(request.url === '/' ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(request.url === '/' ? page : '')
      return
    }
    const registered = await desk.register(new URLSearchParams(await bodyOf(request)).get('code') ?? '')
    if (registered.registered) console.log(row(registered.patient))
    response.writeHead(registered.registered ? 201 : 422, { 'content-type': 'application/json' }).end(JSON.stringify(registered))
  })().catch((e: unknown) => {
    console.error(e instanceof Error ? e.message : e)
    response.writeHead(500).end()
  })
})
server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => console.log(`desk at http://127.0.0.1:${(server.address() as AddressInfo).port}/`))
process.once('SIGTERM', () => server.close(() => process.exit(0)).closeAllConnections())
