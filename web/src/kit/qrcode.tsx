import { correction, generate, mode } from 'lean-qr'
import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'

// Draws a code on this device, for what the server cannot draw: a code that needs no network. What there is to encode is upper
// case, so that one alphanumeric segment holds it.

export function drawCode(text: string, level: 'M' | 'L' = 'M'): { path: string; size: number } {
  const code = generate(mode.alphaNumeric(text), { minCorrectionLevel: correction[level], maxCorrectionLevel: correction[level] })
  let path = ''
  for (let y = 0; y < code.size; y++) {
    for (let x = 0; x < code.size; ) {
      if (!code.get(x, y)) { x++; continue }
      const from = x
      while (x < code.size && code.get(x, y)) x++
      path += `M${from} ${y}h${x - from}v1h${from - x}z`
    }
  }
  return { path, size: code.size }
}

/** The code as a picture with its quiet zone of four modules (ISO/IEC 18004 §6.3.8). */
export function QRCode({ text, label }: { text: string; label: string }): JSX.Element {
  const { path, size } = useMemo(() => drawCode(text), [text])
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`-4 -4 ${size + 8} ${size + 8}`} shape-rendering="crispEdges">
      <rect x="-4" y="-4" width={size + 8} height={size + 8} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}
