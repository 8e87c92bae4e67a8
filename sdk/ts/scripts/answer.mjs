// Answers test vectors for whoever compares implementations: one JSON object per line in, in the form of testdata/vectors, and one per
// line out: {"code":"valid"}, {"code":"…"}, or {"crash":"…"}, which never happens.
import { createInterface } from 'node:readline'
import { PublicKey, ShowcardError, verifyOfflineCode, verifyPresentation } from '../dist/index.js'

async function answer(v) {
  const issuer = PublicKey.fromJwk(v.issuer)
  const now = v.now * 1000
  try {
    if (typeof v.code === 'string') await verifyOfflineCode(v.code, { issuer, now, audiences: v.audiences ?? [], ...(v.nonce === undefined ? {} : { nonce: Buffer.from(v.nonce, 'hex') }) })
    else await verifyPresentation(v.presentation, { issuer, now, ...(v.nonce === undefined ? {} : { binding: { nonce: v.nonce, audience: v.aud ?? '' } }) })
    return { code: 'valid' }
  } catch (e) {
    return e instanceof ShowcardError ? { code: e.code } : { crash: String(e?.stack ?? e) }
  }
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)))}\n`)
