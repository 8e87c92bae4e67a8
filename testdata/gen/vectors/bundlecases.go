package main

import (
	"bytes"

	"github.com/showcard/showcard/crypto/bundle"
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
