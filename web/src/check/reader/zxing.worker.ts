import { type ReaderOptions, prepareZXingModule, readBarcodes } from 'zxing-wasm/reader'
import wasm from 'zxing-wasm/reader/zxing_reader.wasm?url'
import type { Answer, Job } from './messages'

// ZXing in WebAssembly, from our own server and never from elsewhere. It runs in a worker, so that the page stays smooth.

prepareZXingModule({ overrides: { locateFile: () => wasm } })

// All that may stand in front of a camera is read, so that the page can say what it is; our own codes are QR codes.
const quick: ReaderOptions = { formats: ['QRCode'], tryHarder: false, tryRotate: true, tryInvert: true, tryDownscale: true, maxNumberOfSymbols: 3 }
const whole: ReaderOptions = { formats: ['QRCode', 'MicroQRCode', 'DataMatrix', 'Aztec', 'PDF417', 'EANUPC', 'Code128'], tryHarder: true, tryRotate: true, tryInvert: true, tryDownscale: true, maxNumberOfSymbols: 4 }

const reply = (answer: Answer): void => (self as unknown as Worker).postMessage(answer)

self.onmessage = (e: MessageEvent<Job>): void => {
  const { id, pixels, thorough } = e.data
  readBarcodes(pixels, thorough ? whole : quick).then(
    (results) => reply({ id, found: results.filter((r) => r.isValid && r.text).map((r) => ({ text: r.text, format: r.format })) }),
    () => reply({ id }),
  )
}
