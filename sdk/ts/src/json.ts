/**
 * JSON as strangers wrote it. `JSON.parse` is generous: of two members with one name it keeps the last, it takes any
 * depth, halves of surrogate pairs, and rounds numbers. Where a signature or a person's data is at stake two readers
 * must never see two different things, so everything that is signed is read here.
 */

/** Why a text is not JSON as the formats allow it. */
export type JsonFaultKind = 'syntax' | 'depth' | 'duplicate' | 'surrogate'

/** A text that is not JSON of the strict kind. It quotes nothing of it: there may be a person's data in it. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault'
  constructor(
    readonly kind: JsonFaultKind,
    readonly at: number,
  ) {
    super(`not strict JSON: ${kind} at character ${at}`)
  }
}

/** A value as it was read. `raw` is the text of it, so that numbers stay exact. */
export type JsonNode =
  | { readonly kind: 'object'; readonly raw: string; readonly members: ReadonlyMap<string, JsonNode> }
  | { readonly kind: 'array'; readonly raw: string; readonly elements: readonly JsonNode[] }
  | { readonly kind: 'string'; readonly raw: string; readonly text: string }
  | { readonly kind: 'number' | 'true' | 'false' | 'null'; readonly raw: string }

/** An object as it was read. */
export type JsonObject = Extract<JsonNode, { kind: 'object' }>

/** A JSON value in the terms of the language. Numbers that no `number` holds are `bigint`, or else the text. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [name: string]: JsonValue }

const escapes: Readonly<Record<string, string>> = {
  '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t',
}
const numberAt = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const plainAt = /[^"\\\u0000-\u001f]*/y
const hex4 = /^[0-9A-Fa-f]{4}$/

class Parser {
  private at = 0

  constructor(
    private readonly src: string,
    private readonly maxDepth: number,
  ) {}

  whole(): JsonNode {
    this.space()
    const node = this.value(0)
    this.space()
    if (this.at !== this.src.length) this.fail('syntax')
    return node
  }

  private fail(kind: JsonFaultKind): never {
    throw new JsonFault(kind, this.at)
  }

  private space(): void {
    for (;;) {
      const c = this.src.charCodeAt(this.at)
      if (c !== 0x20 && c !== 0x09 && c !== 0x0d && c !== 0x0a) return
      this.at++
    }
  }

  private value(depth: number): JsonNode {
    const start = this.at
    const c = this.src[this.at]
    switch (c) {
      case '{':
      case '[':
        if (depth === this.maxDepth) this.fail('depth')
        return c === '{' ? this.object(start, depth + 1) : this.array(start, depth + 1)
      case '"': {
        const text = this.text()
        return { kind: 'string', raw: this.src.slice(start, this.at), text }
      }
      case 't':
        return this.word('true')
      case 'f':
        return this.word('false')
      case 'n':
        return this.word('null')
      default:
        return this.number()
    }
  }

  private word(kind: 'true' | 'false' | 'null'): JsonNode {
    if (!this.src.startsWith(kind, this.at)) this.fail('syntax')
    this.at += kind.length
    return { kind, raw: kind }
  }

  private number(): JsonNode {
    numberAt.lastIndex = this.at
    const raw = numberAt.exec(this.src)?.[0]
    if (raw === undefined) this.fail('syntax')
    this.at += raw.length
    return { kind: 'number', raw }
  }

  private object(start: number, depth: number): JsonNode {
    const members = new Map<string, JsonNode>()
    this.at++
    this.space()
    if (this.src[this.at] === '}') this.at++
    else
      for (let more = true; more; ) {
        this.space()
        if (this.src[this.at] !== '"') this.fail('syntax')
        const name = this.text()
        if (members.has(name)) this.fail('duplicate')
        this.space()
        if (this.src[this.at] !== ':') this.fail('syntax')
        this.at++
        this.space()
        members.set(name, this.value(depth))
        more = this.more('}')
      }
    return { kind: 'object', raw: this.src.slice(start, this.at), members }
  }

  private array(start: number, depth: number): JsonNode {
    const elements: JsonNode[] = []
    this.at++
    this.space()
    if (this.src[this.at] === ']') this.at++
    else
      for (let more = true; more; ) {
        this.space()
        elements.push(this.value(depth))
        more = this.more(']')
      }
    return { kind: 'array', raw: this.src.slice(start, this.at), elements }
  }

  /** Steps over a comma, or over the end. */
  private more(end: string): boolean {
    this.space()
    const c = this.src[this.at]
    if (c !== ',' && c !== end) this.fail('syntax')
    this.at++
    return c === ','
  }

  private text(): string {
    this.at++
    let out = ''
    for (;;) {
      plainAt.lastIndex = this.at
      const plain = plainAt.exec(this.src)?.[0] ?? ''
      this.at += plain.length
      out += plain
      const c = this.src[this.at]
      if (c === '"') {
        this.at++
        return out
      }
      if (c !== '\\') this.fail('syntax') // the end, or a control character
      const e = this.src[this.at + 1] ?? ''
      this.at += 2
      out += e === 'u' ? this.unicode() : (escapes[e] ?? this.fail('syntax'))
    }
  }

  /** The digits behind \u, and the second half of a pair: half a pair stands for no character. */
  private unicode(): string {
    const high = this.unit()
    if (high < 0xd800 || high > 0xdfff) return String.fromCharCode(high)
    if (high > 0xdbff || this.src[this.at] !== '\\' || this.src[this.at + 1] !== 'u') this.fail('surrogate')
    this.at += 2
    const low = this.unit()
    if (low < 0xdc00 || low > 0xdfff) this.fail('surrogate')
    return String.fromCharCode(high, low)
  }

  private unit(): number {
    const digits = this.src.slice(this.at, this.at + 4)
    if (!hex4.test(digits)) this.fail('syntax')
    this.at += 4
    return Number.parseInt(digits, 16)
  }
}

/** Reads one JSON value, with nothing behind it, at most `maxDepth` objects and arrays deep, no name twice in one object. */
export function parseJson(text: string, maxDepth: number): JsonNode {
  return new Parser(text, maxDepth).whole()
}

/** How many objects and arrays deep a value is. */
export function depthOf(node: JsonNode): number {
  let deepest = 0
  if (node.kind === 'object') for (const v of node.members.values()) deepest = Math.max(deepest, depthOf(v))
  else if (node.kind === 'array') for (const v of node.elements) deepest = Math.max(deepest, depthOf(v))
  else return 0
  return deepest + 1
}

/** The text of a string, or `undefined`. */
export function textOf(node: JsonNode | undefined): string | undefined {
  return node?.kind === 'string' ? node.text : undefined
}

/** The value of a whole number that a `number` holds exactly, or `undefined`. No fraction, no exponent. */
export function integerOf(node: JsonNode | undefined): number | undefined {
  if (node?.kind !== 'number' || !/^-?[0-9]+$/.test(node.raw)) return undefined
  const n = Number(node.raw)
  return Number.isSafeInteger(n) ? n : undefined
}

/**
 * The value in the terms of the language. Objects have no prototype, so that no member name means anything. A number that
 * would change as `number` is a `bigint` when it is whole, and its text when it is not.
 */
export function valueOf(node: JsonNode): JsonValue {
  switch (node.kind) {
    case 'object': {
      const out = Object.create(null) as { [name: string]: JsonValue }
      for (const [name, v] of node.members) out[name] = valueOf(v)
      return out
    }
    case 'array':
      return node.elements.map(valueOf)
    case 'string':
      return node.text
    case 'number':
      return numberOf(node.raw)
    case 'null':
      return null
    default:
      return node.kind === 'true'
  }
}

function numberOf(raw: string): number | bigint | string {
  const n = Number(raw)
  if (/^-?[0-9]+$/.test(raw)) return Number.isSafeInteger(n) ? n : BigInt(raw)
  const digits = raw.replace(/[eE].*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '')
  return Number.isFinite(n) && digits.length <= 15 && (n !== 0 || digits === '') ? n : raw
}
