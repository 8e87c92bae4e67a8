// What the page and its reading workers say to one another.

/** One picture to be read. `thorough` takes its time: a photograph, not one of thirty frames a second. */
export interface Job {
  readonly id: number
  readonly pixels: ImageData
  readonly thorough: boolean
}

/** A code that stands in a picture. */
export interface Read {
  readonly text: string
  /** `QRCode`, `EAN13`, … as ZXing calls them. */
  readonly format: string
}

/** `found` is missing where the worker cannot read at all, now or ever. */
export interface Answer {
  readonly id: number
  readonly found?: readonly Read[]
}
