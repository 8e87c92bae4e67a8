// Package sdcwt is the offline code: what stands behind SC2 in a QR symbol and is checked with
// both phones off the network (docs/formats.md §3.2).
//
// Two signatures, one inside of the other, answer two questions:
//
//	KBT   signed by the device: is the one who shows it the one it was given to, now, and to me?
//	 └ CWT   signed by the issuing authority: what is true of the holder, until when?
//	    └ view   the values of one view of one certificate, by numbers
//
// The authority signs CWTs ahead of time, each for one view, 24 hours and one key of one device
// ([Issue]). The device wraps one into a fresh proof every few seconds ([Prove]). A photograph of
// the screen is worth a minute, and the CWT inside of it nothing without the device's key.
//
//	t, err := sdcwt.Parse(data)             // form only; nothing is trusted yet
//	err = t.VerifyIssuer(trustedKey)        // t.KeyID is a hint which key that may be
//	err = t.VerifyDates(now)
//	err = t.VerifyProof(sdcwt.Expect{Now: now, Audiences: []string{"any", "bank"}})
//
// Whether the authority may issue this type in this region, whether the serial was revoked and
// whether this very proof was shown before, is for whoever has the lists and the memory for it:
// package verifier. [Code] says under which stable code each refusal is told.
//
// The form is that of draft-ietf-spice-sd-cwt-07: COSE_Sign1 (RFC 9052 §4.2) with typ 293 inside
// of one with typ 294, bound by "kcwt" (13) and "cnf" (8). Of the draft's selective disclosure an
// offline code uses nothing: its digests cost 32 bytes for each claim that is kept back, and a
// CWT for each view keeps back more for less. [ReadClaims] reads the tokens of others that do.
//
// The reader is hand-written and takes deterministic CBOR only (RFC 8949 §4.2.1): definite
// lengths, shortest heads, keys in ascending order and once, eight levels, no item that the format has
// no use for. Each fault has a name of its own, and what an input of 905 bytes can make it allocate
// is bounded (TestParseAllocates).
package sdcwt
