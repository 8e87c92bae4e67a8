// Reads codes with the npm packages zxing-wasm and jsqr: the name of a picture (PGM, 8 bits) in a
// line, what each of them read in a line of JSON. The tests of internal/qr/qrimage run it.
//
// Both readers are set as a page that scans codes of ours sets them: QR codes and nothing else,
// and dark on light, which is what we draw.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import jsqr from 'jsqr'
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader'

// The package would fetch its WebAssembly from a server; the file lies beside it.
const wasm = readFileSync(fileURLToPath(import.meta.resolve('zxing-wasm/reader/zxing_reader.wasm')))
await prepareZXingModule({ overrides: { wasmBinary: wasm }, fireImmediately: true })

// picture reads "P5 WIDTH HEIGHT 255" and the pixels, as the tests write it, into red, green, blue and opacity.
function picture(file) {
  const data = readFileSync(file)
  const head = /^P5 (\d+) (\d+) 255\n/.exec(data.toString('latin1', 0, 32))
  if (!head) throw new Error(`${file} is no PGM`)
  const [width, height] = [Number(head[1]), Number(head[2])]
  const grey = data.subarray(head[0].length)
  if (grey.length !== width * height) throw new Error(`${file} has ${grey.length} pixels`)
  const pixels = new Uint32Array(grey.length)
  for (let i = 0; i < grey.length; i++) pixels[i] = 0xff000000 | (grey[i] * 0x010101)
  const rgba = new Uint8ClampedArray(pixels.buffer)
  return { data: rgba, width, height, colorSpace: 'srgb' }
}

async function answer(file) {
  const image = picture(file)
  const found = await readBarcodes(image, { formats: ['QRCode'], tryInvert: false })
  const one = jsqr(image.data, image.width, image.height, { inversionAttempts: 'dontInvert' })
  return {
    'zxing-wasm': found.filter((r) => r.isValid).map((r) => r.text),
    jsqr: one?.data ? [one.data] : [], // empty: found, but not decoded
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let out
  try {
    out = await answer(line)
  } catch (error) {
    out = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(out)}\n`)
}
