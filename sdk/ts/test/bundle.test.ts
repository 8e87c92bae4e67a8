import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../src/index.js'
import { BundleState } from '../src/bundle/state.js'
import { parseBundle } from '../src/bundle/read.js'
import { IndexSet, checkSets } from '../src/bundle/set.js'
import { type Bytes, concat, unhex } from '../src/bytes.js'
import { base, now } from './mint.js'
import { Raw, cbor, claims, house, map, named, rice, serial, set, sign1, type } from './mintbundle.js'
import { codeOf, keyOf, seeded, testKey } from './support.js'

const read = (data: Uint8Array): ReturnType<typeof parseBundle> => parseBundle(concat(data))
const hour = Math.ceil(now / 3600)

test('sets are read as they were written, whatever k', () => {
  const random = seeded(41)
  for (let n = 0; n < 100; n++) {
    const size = 1 + random(3000)
    const indices = Array.from({ length: size }, (_, i) => i).filter(() => random(1 + (n % 40)) === 0)
    if (indices.length === 0) continue
    const k = random(8)
    const next = new IndexSet(k, indices.length, rice(k, indices), size).cursor()
    for (const want of indices) assert.equal(next(), want)
    assert.equal(next(), -1)
    assert.equal(next(), -1)
  }
  // The example of the format: indices 5 and 9, k 2. Gaps 5 = 1·4+1 and 3: 10 01, 0 11.
  const next = new IndexSet(2, 2, Uint8Array.of(0b1001_0110), 10).cursor()
  assert.deepEqual([next(), next(), next()], [5, 9, -1])
  // k 24 and a quotient so long that shifts would wrap.
  assert.throws(() => new IndexSet(24, 1, new Uint8Array(40).fill(0xff, 0, 36), 1 << 24).cursor()(), { code: 'bundle-malformed' })
})

for (const profile of ['sm2', 'es256'] as const) {
  test(`a bundle is read, and verified by the key that is trusted: ${profile}`, async () => {
    const w = await house(profile)
    const data = await w.bundle({
      trust: { roots: ['{}'], list: 'a.b.c' }, head: 3, revoked: { [hour]: [serial(1), serial(2)], [hour + 2]: [serial(3)] },
      lists: { 1: { seq: 17, size: 4096, sets: { 1: [3, 4, 4095], 2: [9], 3: [0] } }, b: { seq: 0, size: 1 }, 10: { seq: 2, size: 5 } },
    })
    const { kid, said, verify } = read(data)
    assert.deepEqual([kid, said.issuer, said.issuedAt, said.trust?.list, said.serials.head], [w.status.kid, base, now, 'a.b.c', 3])
    assert.deepEqual([...said.lists.keys()], ['1', 'b', '10'], 'shorter names first')
    await verify(keyOf(w.status))
    assert.equal(await codeOf(() => verify(keyOf(w.other))), 'bundle-signature-invalid')
    const opposite = await testKey(profile === 'sm2' ? 'issuer-es256' : 'issuer-sm2')
    assert.equal(await codeOf(() => verify(keyOf(opposite))), 'bundle-signature-invalid', 'of the other algorithm')

    const state = BundleState.empty.apply(said)
    assert.equal(state.serials, 3)
    for (const n of [1, 2, 3]) assert.ok(state.revoked(unhex(serial(n))))
    assert.ok(!state.revoked(unhex(serial(4))))
    for (const [index, status] of [[0, 3], [1, 0], [3, 1], [4, 1], [9, 2], [4095, 1]] as const) assert.deepEqual(state.status('1', index), { status, asOf: now })
    for (const index of [4096, 2 ** 40, NaN]) assert.throws(() => state.status('1', index), { code: 'status-index-out-of-range' })
    assert.equal(state.status('2', 0), undefined)
  })

  test(`any byte of a bundle changed, or cut off, is never believed: ${profile}`, async () => {
    const w = await house(profile)
    const key = keyOf(w.status)
    const data = await w.bundle({ trust: { list: 'a.b.c' }, revoked: { [hour]: [serial(1)] }, head: 1, lists: { 1: { seq: 1, size: 99, sets: { 1: [7] } } } })
    const random = seeded(42)
    for (let at = 0; at < data.length; at++) {
      const broken = concat(data)
      broken[at] = (broken[at] ?? 0) ^ (1 << random(8))
      const code = await codeOf(async () => read(broken).verify(key))
      assert.ok(code === 'bundle-malformed' || code === 'bundle-signature-invalid', `byte ${at}: ${code}`)
      assert.throws(() => read(data.subarray(0, at)), { code: 'bundle-malformed' })
    }
  })
}

const one = (...set: unknown[]): Map<unknown, unknown> => map({ 1: set })
const oneList = (...v: unknown[]): Map<unknown, unknown> => withClaim(-65540, named({ 1: v }))
const listNamed = (name: string): Map<unknown, unknown> => withClaim(-65540, new Map([[name, [0, 1, 9, map({})]]]))

function withClaim(label: number, v: unknown): Map<unknown, unknown> {
  const m = claims({})
  if (v === undefined) m.delete(label)
  else m.set(label, v)
  return m
}

const eight = (n: number): Buffer => Buffer.alloc(8, n)

test('what a signer could write and nobody takes', async () => {
  const w = await house()
  const cases: Record<string, unknown> = {
    'not a map': [],
    'no bytes': Buffer.alloc(0),
    'bytes behind the end': Buffer.concat([cbor(claims({})), Buffer.of(0)]),
    'no issuer': withClaim(1, undefined),
    'an empty issuer': withClaim(1, ''),
    'a long issuer': withClaim(1, 'é'.repeat(1025)),
    'issuer as bytes': withClaim(1, Buffer.from(base)),
    'no iat': withClaim(6, undefined),
    'no serials': withClaim(-65539, undefined),
    'another claim': withClaim(4, now),
    'a claim of another kind': withClaim(-65541, 1),
    'a text as label': new Map<unknown, unknown>([...claims({}), ['x', 1]]),
    'iat as float': withClaim(6, new Raw('f93e00')),
    'iat null': withClaim(6, null),
    'iat below zero': withClaim(6, -1),
    'iat in nine bytes': withClaim(6, new Raw('1b000000006b49d200')),
    'year 10000': withClaim(6, 253402300800),
    'a label in two bytes': Buffer.from(cbor(claims({})).toString('hex').replace('a301', 'a31801'), 'hex'),
    'a claim twice': Buffer.concat([cbor(claims({})).fill(0xa4, 0, 1), cbor(-65539), cbor([0, 0, map({})])]),
    'claims out of order': Buffer.concat([Buffer.of(0xa3), cbor(6), cbor(now), cbor(1), cbor(base), cbor(-65539), cbor([0, 0, map({})])]),
    'an indefinite map': Buffer.concat([Buffer.of(0xbf), cbor(claims({})).subarray(1), Buffer.of(0xff)]),
    'a tag': withClaim(6, new Raw('c11a6b49d200')),
    'trust null': withClaim(-65538, null),
    'trust without list': withClaim(-65538, [[], '']),
    'trust, one part': withClaim(-65538, [[]]),
    'trust, text roots': withClaim(-65538, [['{}'], 'a.b.c']),
    'trust, roots null': withClaim(-65538, [null, 'a.b.c']),
    'trust, a root null': withClaim(-65538, [[null], 'a.b.c']),
    'trust, too many roots': withClaim(-65538, [Array.from({ length: 129 }, () => eight(1)), 'a.b.c']),
    'trust, list that is not UTF-8': withClaim(-65538, [[], new Raw('61ff')]),
    'serials, two parts': withClaim(-65539, [0, 0]),
    'serials, four parts': withClaim(-65539, [0, 0, map({}), 0]),
    'serials null': withClaim(-65539, [null, 0, map({})]),
    'hours null': withClaim(-65539, [0, 0, null]),
    'numbers backwards': withClaim(-65539, [2, 1, map({})]),
    'a number of 54 bits': withClaim(-65539, [0, 2 ** 53, map({})]),
    'seven bytes': withClaim(-65539, [0, 1, map({ 500000: Buffer.alloc(7) })]),
    'an empty hour': withClaim(-65539, [0, 1, map({ 500000: Buffer.alloc(0) })]),
    'an hour of the year 10000': withClaim(-65539, [0, 1, map({ 70389527: eight(1) })]),
    'serials out of order': withClaim(-65539, [0, 2, map({ 500000: Buffer.concat([eight(2), eight(1)]) })]),
    'a serial twice': withClaim(-65539, [0, 2, map({ 500000: Buffer.concat([eight(2), eight(2)]) })]),
    'a serial at two hours': withClaim(-65539, [0, 2, map({ 500000: eight(2), 500001: Buffer.concat([eight(1), eight(2)]) })]),
    'an hour twice': withClaim(-65539, [0, 2, new Raw(`a2${'1a0007a120480101010101010101'.repeat(2)}`)]),
    'hours out of order': withClaim(-65539, [0, 2, new Raw(`a2${'0248'}${'01'.repeat(8)}${'0148'}${'02'.repeat(8)}`)]),
    'no lists': withClaim(-65540, map({})),
    'lists null': withClaim(-65540, null),
    'a list, three parts': oneList(0, 1, 100),
    'no name': listNamed(''),
    'a name of 65': listNamed('x'.repeat(65)),
    'a name with a dot': listNamed('../1'),
    'a name twice': withClaim(-65540, new Raw(`a2${'613184000109a0'.repeat(2)}`)),
    'names out of order': withClaim(-65540, new Raw('a262313184000109a0613284000109a0')),
    'status 4': oneList(0, 1, 100, map({ 4: [0, 1, Buffer.of(0)] })),
    'valid ones of a whole list': oneList(0, 1, 100, map({ 0: [0, 1, Buffer.of(0)] })),
    'sets out of order': oneList(0, 1, 100, new Raw('a2028300014100018300014180')),
    'sets null': oneList(0, 1, 100, null),
    'a set, two parts': oneList(0, 1, 100, one(0, 1)),
    'an empty set': oneList(0, 1, 100, one(0, 0, Buffer.alloc(0))),
    'k of 25': oneList(0, 1, 100, one(25, 1, Buffer.alloc(4))),
    'more than data': oneList(0, 1, 100, one(0, 9, Buffer.of(0))),
    'very many': oneList(0, 1, 1 << 24, one(0, 2 ** 53 - 1, Buffer.of(0))),
    'ends in unary': oneList(0, 1, 100, one(0, 1, Buffer.of(0xff))),
    'ends in the rest': oneList(0, 1, 100, one(6, 1, Buffer.of(0b1111_0000))),
    'behind the list': oneList(0, 1, 7, one(0, 1, Buffer.of(0b1111_1110))),
    'a byte too many': oneList(0, 1, 100, one(0, 1, Buffer.of(0, 0))),
    'a bit too many': oneList(0, 1, 100, one(0, 1, Buffer.of(1))),
    'bits as text': oneList(0, 1, 100, one(0, 1, 'a')),
    'an index in two sets': oneList(0, 1, 100, map({ 1: set(1, [4, 7]), 3: set(2, [5, 7]) })),
    'seq below from': oneList(2, 1, 100, map({})),
    'no size': oneList(0, 1, 0, map({})),
    'a size of 25 bits': oneList(0, 1, (1 << 24) + 1, map({})),
  }
  for (const [what, payload] of Object.entries(cases)) {
    const data = await sign1(w.status, payload)
    assert.throws(() => read(data), { code: 'bundle-malformed' }, what)
  }
  const [alg, kid] = [-7, Buffer.from('k')]
  const headers: Record<string, { header?: Map<unknown, unknown> | Raw; open?: unknown }> = {
    'no kid': { header: map({ 1: alg, 16: type }) },
    'no alg': { header: map({ 4: kid, 16: type }) },
    'another type': { header: map({ 1: alg, 4: kid, 16: 'application/statuslist+cwt' }) },
    'a further header': { header: map({ 1: alg, 3: 'x', 4: kid, 16: type }) },
    'critical': { header: map({ 1: alg, 2: [4], 4: kid, 16: type }) },
    'kid as text': { header: map({ 1: alg, 4: 'k', 16: type }) },
    'headers out of order': { header: new Raw(`a3${cbor(4).toString('hex')}416b0126${cbor(16).toString('hex')}${cbor(type).toString('hex')}`) },
    'alg in two bytes': { header: new Raw(`a3013806${cbor(4).toString('hex')}416b${cbor(16).toString('hex')}${cbor(type).toString('hex')}`) },
    'unprotected': { open: map({ 33: kid }) },
    'unprotected, in two bytes': { open: new Raw('b800') },
  }
  for (const [what, h] of Object.entries(headers)) {
    const data = await sign1(w.status, claims({}), h)
    assert.throws(() => read(data), { code: 'bundle-malformed' }, what)
  }
  const good = await sign1(w.status, claims({}))
  await read(good).verify(keyOf(w.status))
  const shapes = { 'no tag': good.subarray(1), 'another tag': Buffer.concat([Buffer.of(0xd1), good.subarray(1)]), 'behind the end': Buffer.concat([good, Buffer.of(0)]), nothing: Buffer.alloc(0) }
  for (const [what, data] of Object.entries(shapes)) assert.throws(() => read(data), { code: 'bundle-malformed' }, what)
  const long = (n: number): Bytes => new Uint8Array(n)
  assert.throws(() => parseBundle(long((4 << 20) + 1)), { code: 'bundle-malformed' })
  assert.equal(await codeOf(async () => read(Buffer.concat([good.subarray(0, -66), Buffer.of(0x40)])).verify(keyOf(w.status))), 'bundle-signature-invalid', 'a signature of no bytes')
})

test('bytes that nobody wrote are refused, and nothing crashes', () => {
  const random = seeded(43)
  const lists = { 1: { from: 1, seq: 2, size: 999, sets: { 0: [1], 1: [5, 600] } }, 2: { seq: 1, size: 7, sets: { 2: [0] } } }
  const seed = cbor(claims({ trust: { list: 'a' }, head: 9, revoked: { 9: [serial(1), serial(2)] }, lists }))
  const header = map({ 1: -7, 4: Buffer.from('k'), 16: type })
  const wrap = (body: Uint8Array): Buffer => Buffer.concat([Buffer.of(0xd2), cbor([cbor(header), map({}), body, Buffer.alloc(64)])])
  assert.equal(read(wrap(seed)).said.lists.size, 2)
  let taken = 0
  for (let n = 0; n < 6000; n++) {
    let body = n % 5 === 0 ? Buffer.from(Array.from({ length: random(40) }, () => random(256))) : Buffer.from(seed)
    for (let k = random(3); k >= 0 && body.length > 0; k--) body[random(body.length)] = random(256)
    if (n % 7 === 0) body = Buffer.concat([body.subarray(0, random(body.length + 1)), seed.subarray(random(seed.length))])
    const whole = n % 3 === 0 ? Buffer.from(wrap(body).map((b) => (random(100) === 0 ? random(256) : b))) : wrap(body)
    try {
      const { said } = read(whole)
      taken++
      // What has the form is also taken in, or refused with a reason.
      BundleState.empty.apply({ ...said, lists: new Map([...said.lists].filter(([, l]) => l.size < 1 << 20)) })
    } catch (e) {
      assert.ok(e instanceof Refusal && e.code.startsWith('bundle-'), String(e instanceof Error ? e.stack : e))
    }
  }
  assert.ok(taken > 50, `${taken} had the form`)
})

test('a few bytes that stand for very many take no room before they are believed', () => {
  // Zeros with k 0: four million entries of a list. It is read where it lies.
  const bits = Buffer.alloc(1 << 19)
  const list = (): unknown[] => [0, 1, 1 << 24, map({ 1: [0, 1 << 22, bits] })]
  const body = cbor(new Map<unknown, unknown>([...claims({}), [-65540, named({ 1: list(), 2: [0, 1, 1 << 24, map({})] })]]))
  const data = concat(Buffer.of(0xd2), cbor([cbor(map({ 1: -7, 4: Buffer.from('k'), 16: type })), map({}), body, Buffer.alloc(64)]))
  const before = process.memoryUsage()
  const { said } = parseBundle(data)
  const after = process.memoryUsage()
  assert.ok(after.arrayBuffers - before.arrayBuffers < 1 << 20, `${after.arrayBuffers - before.arrayBuffers} bytes`)
  assert.equal(said.lists.get('1')?.sets[0]?.indices.count, 1 << 22)
  const state = BundleState.empty.apply(said)
  assert.equal(state.status('1', (1 << 22) - 1)?.status, 1)
  assert.doesNotThrow(() => checkSets([]))
})

const said = (p: Parameters<typeof claims>[0]): ReturnType<typeof parseBundle>['said'] =>
  read(Buffer.concat([Buffer.of(0xd2), cbor([cbor(map({ 1: -7, 4: Buffer.from('k'), 16: type })), map({}), cbor(claims(p)), Buffer.alloc(64)])])).said

test('states follow one another, and what was known is known still', () => {
  const two = { 1: { seq: 17, size: 4096, sets: { 1: [7, 8], 2: [9] } }, 2: { seq: 4, size: 10 } }
  const first = BundleState.empty.apply(said({ head: 40, revoked: { [hour]: [serial(1), serial(2)], [hour + 5]: [serial(3)] }, lists: two }))
  const later = now + 3 * 3600
  const lists = { 1: { from: 16, seq: 19, size: 4096, sets: { 0: [7], 2: [0] } } }
  const change = { iat: later, from: 38, head: 41, revoked: { [hour + 5]: [serial(3), serial(4)], [hour + 6]: [serial(5)] }, lists }
  const next = first.apply(said(change))
  assert.deepEqual([next.status('1', 7), next.status('1', 8), next.status('1', 0)], [{ status: 0, asOf: later }, { status: 1, asOf: later }, { status: 2, asOf: later }])
  assert.deepEqual(next.status('2', 0), { status: 0, asOf: now }, 'a list of which nothing was said')
  assert.deepEqual(first.status('1', 7), { status: 1, asOf: now }, 'the old state did not change')
  assert.deepEqual([1, 2, 3, 4, 5].map((n) => next.revoked(unhex(serial(n)))), [false, false, true, true, true], 'what has ended is forgotten')
  assert.equal(next.serials, 3)
  assert.deepEqual(next.lists, { 1: 19, 2: 4 })
  assert.equal(next.apply(said({ iat: later, head: 41 })).serials, 0, 'a whole set of serials replaces')
  assert.deepEqual(next.apply(said({ iat: later, from: 41, head: 41, lists: { 1: { from: 19, seq: 19, size: 4096 } } })).status('1', 8), { status: 1, asOf: later })

  const refused: [string, string, object][] = [
    ['older', 'bundle-rolled-back', { iat: now - 1 }],
    ['fewer serials', 'bundle-rolled-back', { from: 0, head: 39 }],
    ['an older list', 'bundle-rolled-back', { lists: { 1: { seq: 16, size: 4096 } } }],
    ['serials left out', 'bundle-gap', { from: 41, head: 42 }],
    ['changes left out', 'bundle-gap', { lists: { 1: { from: 18, seq: 19, size: 4096 } } }],
    ['another size', 'bundle-gap', { lists: { 1: { from: 17, seq: 19, size: 4095 } } }],
    ['changes of an unknown list', 'bundle-gap', { lists: { 3: { from: 1, seq: 2, size: 9 } } }],
    ['rolled back, and a gap: the first fault of the table', 'bundle-rolled-back', { from: 41, head: 42, lists: { 1: { seq: 16, size: 4096 } } }],
    ['too many entries', 'bundle-too-large', { lists: Object.fromEntries([...'abcdefghijklmnop'].map((name) => [name, { seq: 1, size: 1 << 24 }])) }],
    ['too many, and a gap: the first fault of the table', 'bundle-gap', { lists: Object.fromEntries([...'abcdefghijklmnopq'].map((name) => [name, { from: 1, seq: 1, size: 1 << 24 }])) }],
  ]
  for (const [what, code, p] of refused) assert.throws(() => first.apply(said({ ...change, ...p })), { code }, what)
  assert.doesNotThrow(() => first.apply(said({ ...change, lists: { 1: { seq: 17, size: 4095 } } })), 'a whole list of another size')
})
