import jsQR from 'jsqr'
import type { Answer, Job } from './messages'

// The fallback where WebAssembly is missing, forbidden or did not arrive: plain JavaScript, QR codes only, one in a picture.

self.onmessage = (e: MessageEvent<Job>): void => {
  const { id, pixels, thorough } = e.data
  const code = jsQR(pixels.data, pixels.width, pixels.height, { inversionAttempts: thorough ? 'attemptBoth' : 'dontInvert' })
  const answer: Answer = { id, found: code?.data ? [{ text: code.data, format: 'QRCode' }] : [] }
  ;(self as unknown as Worker).postMessage(answer)
}
