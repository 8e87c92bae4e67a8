import assert from 'node:assert/strict'
import { deflateRawSync, deflateSync, constants } from 'node:zlib'
import { test } from 'node:test'
import { parseCode } from '../src/index.js'
import { compareCodePoints, decodeBase64, decodeBase64url, encodeBase64url, utf8Length, wellFormed } from '../src/bytes.js'
import { canonical } from '../src/canonical.js'
import { inflate } from '../src/inflate.js'
import { parseJson, valueOf } from '../src/json.js'
import { codeOf, seeded } from './support.js'

test('base64url is canonical or refused', () => {
  const random = seeded(1)
  for (let n = 0; n < 200; n++) {
    const bytes = Uint8Array.from({ length: n % 70 }, () => random(256))
    const text = encodeBase64url(bytes)
    assert.equal(text, Buffer.from(bytes).toString('base64url'))
    assert.deepEqual(decodeBase64url(text), bytes)
  }
  for (const bad of ['A', 'AB', 'AAB', 'AA==', 'AA\n', 'A A', 'AA+', 'é0', 'AAA\u0100']) assert.equal(decodeBase64url(bad), undefined, bad)
  assert.deepEqual(decodeBase64('+/8='), Uint8Array.of(0xfb, 0xff))
  for (const bad of ['-_8=', '+/8', '+/9=', '====', 'A===']) assert.equal(decodeBase64(bad), undefined, bad)
})

test('texts are counted and ordered as in UTF-8', () => {
  for (const s of ['', 'a', 'é', '张', '😀', 'a张😀']) assert.equal(utf8Length(s), Buffer.byteLength(s))
  assert.ok(wellFormed('😀') && !wellFormed('\ud83d') && !wellFormed('\ude00a'))
  for (const half of ['\ude00', 'a\ude00', '😀\ude00', '😀\ud83d', '\ud83d\ud83d\ude00', 'a\n\ude00']) assert.ok(!wellFormed(half))
  assert.ok(wellFormed('') && wellFormed('a😀😀b'))
  const names = ['a', '\uffff', '😀', 'ab', '']
  assert.deepEqual([...names].sort(compareCodePoints), [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
})

test('JSON is read strictly', () => {
  const good: [string, unknown][] = [
    [' {"a":[1.5,true,null,"\\u00e9\\n😀"]} ', { a: [1.5, true, null, 'é\n😀'] }],
    ['12345678901234567890', 12345678901234567890n],
    ['0.1000000000000000055', '0.1000000000000000055'],
    ['1e2', 100], ['-0', -0], ['[]', []],
  ]
  for (const [text, want] of good) assert.deepEqual(JSON.parse(JSON.stringify(valueOf(parseJson(text, 4)), big)), JSON.parse(JSON.stringify(want, big)), text)
  const bad: [string, string][] = [
    ['', 'syntax'], ['{} {}', 'syntax'], ['{"a":', 'syntax'], ['["\\ud83d"]', 'surrogate'], ['"\\ude00"', 'surrogate'], ['[-]', 'syntax'], ['01', 'syntax'],
    ['[1,]', 'syntax'], ['{"a":1,}', 'syntax'], ['"\\', 'syntax'], ['[\u0000]', 'syntax'], ['"\u0001"', 'syntax'], ['{"x":{"a":1,"a":2}}', 'duplicate'],
    ['{"a":1,"\\u0061":2}', 'duplicate'], ['[[[[[1]]]]]', 'depth'], ['nul', 'syntax'], ['1.', 'syntax'], ['.5', 'syntax'], ['"\\x"', 'syntax'], ['+1', 'syntax'],
    ['\ufeff1', 'syntax'], ['{"a" 1}', 'syntax'], ["{'a':1}", 'syntax'], ['"\\u00g0"', 'syntax'],
  ]
  for (const [text, kind] of bad) assert.throws(() => parseJson(text, 4), { kind }, text)
  assert.equal((valueOf(parseJson('{"__proto__":1}', 4)) as Record<string, unknown>)['__proto__'], 1)
})

function big(_: string, v: unknown): unknown {
  return typeof v === 'bigint' ? `${v}n` : v
}

test('what strict reading takes JSON.parse reads the same', () => {
  const random = seeded(2)
  const seeds = ['{"a":[1,{"b":"\\u0061"}],"c":-1.5e3}', '["x",null,true]', '{"k\\"":"\\ud83d\\ude00"}']
  for (let n = 0; n < 3000; n++) {
    const text = mutate(seeds[random(seeds.length)] ?? '', random)
    let node
    try {
      node = parseJson(text, 16)
    } catch {
      continue
    }
    assert.deepEqual(JSON.parse(JSON.stringify(valueOf(node), big)), JSON.parse(JSON.stringify(JSON.parse(text) as unknown)), text)
  }
})

function mutate(text: string, random: (n: number) => number): string {
  const at = random(text.length + 1)
  const c = '{}[]",:\\0e1ntu \u0001'.charAt(random(17))
  return random(2) === 0 ? text.slice(0, at) + c + text.slice(at) : text.slice(0, at) + c + text.slice(at + 1)
}

test('RFC 8785: the examples of §3.2 and appendix B', () => {
  const cases: [string, string][] = [
    ['"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/"', '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'],
    ['{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}', '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'],
    ['[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]', '[333333333.3333333,1e+30,4.5,0.002,1e-27]'],
    ['-0', '0'], ['-0.0', '0'], ['5e-324', '5e-324'], ['1e999', '1e999'], ['{"b":[{}],"a":[]}', '{"a":[],"b":[{}]}'],
  ]
  for (const [text, want] of cases) assert.equal(canonical(parseJson(text, 8)), want)
})

test('zlib is unpacked to the last byte and to the bound', () => {
  const random = seeded(3)
  for (let n = 0; n < 120; n++) {
    const data = Buffer.from(Array.from({ length: random(3000) }, () => (random(4) === 0 ? random(256) : random(3))))
    const strategy = [constants.Z_DEFAULT_STRATEGY, constants.Z_FIXED, constants.Z_HUFFMAN_ONLY, constants.Z_RLE][n % 4]
    const packed = deflateSync(data, { level: n % 10, strategy })
    assert.ok(Buffer.from(inflate(packed, data.length)).equals(data))
    if (data.length > 0) assert.throws(() => inflate(packed, data.length - 1), { name: 'InflateFault' })
    assert.throws(() => inflate(Buffer.concat([packed, Buffer.of(0)]), 1 << 20), { name: 'InflateFault' })
    assert.throws(() => inflate(packed.subarray(0, random(packed.length)), 1 << 20), { name: 'InflateFault' })
    const flipped = Buffer.from(packed)
    const at = random(flipped.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8))
    try {
      assert.ok(Buffer.from(inflate(flipped, 1 << 20)).equals(data), 'what a flip leaves readable lies in bits that mean nothing')
    } catch (e) {
      assert.equal((e as Error).name, 'InflateFault')
    }
  }
  assert.throws(() => inflate(deflateRawSync(Buffer.from('abc')), 10), { name: 'InflateFault' })
  assert.throws(() => inflate(deflateSync(Buffer.alloc(64 << 20)), 1 << 20), { name: 'InflateFault' }, 'a bomb ends at the bound')
})

test('codes: what scanners make of them is undone, and nothing is guessed', async () => {
  const s = 'SC1DEMORFE62A4PJ6DPSSKRKITVGYJOY47'
  const wide = [...s].map((c) => String.fromCodePoint((c.codePointAt(0) ?? 0) + 0xfee0)).join('')
  for (const t of [s, ` ${s}\r\n`, `\ufeff${s}`, s.toLowerCase(), wide, `]Q1${s}`, `HTTPS://SHOW.EXAMPLE.CN/S/${s}`, `http://localhost:8080/s/${s}`]) {
    const code = parseCode(t)
    assert.ok(code.kind === 'ticket' && code.domain === 'DEMO' && code.text === s, t)
  }
  const o = parseCode('SC2MZXW6YTBOI')
  assert.ok(o.kind === 'offline' && Buffer.from(o.token).toString() === 'foobar')
  const cases: [string, string][] = [
    ['', 'code-not-ours'], ['6901234567892', 'code-not-ours'], [`https://evil.example/x/${s}`, 'code-not-ours'], [s.slice(0, 20), 'code-truncated'], [s + s, 'code-too-long'],
    [`${s.slice(0, 33)}Z`, 'code-check-character'], [s.replace('RFE', 'R0E'), 'code-alphabet'], ['SC2', 'code-truncated'], ['SC2MZXW6YTBOJ', 'code-truncated'],
    ['SC2MZXW6YTBOIMZX0', 'code-alphabet'], ['SC2MZXW6YTBOISC2MZXW6YTBOI', 'code-too-long'], ['SC2MZXW6YTBOI\r\nSC2MZXW6YTBOI', 'code-too-long'],
    [`SC2${'A'.repeat(1449)}`, 'code-too-long'], [`SC2${'A'.repeat(5000)}`, 'code-too-long'], ['x'.repeat(5000), 'code-not-ours'], ['ſC1', 'code-not-ours'],
  ]
  for (const [text, code] of cases) assert.equal(await codeOf(() => parseCode(text)), code, text.slice(0, 60))
  for (let i = 0; i < s.length; i++) {
    const at = i
    const other = s[at] === 'A' ? 'B' : 'A'
    assert.notEqual(await codeOf(() => parseCode(s.slice(0, at) + other + s.slice(at + 1))), '', `character ${at}`)
  }
})
