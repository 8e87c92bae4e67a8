// Package sqlstore is the durable record: what the four rooms promised, in an SQL database.
// Redis and memory hold what may be lost; here lies what may not.
//
//	issuer     certificates, their slots in status lists, the gapless sequence of changes,
//	           bulk pushes, answers to repeated requests
//	wallet     copies of certificates, who may act for whom, who looked; devices, the serials of
//	           codes that they were given, and the gapless sequence of those revoked before their end
//	verifier   one record per verification, which decides that a code is spent
//	registry   the entries of the registry and every revision of them
//	access     sessions of people who have signed in
//
// One type, [Store], implements the contracts of all of them. The SQL is one text for SQLite
// and PostgreSQL; what differs between them is behind the small interface database.
//
// Three rules hold everywhere:
//
// A write is answered when it is durable. On SQLite that means WAL with synchronous=FULL: the
// log is flushed to the disk at each commit. A flush costs far more than a row, so writers that
// come at the same moment share one transaction and one flush (lane.go); each still gets its own
// answer, and the failure of one leaves the others alone.
//
// Personal data is sealed. Names, numbers, claims, portraits, credentials, answers and reasons
// go through the [key.Sealer], bound to their table, row and column. Plain columns are those that
// queries need; holders are known by their blind id, and so are the departments' row keys.
//
// Nothing seals inside a transaction, because the sealer's own count lies in this database.
package sqlstore
