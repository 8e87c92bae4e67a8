// Package replica keeps in every process that verifies a copy of all status lists, two bits for
// each certificate, so that looking up a status costs nanoseconds and no hop: a billion statuses
// are 250 MB.
//
// The lists lie in Redis, one string each (package redisstore), and whatever a publisher changes
// there it tells in one stream. A replica reads every list once, and then the stream:
//
//	Changes   of one list, from a sequence number on
//	Replaced  a list was put in whole
//	Beat      where all lists stand, twice a second
//
// Each says as of when the record was looked at. What a replica answers is only ever as fresh as
// what it was told without a gap: the sequence numbers of a list come from the database, each
// change has its own, so changes that are missing show, at the latest at the next beat. Then the
// list is read anew. Until that is done its as-of stands still, and a verifier takes a status that
// is older than its bound (status_max_age) for unknown. Nothing else is needed for the stream to
// be trimmed, the connection to be lost, Redis to be emptied or to come back after a failover
// without its last moments: all of it is missing numbers.
//
//   - The publisher writes the list first and the stream second. Dying in between, it leaves a gap
//     that the next beat shows; a list that is read is never behind the stream that has been read.
//   - An entry for changes that are here already says nothing new. An entry that ends before what
//     is here was made from an older look, and does not move as-of.
//   - A list that is read and is behind what is here is not believed, see statuslist.Bitmap: after
//     a failover Redis may have forgotten a revocation that we know of.
//
// A look-up takes no lock: names are found in a map that is replaced and never changed, entries are
// read by one atomic load. A list that is not followed yet is looked up at its source, once, and
// followed from then on.
//
// The entries that were taken over are also handed on, see Replica.Subscribe: from them the
// server makes the stream of changes for relying parties.
package replica
