// Answers test vectors for whoever compares implementations: one JSON object per line in, in the form of testdata/vectors, and one per
// line out: {"code":"valid"}, {"code":"…"}, or {"crash":"…"}, which never happens. Of vectors in steps the code is all answers, with
// blanks in between.
import { createInterface } from 'node:readline'
import * as sdk from '../dist/index.js'
import { answerSteps } from './steps.mjs'

const { PublicKey, ShowcardError, verifyOfflineCode, verifyPresentation } = sdk

async function answer(v) {
  try {
    if (v.steps) return { code: (await answerSteps(sdk, v)).join(' ') }
    const issuer = PublicKey.fromJwk(v.issuer)
    const now = v.now * 1000
    if (typeof v.code === 'string') await verifyOfflineCode(v.code, { issuer, now, audiences: v.audiences ?? [], ...(v.nonce === undefined ? {} : { nonce: Buffer.from(v.nonce, 'hex') }) })
    else await verifyPresentation(v.presentation, { issuer, now, ...(v.nonce === undefined ? {} : { binding: { nonce: v.nonce, audience: v.aud ?? '' } }) })
    return { code: 'valid' }
  } catch (e) {
    return e instanceof ShowcardError ? { code: e.code } : { crash: String(e?.stack ?? e) }
  }
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
