// Package issuer makes certificates and keeps saying whether they still stand.
//
// A department pushes a row; what comes back is a signed certificate. In between lie three
// steps, and their order is the promise:
//
//	reserve   one transaction: is the row's key taken? set aside a place in a status list
//	sign      on all cores, nothing is stored, nothing leaves
//	commit    one transaction: certificate, result of the row, progress of the job
//
// A crash between reserve and commit leaves a place in a list that nobody uses. It never leaves
// a signed certificate that the record does not know, because nothing signed leaves before the
// commit. The department's own key makes it safe to push again: the same key with the same
// content is the certificate that it already stands for, with other content it is a mistake.
//
// Issue and Replace take one row, IssueMany a few, Push a stream of any length (NDJSON, one row a
// line) in bounded memory. What is wrong with a row is the row's own result; it never stops the
// rows behind it.
//
// A certificate goes from valid to suspended and back as often as needed, and from either to one
// of the endings, which are final (see [State]). Every change is a numbered entry of the status
// lists it touches, written in the same transaction. The publisher ([Issuer.Run], [Issuer.Flush])
// carries the numbers to the cache that verifiers ask, without gaps, and beats its heart there:
// a cache that hears nothing grows old, and old is "unknown", never "valid". The same entries are
// signed as Token Status Lists for everyone else ([Issuer.StatusListJWT]).
//
// Originals are never shown. A wallet collects copies ([Issuer.Collect]): the same claims, bound
// to a holder's key, each with a place of its own in a status list, so that two showings of one
// certificate have nothing in common that was not disclosed.
//
// Where there is no network a device shows codes of its own ([Issuer.Offline]): CWTs for one view,
// bound to its key, good for a day at most and named by random serials instead of places in a list.
//
// The index of a place is a secret permutation of a counter (see permutation): unpredictable as
// the profile demands, and never given twice without anybody keeping a list of what is free.
package issuer
