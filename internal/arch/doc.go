// Package arch holds the walls of the house: which package may import which. It is prose here
// and a table in walls_test.go, and the tests keep the code to it. A new package needs a row in
// the table, and a new library a home; writing that row is the design review.
//
//	cmd -> *http -> issuer | wallet | verifier | registry -> schemas, crypto/*
//	 |       `----> internal/httpd, web, qrimage          wallet, verifier -> internal/qr
//	 `--> internal/store/* -> the four domains (for their Store types)
//	sdjwt, statuslist, trustlist -> jose, cose -> key -> sm
//
// Why each wall stands:
//
//   - crypto and schemas know nothing above them, never log, and do no I/O but key files. They
//     can be read, tested and audited alone, and every verifier in another language has to
//     match just them. internal/strictjson lies below them: it is how JSON of strangers is read.
//   - The four domains never import one another. They meet in signed bytes: the verifier trusts
//     the registry through the signed trust list, the wallet holds what the issuer signed. So
//     each can run in its own process, and none can lean on what another keeps in memory. In
//     one process, cmd hands one's method to the other through an interface the caller owns.
//   - Stores import domains, never the reverse: an interface belongs to whoever calls it.
//   - verifier is the SDK. Whoever imports it gets no web framework, no Redis and no SQL; an
//     HTTP client is all it needs.
//   - Each library has one home, so that it can be replaced there: gin in the packages that
//     serve routes, go-redis in redisstore, SQL in sqlstore, gmsm in crypto/sm, CBOR in
//     crypto/cose, QR codes in internal/qr/qrimage. go-jose and go-cose are what our own
//     formats are compared with, in tests: neither can sign with SM2.
//   - cmd wires the rooms and decides nothing.
//
// The tests also keep house rules that a reader would otherwise have to remember: every package
// explains itself, no package is a drawer (util, common, helpers, …), files stay short,
// interfaces small, nothing happens in init, packages keep no state of their own, only commands
// print, and tests neither sleep nor skip.
package arch
