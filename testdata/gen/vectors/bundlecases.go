package main

import (
	"bytes"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/trustlist"
)

type bundleCase struct {
	name, comment string
	make          func(b *bundling)
}

func bundleCases() []bundleCase {
	all := []bundleCase{
		{"good-whole", "a whole bundle, looked into; then nothing new", func(b *bundling) {
			b.wants(`{"roots":1,"statuses":"all"}`)
			b.check("showing", now, "trust-list-unavailable")
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			b.wants(`{"roots":1,"list":10,"serials":20,"statuses":"all","lists":{"1":60,"2":0}}`)
			b.check("showing", now, valid)
			b.check("a", now, "offline-revoked")
			b.status("1", 3, "invalid")
			b.status("1", 4, valid)
			b.status("1", 1, "suspended")
			b.status("1", 3+59*17393, "invalid")
			b.status("1", 1048319, valid)
			b.status("1", 1048320, "status-index-out-of-range")
			b.status("2", 999, valid)
			b.status("2", 1000, "status-index-out-of-range")
			b.status("3", 0, "bundle-list-missing")
			b.take(b.sign(&bundle.Bundle{Issuer: bundleBase, IssuedAt: at(now + 5), Serials: bundle.Serials{From: 20, Head: 20}}, "status-1"), now+5, taken)
			b.status("1", 3, "invalid")
			b.check("b", now+5, "offline-revoked")
		}},
		{"good-change", "changes to lists, and one more code revoked", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			b.check("showing", now, valid)
			b.take(b.sign(b.change(), "status-2"), now+600, taken)
			b.wants(`{"roots":1,"list":10,"serials":21,"statuses":"all","lists":{"1":63,"2":1}}`)
			b.check("showing", now+600, "offline-revoked")
			b.check("b", now+600, "offline-revoked")
			b.check("other", now+600, valid)
			b.status("1", 3, valid)
			b.status("1", 5, "invalid")
			b.status("1", 1048319, "suspended")
			b.status("1", 17396, "invalid")
			b.status("2", 999, "application-specific")
			b.restart(now + 700)
			b.check("showing", now+700, "offline-revoked")
			b.status("1", 5, "invalid")
			b.wants(`{"roots":1,"list":10,"serials":21,"statuses":"all","lists":{"1":63,"2":1}}`)
		}},
		{"good-overlap", "a change that begins before what is known says it again", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			c := b.change()
			b.take(b.sign(c, "status-1"), now+600, taken)
			c.IssuedAt = at(now + 700)
			b.take(b.sign(c, "status-1"), now+700, taken)
			c.IssuedAt, c.Serials.From, c.Lists["1"] = at(now+800), 5, bundle.List{From: 10, Seq: 64, Size: 1<<20 - 256, Sets: [4][]uint32{{5}, {3}, nil, nil}}
			b.take(b.sign(c, "status-1"), now+800, taken)
			b.status("1", 5, valid)
			b.status("1", 3, "invalid")
			b.status("1", 1048319, "suspended")
			b.check("showing", now+800, "offline-revoked")
		}},
		{"good-whole-again", "a whole bundle in place of all: what it does not say is not so any more", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			w := b.whole()
			w.IssuedAt, w.Lists["1"] = at(now+60), bundle.List{Seq: 61, Size: 1<<20 - 256}
			w.Serials.Revoked = w.Serials.Revoked[1:]
			b.take(b.sign(w, "status-1"), now+60, taken)
			b.status("1", 3, valid)
			b.check("a", now+60, valid)
			b.check("b", now+60, "offline-revoked")
		}},
		{"good-no-lists", "revoked codes alone", func(b *bundling) {
			w := b.whole()
			w.Lists = nil
			b.take(b.sign(w, "status-1"), now, taken)
			b.check("showing", now, valid)
			b.check("c", now, "offline-revoked")
			b.status("1", 3, "bundle-list-missing")
		}},
		{"good-age", "old knowledge: what was revoked stays so, what is good is not sure any more", func(b *bundling) {
			w := b.whole()
			w.Serials.Revoked = append(w.Serials.Revoked, b.revoked("late", now+2*day))
			b.take(b.sign(w, "status-1"), now, taken)
			b.check("showing", now+day, valid)
			b.check("showing", now+day+1, "status-stale")
			b.check("late", now+day+1, "offline-revoked")
			b.check("showing", now+2*day, "trust-list-stale")
		}},
		{"good-clock", "dated a minute ahead: clocks differ", func(b *bundling) { b.take(b.sign(b.whole(), "status-1"), now-60, taken) }},
		{"good-roots", "new roots, and a list by a signer that only they name", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			w := b.change()
			b.list.Version = 11
			w.Trust = b.trust("list-2", b.nextRoots(2, "root-1", "root-3"))
			b.take(b.sign(w, "status-1"), now+600, taken)
			b.wants(`{"roots":2,"list":11,"serials":21,"statuses":"all","lists":{"1":63,"2":1}}`)
			b.restart(now + 700)
			b.check("showing", now+700, "offline-revoked")
			b.list.Version = 12
			w = b.change()
			w.Trust = b.trust("list-2", b.nextRoots(2, "root-1", "root-3"))
			b.take(b.sign(w, "status-1"), now+700, taken) // roots that it has are passed over
		}},
		{"roots-rotated-restart", "all that is revoked fits into one change, whose roots begin behind those at hand: the bundles before it are still needed", func(b *bundling) {
			w := b.whole()
			w.Lists, w.Serials = nil, bundle.Serials{}
			b.list.Version = 10
			w.Trust = b.trust("list-2", b.nextRoots(2, "root-1", "root-2"))
			b.take(b.sign(w, "status-1"), now, taken)
			b.list.Version = 11
			w.IssuedAt, w.Trust = at(now+60), b.trust("list-2")
			b.take(b.sign(w, "status-1"), now+60, taken)
			b.restart(now + 120)
			b.check("other", now+120, valid)
		}},
		{"status-key-replaced", "a new list has another key by the name of an earlier bundle's signer: what that said is forgotten", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			b.list.Version = 11
			b.list.Domains = append([]trustlist.Domain{}, b.list.Domains...)
			d := &b.list.Domains[0]
			d.StatusKeys = append([]trustlist.DatedKey{}, d.StatusKeys...)
			d.StatusKeys[0].Key = b.named("status-3").WithID("status-1").Public()
			c := b.change()
			c.Trust = b.trust("list-1")
			b.take(b.sign(c, "status-2"), now+600, "bundle-gap")
		}},
		{"good-frozen-issuer", "a bundle brings the freeze of an authority's key", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			b.check("other", now, valid)
			c := b.change()
			b.list.Version = 11
			b.list.Issuers = []trustlist.Issuer{b.list.Issuers[0]}
			b.list.Issuers[0].Keys = []trustlist.DatedKey{{Key: b.keys.issuer.Public(), Frozen: true}, {Key: b.named("police-2").Public()}}
			c.Trust = b.trust("list-1")
			b.take(b.sign(c, "status-1"), now+600, taken)
			b.check("other", now+600, "key-frozen")
		}},
		{"frozen-status-key", "a new list freezes the key of an earlier bundle: what it said is forgotten, and a change continues nothing", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			b.list.Version = 11
			b.list.Domains = append([]trustlist.Domain{}, b.list.Domains...)
			d := &b.list.Domains[0]
			d.StatusKeys = append([]trustlist.DatedKey{}, d.StatusKeys...)
			d.StatusKeys[0].Frozen = true
			c := b.change()
			c.Trust = b.trust("list-1")
			b.take(b.sign(c, "status-2"), now+600, "bundle-gap")
			b.check("showing", now+600, valid) // all or nothing: the list was not taken either
			b.wants(`{"roots":1,"statuses":"all"}`)
			w := b.whole()
			w.Trust, w.IssuedAt, w.Serials.Head = c.Trust, at(now+600), 19
			b.take(b.sign(w, "status-2"), now+600, taken) // its numbers are lower than those of the forger
			b.check("showing", now+600, valid)
			b.take(b.sign(b.change(), "status-1"), now+600, "bundle-wrong-signer")
		}},
		{"restart-after-expiry", "kept over two days: the list has expired, and only that is said", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			b.take(b.sign(b.change(), "status-1"), now+600, taken)
			b.restart(now + 3*day)
			b.check("other", now+3*day, "trust-list-stale")
			b.status("1", 5, "invalid")
		}},
	}
	return append(append(all, badTakes()...), badBundles()...)
}

func (b *bundling) nextRoots(version int64, signers ...string) []byte {
	r := b.rootSet(version, "list-2")
	var out []byte
	var err error
	switch len(signers) {
	case 1:
		out, err = r.Sign(b.signer(b.named(signers[0])))
	default:
		out, err = r.Sign(b.signer(b.named(signers[0])), b.signer(b.named(signers[1])))
	}
	check(err)
	return out
}

// badTakes are bundles of good form that are refused.
func badTakes() []bundleCase {
	// First a good one: then the bad one has something to fall back from.
	after := func(expect string, change func(b *bundling, w *bundle.Bundle) []byte) func(b *bundling) {
		return func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now, taken)
			b.take(change(b, b.change()), now+600, expect)
			b.check("showing", now+600, valid)
			b.status("1", 3, "invalid")
		}
	}
	first := func(expect string, change func(b *bundling, w *bundle.Bundle) []byte) func(b *bundling) {
		return func(b *bundling) {
			b.take(change(b, b.whole()), now, expect)
			b.check("showing", now, "trust-list-unavailable")
			b.take(b.sign(b.whole(), "status-1"), now, taken)
		}
	}
	signed := func(by string, change func(b *bundling, w *bundle.Bundle)) func(b *bundling, w *bundle.Bundle) []byte {
		return func(b *bundling, w *bundle.Bundle) []byte { change(b, w); return b.sign(w, by) }
	}
	list := func(l bundle.List) func(b *bundling, w *bundle.Bundle) []byte {
		return signed("status-1", func(_ *bundling, w *bundle.Bundle) { w.Lists["1"] = l })
	}
	return []bundleCase{
		{"from-future", "more than a minute ahead", func(b *bundling) {
			b.take(b.sign(b.whole(), "status-1"), now-61, "bundle-from-future")
			b.check("showing", now-61, "trust-list-unavailable")
		}},
		{"no-trust", "a change, to who has nothing", first("bundle-trust-missing", signed("status-1", func(_ *bundling, w *bundle.Bundle) { w.Trust = nil }))},
		{"tampered", "a byte of the claims was changed", first("bundle-signature-invalid", func(b *bundling, w *bundle.Bundle) []byte {
			return bytes.Replace(b.sign(w, "status-1"), drawn(b.p.name+" bundle a"), drawn(b.p.name+" bundle e"), 1)
		})},
		{"signature-zero", "r and s of zero", first("bundle-signature-invalid", func(b *bundling, w *bundle.Bundle) []byte {
			data := b.sign(w, "status-1")
			return append(data[:len(data)-64], make([]byte, 64)...)
		})},
		{"another-signer", "the kid of a status key, the signature of another", first("bundle-signature-invalid", func(b *bundling, w *bundle.Bundle) []byte {
			data, err := w.Sign(b.signer(b.keys.stranger.WithID("status-1")))
			check(err)
			return data
		})},
		{"another-algorithm", "an algorithm that is not the key's", first("bundle-signature-invalid", func(b *bundling, w *bundle.Bundle) []byte {
			data, err := w.Sign(b.signer(b.keys.other.WithID("status-1")))
			check(err)
			return data
		})},
		{"unknown-signer", "a kid that the domain does not have", first("bundle-wrong-signer", signed("root-1", func(*bundling, *bundle.Bundle) {}))},
		{"signer-of-another-domain", "a status key of a neighbour", first("bundle-wrong-signer", signed("status-else", func(*bundling, *bundle.Bundle) {}))},
		{"signer-out-of-dates", "a key that had ended before iat", first("bundle-wrong-signer", signed("status-old", func(*bundling, *bundle.Bundle) {}))},
		{"frozen-signer", "a frozen key", first("bundle-wrong-signer", signed("status-1", func(b *bundling, w *bundle.Bundle) {
			b.list.Domains = append([]trustlist.Domain{}, b.list.Domains...)
			d := &b.list.Domains[0]
			keys := d.StatusKeys
			d.StatusKeys = append([]trustlist.DatedKey{}, keys...)
			d.StatusKeys[0].Frozen = true
			w.Trust = b.trust("list-1")
			d.StatusKeys = keys
		}))},
		{"another-deployment", "good, and of a neighbour", first("bundle-wrong-signer", signed("status-else", func(_ *bundling, w *bundle.Bundle) { w.Issuer = "https://elsewhere.example.gov.cn" }))},
		{"iss-with-slash", "another spelling of the base URL", first("bundle-wrong-signer", signed("status-1", func(_ *bundling, w *bundle.Bundle) { w.Issuer += "/" }))},
		{"trust-by-stranger", "a trust list by a key that the roots do not name", first("trust-list-invalid", signed("status-1", func(b *bundling, w *bundle.Bundle) { w.Trust = b.trust("list-2") }))},
		{"trust-stale", "an expired trust list", func(b *bundling) {
			b.take(b.sign(func() *bundle.Bundle { w := b.whole(); w.IssuedAt = at(now + 3*day); return w }(), "status-1"), now+3*day, "trust-list-stale")
		}},
		{"trust-rolled-back", "an older trust list", after("trust-list-rolled-back", signed("status-1", func(b *bundling, w *bundle.Bundle) {
			b.list.Version = 9
			w.Trust = b.trust("list-1")
		}))},
		{"trust-no-jws", "no trust list", first("trust-list-invalid", signed("status-1", func(_ *bundling, w *bundle.Bundle) { w.Trust.List = "a.b.c" }))},
		{"roots-gap", "roots that leave one out", first("trust-list-invalid", signed("status-1", func(b *bundling, w *bundle.Bundle) {
			w.Trust = b.trust("list-2", b.nextRoots(3, "root-1", "root-2"))
		}))},
		{"roots-too-few", "roots signed by one of three", first("trust-list-invalid", signed("status-1", func(b *bundling, w *bundle.Bundle) {
			w.Trust = b.trust("list-2", b.nextRoots(2, "root-1"))
		}))},
		{"roots-no-json", "roots that are none", first("trust-list-invalid", signed("status-1", func(b *bundling, w *bundle.Bundle) { w.Trust = b.trust("list-1", []byte("{}")) }))},
		{"rolled-back", "dated before what is known", after("bundle-rolled-back", signed("status-1", func(_ *bundling, w *bundle.Bundle) { w.IssuedAt = at(now - 1) }))},
		{"rolled-back-serials", "fewer codes were revoked than is known", after("bundle-rolled-back", signed("status-1", func(_ *bundling, w *bundle.Bundle) {
			w.Serials = bundle.Serials{Head: 19}
		}))},
		{"rolled-back-list", "a list that had come further", after("bundle-rolled-back", list(bundle.List{Seq: 59, Size: 1<<20 - 256}))},
		{"gap-serials", "codes from a number on that is not reached", after("bundle-gap", signed("status-1", func(_ *bundling, w *bundle.Bundle) {
			w.Serials = bundle.Serials{From: 21, Head: 22}
		}))},
		{"gap-list", "changes from a number on that is not reached", after("bundle-gap", list(bundle.List{From: 61, Seq: 62, Size: 1<<20 - 256}))},
		{"gap-list-size", "changes of a list that has grown", after("bundle-gap", list(bundle.List{From: 60, Seq: 62, Size: 1 << 20}))},
		{"gap-list-unknown", "changes of a list that is not known", after("bundle-gap", signed("status-1", func(_ *bundling, w *bundle.Bundle) {
			w.Lists["9"] = bundle.List{From: 1, Seq: 2, Size: 100}
		}))},
		{"rolled-back-before-gap", "both: what is older comes first, also in another list", after("bundle-rolled-back", signed("status-1", func(_ *bundling, w *bundle.Bundle) {
			w.Serials = bundle.Serials{From: 21, Head: 22}
			w.Lists["1"] = bundle.List{Seq: 59, Size: 1<<20 - 256}
		}))},
		{"gap-before-too-large", "both: what is missing comes first", after("bundle-gap", signed("status-1", func(_ *bundling, w *bundle.Bundle) {
			w.Lists["9"] = bundle.List{From: 1, Seq: 2, Size: 100}
			for _, c := range "abcdefghijklmnopq" {
				w.Lists[string(c)] = bundle.List{Seq: 1, Size: bundle.MaxListSize}
			}
		}))},
		{"too-large", "more entries than a checker keeps", after("bundle-too-large", signed("status-1", func(_ *bundling, w *bundle.Bundle) {
			for _, c := range "abcdefghijklmnopq" {
				w.Lists[string(c)] = bundle.List{Seq: 1, Size: bundle.MaxListSize}
			}
		}))},
	}
}

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
