// Answers questions about SM2, SM3 and SM4 with the npm package sm-crypto: one JSON object per
// line in, one per line out. The tests of crypto/sm run it; bytes travel as hex.
import { createInterface } from 'node:readline'
import smCrypto from 'sm-crypto'

const { sm2, sm3, sm4 } = smCrypto
const bytes = (hex) => Array.from(Buffer.from(hex, 'hex'))

function answer(q) {
  const options = { hash: true, publicKey: q.public, userId: q.id, der: q.der === true }
  switch (q.op) {
    case 'sign': return { hex: sm2.doSignature(bytes(q.message), q.private, options) }
    case 'verify': return { ok: sm2.doVerifySignature(bytes(q.message), q.signature, q.public, options) }
    case 'keygen': { const k = sm2.generateKeyPairHex(); return { hex: k.privateKey, public: k.publicKey } }
    case 'sm3': return { hex: sm3(bytes(q.message)) }
    case 'sm4': return { hex: sm4.encrypt(bytes(q.message), q.key, { padding: 'none' }) }
    default: throw new Error(`unknown op ${q.op}`)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let out
  try {
    out = answer(JSON.parse(line))
  } catch (error) {
    out = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(out)}\n`)
}
