// Answers test vectors for whoever compares implementations: one JSON object per line in, in the form of testdata/vectors, and one per
// line out: {"code":"…"}, {"code":"valid","says":"…"} with what was read as canonical JSON, or {"crash":"…"}, which never happens.
// Of vectors in steps the code is all answers, with blanks in between.
import { createInterface } from 'node:readline'
import { canonical } from '../dist/canonical.js'
import * as sdk from '../dist/index.js'
import { parseJson } from '../dist/json.js'
import { answerSteps } from './steps.mjs'

const { PublicKey, ShowcardError, verifyOfflineCode, verifyPresentation } = sdk

/** What an offline code says, as the vectors spell it. */
function said({ token, reading }) {
  const { proof } = token
  return JSON.stringify({
    kid: token.kid, serial: token.serial, iat: token.issuedAt, exp: token.expires, type: reading.type, version: token.view.version, view: reading.view, region: token.view.region,
    fields: Object.fromEntries(reading.fields.map((f) => [f.name, f.value])),
    proof: { serial: proof.serial, iat: proof.issuedAt, aud: proof.audience, ...(proof.nonce ? { nonce: Buffer.from(proof.nonce).toString('hex') } : {}) },
  })
}

async function answer(v) {
  try {
    if (v.steps) return { code: (await answerSteps(sdk, v)).join(' ') }
    const issuer = PublicKey.fromJwk(v.issuer)
    const now = v.now * 1000
    if (typeof v.code === 'string') {
      const read = await verifyOfflineCode(v.code, { issuer, now, audiences: v.audiences ?? [], ...(v.nonce === undefined ? {} : { nonce: Buffer.from(v.nonce, 'hex') }) })
      return { code: 'valid', says: canonical(parseJson(said(read), 32)) }
    }
    const { claims } = await verifyPresentation(v.presentation, { issuer, now, ...(v.nonce === undefined ? {} : { binding: { nonce: v.nonce, audience: v.aud ?? '' } }) })
    return { code: 'valid', says: canonical({ kind: 'object', raw: '', members: claims }) }
  } catch (e) {
    return e instanceof ShowcardError ? { code: e.code } : { crash: String(e?.stack ?? e) }
  }
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
