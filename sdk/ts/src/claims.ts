import { type JsonNode, type JsonValue, textOf, valueOf } from './json.js'

/** Disclosed fields by name. They print as nothing, so that no log fills with personal data. */
export class Claims {
  readonly #nodes: ReadonlyMap<string, JsonNode>

  constructor(nodes: ReadonlyMap<string, JsonNode>) {
    this.#nodes = nodes
  }

  /** The names of the fields. */
  get names(): string[] {
    return [...this.#nodes.keys()]
  }

  /** Whether a field was disclosed. */
  has(name: string): boolean {
    return this.#nodes.has(name)
  }

  /** A field that is a string; `undefined` when it is none, or was not disclosed. */
  text(name: string): string | undefined {
    return textOf(this.#nodes.get(name))
  }

  /** A field in the terms of the language; `undefined` when it was not disclosed. */
  value(name: string): JsonValue | undefined {
    const node = this.#nodes.get(name)
    return node && valueOf(node)
  }

  /** A field as JSON, as the issuer wrote it: for who files values, numbers exact. */
  json(name: string): string | undefined {
    return this.#nodes.get(name)?.raw
  }

  /** All fields in the terms of the language. This is personal data: keep it no longer than the purpose lasts. */
  values(): Record<string, JsonValue> {
    const out = Object.create(null) as Record<string, JsonValue>
    for (const [name, node] of this.#nodes) out[name] = valueOf(node)
    return out
  }

  /** What `JSON.stringify` shows. Inspected, there is nothing to see either. */
  toJSON(): string {
    return '[claims redacted]'
  }
}
