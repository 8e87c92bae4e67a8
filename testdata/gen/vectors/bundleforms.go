package main

import (
	"bytes"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/cose"
)

// badBundles are no bundles, though signed.
func badBundles() (all []bundleCase) {
	bad := func(name, comment string, make func(b *bundling) []byte) {
		all = append(all, bundleCase{"malformed-" + name, comment, func(b *bundling) {
			b.take(make(b), now, "bundle-malformed")
			b.take(b.sign(b.whole(), "status-1"), now, taken)
		}})
	}
	with := func(label int64, v any) func(b *bundling) []byte {
		return func(b *bundling) []byte {
			t := b.trust("list-1")
			m := map[int64]any{1: bundleBase, 6: now, -65538: []any{[]any{}, t.List}, -65539: []any{0, 0, map[int64]any{}}}
			if m[label] = v; v == nil {
				delete(m, label)
			}
			return b.raw(m, nil)
		}
	}
	list := func(v ...any) func(b *bundling) []byte { return with(-65540, map[string]any{"1": v}) }
	set := func(k, n int, bits ...byte) func(b *bundling) []byte {
		return list(0, 1, 100, map[int64]any{1: []any{k, n, bits}})
	}
	serials := func(v ...any) func(b *bundling) []byte { return with(-65539, v) }
	cut := func(n int) func(b *bundling) []byte {
		return func(b *bundling) []byte { data := b.sign(b.whole(), "status-1"); return data[:len(data)-n] }
	}
	null := cose.Raw{0xf6}
	bad("empty", "nothing at all", func(*bundling) []byte { return nil })
	bad("truncated", "the last byte is missing", cut(1))
	bad("half", "half of it", func(b *bundling) []byte { data := b.sign(b.whole(), "status-1"); return data[:len(data)/2] })
	bad("trailing", "a byte behind it", func(b *bundling) []byte { return append(b.sign(b.whole(), "status-1"), 0) })
	bad("untagged", "a COSE_Sign1 without its tag", func(b *bundling) []byte { return b.sign(b.whole(), "status-1")[1:] })
	bad("no-kid", "no kid", func(b *bundling) []byte { return b.raw(map[int64]any{}, map[any]any{cose.HeaderType: bundle.Type}) })
	bad("typ", "the type of a status list", func(b *bundling) []byte {
		return b.raw(map[int64]any{}, map[any]any{cose.HeaderType: "application/statuslist+cwt", cose.HeaderKeyID: []byte("status-1")})
	})
	bad("header", "a header more", func(b *bundling) []byte {
		return b.raw(map[int64]any{}, map[any]any{cose.HeaderType: bundle.Type, cose.HeaderKeyID: []byte("status-1"), 3: "text/plain"})
	})
	bad("array", "claims that are no map", func(b *bundling) []byte { return b.raw([]any{}, nil) })
	bad("no-iss", "no iss", with(1, nil))
	bad("empty-iss", "an empty iss", with(1, ""))
	bad("no-iat", "no iat", with(6, nil))
	bad("iat-float", "iat as a float", with(6, float32(1.5)))
	bad("iat-null", "iat is null", with(6, null))
	bad("iat-negative", "iat before 1970", with(6, -1))
	bad("iat-10000", "iat in the year 10000", with(6, 253402300800))
	bad("claim", "a claim more", with(4, now+60))
	bad("no-serials", "no serials", with(-65539, nil))
	bad("serials-short", "serials of two parts", serials(0, 0))
	bad("serials-long", "serials of four parts", serials(0, 0, map[int64]any{}, 0))
	bad("serials-null", "a number is null", serials(null, 0, map[int64]any{}))
	bad("serials-from", "from is more than head", serials(2, 1, map[int64]any{}))
	bad("serials-number", "a number that not every reader keeps exactly", serials(0, int64(1)<<53, map[int64]any{}))
	bad("serials-seven", "seven bytes", serials(0, 1, map[int64]any{500000: make([]byte, 7)}))
	bad("serials-none", "an hour without any", serials(0, 1, map[int64]any{500000: []byte{}}))
	bad("serials-order", "out of order", serials(0, 2, map[int64]any{500000: append(bytes.Repeat([]byte{2}, 8), bytes.Repeat([]byte{1}, 8)...)}))
	bad("serials-twice", "a serial twice", serials(0, 2, map[int64]any{500000: bytes.Repeat([]byte{2}, 16)}))
	bad("serials-two-hours", "a serial in two hours", serials(0, 2, map[int64]any{500000: bytes.Repeat([]byte{2}, 8), 500001: bytes.Repeat([]byte{2}, 8)}))
	bad("serials-hours-null", "no hours, as null", serials(0, 0, null))
	bad("trust-roots-null", "no roots, as null", with(-65538, []any{null, "a.b.c"}))
	bad("trust-root-null", "a root that is null", with(-65538, []any{[]any{null}, "a.b.c"}))
	bad("list-sets-null", "no sets, as null", list(0, 1, 100, null))
	bad("list-two-sets", "an entry in two sets", list(0, 1, 100, map[int64]any{1: []any{0, 1, []byte{0}}, 2: []any{0, 1, []byte{0}}}))
	bad("open-header", "the unprotected header in two bytes: no signature is over it", func(b *bundling) []byte {
		data := b.sign(b.whole(), "status-1")
		end := bytes.Index(data, []byte("cbor\xa0")) + 4
		return append(append(append([]byte{}, data[:end]...), 0xb8, 0x00), data[end+1:]...)
	})
	bad("header-order", "the protected header in another order", func(b *bundling) []byte {
		body := cborOf(minimal(b))
		head := cborOf(map[int64]any{1: algorithmNumber(b.p.algorithm), 4: []byte("status-1"), 16: bundle.Type})
		alg, kid := append([]byte{0x01}, cborOf(algorithmNumber(b.p.algorithm))...), append([]byte{0x04}, cborOf([]byte("status-1"))...)
		head = bytes.Replace(head, append(append([]byte{}, alg...), kid...), append(append([]byte{}, kid...), alg...), 1)
		signed := cborOf([]any{"Signature1", head, []byte{}, body})
		sig, err := b.signer(b.named("status-1")).Sign(signed)
		check(err)
		return append([]byte{0xd2}, cborOf([]any{head, body0(), body, sig})...)
	})
	bad("trust-empty", "an empty trust list", with(-65538, []any{[]any{}, ""}))
	bad("trust-text", "roots as text", with(-65538, []any{[]any{"{}"}, "a.b.c"}))
	bad("lists-empty", "no list among the lists", with(-65540, map[string]any{}))
	bad("list-name", "a name that leads elsewhere", with(-65540, map[string]any{"../1": []any{0, 1, 100, map[int64]any{}}}))
	bad("list-bytes", "a name in bytes", func(b *bundling) []byte {
		m := minimal(b)
		m[-65540] = map[string]any{"1": []any{0, 1, 100, map[int64]any{}}}
		return b.raw(bytes.Replace(cborOf(m), []byte{0xa1, 0x61, '1', 0x84}, []byte{0xa1, 0x41, '1', 0x84}, 1), nil)
	})
	bad("list-size", "no entries", list(0, 1, 0, map[int64]any{}))
	bad("list-huge", "more entries than a list has", list(0, 1, 1<<24+1, map[int64]any{}))
	bad("list-from", "from is more than seq", list(2, 1, 100, map[int64]any{}))
	bad("list-status", "a status of three bits", list(0, 1, 100, map[int64]any{4: []any{0, 1, []byte{0}}}))
	bad("list-valid", "a whole list with a set of valid entries", list(0, 1, 100, map[int64]any{0: []any{0, 1, []byte{0}}}))
	bad("set-empty", "a set of none", set(0, 0))
	bad("set-k", "k of 25", set(25, 1, 0, 0, 0, 0))
	bad("set-more", "more entries than bits", set(0, 9, 0))
	bad("set-unary", "ends in the unary part", set(0, 1, 0xff))
	bad("set-rest", "ends in the low bits", set(6, 1, 0b1111_0000))
	bad("set-behind", "an entry behind the end of the list", set(4, 1, 0b1111_1110, 0))
	bad("set-byte", "a byte too many", set(0, 1, 0, 0))
	bad("set-bit", "a bit too many", set(0, 1, 0b0000_0001))
	bad("set-text", "bits as text", list(0, 1, 100, map[int64]any{1: []any{0, 1, "a"}}))
	bad("set-huge", "as many entries as would take 64 GB", set(0, 1<<53, 0))
	bad("spelling", "iat in nine bytes", func(b *bundling) []byte { return b.raw(long(cborOf(minimal(b)), now), nil) })
	bad("order", "keys out of order", func(b *bundling) []byte {
		body := cborOf(minimal(b))
		first, second := append([]byte{0x01}, cborOf(bundleBase)...), append([]byte{0x06}, cborOf(now)...)
		return b.raw(bytes.Replace(body, append(append([]byte{}, first...), second...), append(append([]byte{}, second...), first...), 1), nil)
	})
	bad("duplicate", "iss twice", func(b *bundling) []byte {
		body := cborOf(minimal(b))
		first := append([]byte{0x01}, cborOf(bundleBase)...)
		body = bytes.Replace(body, first, append(append([]byte{}, first...), first...), 1)
		body[0]++
		return b.raw(body, nil)
	})
	bad("indefinite", "a map of indefinite length", func(b *bundling) []byte {
		body := cborOf(minimal(b))
		return b.raw(append(append([]byte{0xbf}, body[1:]...), 0xff), nil)
	})
	bad("deep", "a thousand arrays", func(b *bundling) []byte { return b.raw(append(bytes.Repeat([]byte{0x81}, 1000), 0), nil) })
	bad("length", "a text longer than the data", func(b *bundling) []byte {
		return b.raw([]byte{0xa1, 0x01, 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nil)
	})
	return all
}

// body0 is an empty unprotected header.
func body0() map[int64]any { return map[int64]any{} }

// minimal is the least that is a bundle.
func minimal(*bundling) map[int64]any {
	return map[int64]any{1: bundleBase, 6: now, -65539: []any{0, 0, map[int64]any{}}}
}

func cborOf(v any) []byte {
	data, err := cose.Marshal(v)
	check(err)
	return data
}

// long writes a number of four bytes in eight.
func long(body []byte, n int64) []byte {
	short := cborOf(n)
	return bytes.Replace(body, short, append([]byte{0x1b, 0, 0, 0, 0}, short[1:]...), 1)
}
