import type { JsonNode } from './json.js'

/**
 * Writes a value the one way that RFC 8785 allows: no white space, members sorted by UTF-16 code units, strings with the
 * fewest escapes, numbers as ECMAScript writes them. A number that no double holds stays as it was written.
 */
export function canonical(node: JsonNode): string {
  switch (node.kind) {
    case 'object': {
      const names = [...node.members.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
      return `{${names.map((n) => `${JSON.stringify(n)}:${canonical(node.members.get(n) ?? node)}`).join(',')}}`
    }
    case 'array':
      return `[${node.elements.map(canonical).join(',')}]`
    case 'string':
      return JSON.stringify(node.text)
    case 'number': {
      const n = Number(node.raw)
      return Number.isFinite(n) ? JSON.stringify(n) : node.raw
    }
    default:
      return node.raw
  }
}
