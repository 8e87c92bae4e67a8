/** Bytes in the order in which they come, as one Blob. Many small ones become few large ones, which the browser puts on its disk
 *  when there are too many; here only the last of them is held, however much it is. */
export class Pile {
  readonly #last: Uint8Array<ArrayBuffer>
  #used = 0
  #blobs: Blob[] = []

  constructor(piece = 1 << 20, private readonly most = 64) { this.#last = new Uint8Array(piece) }

  /** Copies: what is given may be a corner of something large. */
  add(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#used + bytes.length > this.#last.length) this.#flush()
    if (bytes.length > this.#last.length) { this.#keep(new Blob([bytes])); return }
    this.#last.set(bytes, this.#used)
    this.#used += bytes.length
  }

  blob(): Blob {
    this.#flush()
    return new Blob(this.#blobs)
  }

  #flush(): void {
    if (this.#used) this.#keep(new Blob([this.#last.subarray(0, this.#used)]))
    this.#used = 0
  }

  #keep(b: Blob): void {
    this.#blobs.push(b)
    if (this.#blobs.length >= this.most) this.#blobs = [new Blob(this.#blobs)]
  }
}
