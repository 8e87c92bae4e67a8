// What a department's own original says: an SD-JWT (RFC 9901) with all its disclosures. Nothing is verified here; it comes from the
// registry that signed it, to the department that asked for it.

export interface Opened {
  readonly payload: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/** What a part of a signed text says. */
export function read(part: string | undefined): unknown {
  const text = atob((part ?? '').replace(/-/g, '+').replace(/_/g, '/'))
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0))))
}

export function open(credential: string): Opened {
  const [jwt = '', ...disclosures] = credential.split('~')
  const claims: Record<string, unknown> = {}
  let payload: Record<string, unknown> = {}
  try {
    payload = read(jwt.split('.')[1]) as Record<string, unknown>
    for (const d of disclosures) {
      if (!d) continue
      const one = read(d)
      if (Array.isArray(one) && one.length === 3 && typeof one[1] === 'string') claims[one[1]] = one[2]
    }
  } catch { /* what cannot be read is not shown */ }
  return { payload, claims }
}
