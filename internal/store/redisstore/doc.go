// Package redisstore keeps in Redis what may be lost: codes in flight, claims on them,
// challenges, counters and the cache of the status lists. It lets many processes share them;
// memstore is its twin for one process, and both pass the same suites in storetest.
//
// Redis is a cache here, never the record. Emptying it loses the codes in flight and nothing
// else: status lists are unknown until the issuer's publisher has put them back.
//
// # Keys
//
// Every script touches one key, and every key has its hash tag, so that each show and each
// list lies in one slot of a Redis Cluster.
//
//	showcard:{show:<id>}           hash    show, closed, claimant, until      ends with the show
//	showcard:{shows:<person>}      zset    ids of her shows, by their end     ends with the last of them
//	showcard:{ticket:<digest>}     string  JSON of wallet.Ticket              ends some time after the code
//	showcard:{challenge:<sha256>}  string  "1"; the hash is of nonce+caller   minutes
//	showcard:{count:<sha256>}      string  how many                           as long as asked for
//	showcard:{once:<sha256>}       string  who saw it first                   as long as asked for
//	showcard:{limit:<sha256>}      string  theoretical arrival time, µs       at most a minute
//	showcard:{status:<list>}       string  header and packed bits             none
//	showcard:{status-stream}       stream  what happened to the lists         none; entries after 30 s
//
// Only the status lists and their stream have no expiry. What callers send is hashed, so that it can be of any
// length and contain anything; codes are known by their digest alone.
//
// A show is one hash, not several keys: were "closed" a key of its own, an eviction could take
// it away and leave an open show behind. Times inside are Redis's own, one clock for all.
//
// # Events
//
// What wakes pages and waiting checks goes by publish and subscribe, on channels
// showcard:bell:<topic>; nothing of it is kept. A process has one connection for all of its
// listeners. A listener that may have missed something is told so, and reads the stores again.
//
// # Status lists
//
// A list is one string, for the same reason: if bits and sequence number were apart and the
// bits were lost, Redis would read zeros, and zero means valid. It begins with 48 characters
// that an operator can read (GETRANGE key 0 46),
//
//	SCL1 <size, 8 digits> <seq, 16 digits> <as-of in µs, 16 digits> LF
//
// and goes on with two bits per entry, packed as the Token Status List draws them (§4.1), the
// very bytes that the signed list carries before compression. A list counts as lost unless the
// whole string is exactly as long as its size says. With 2^20-256 entries the string with
// Redis's own header fills jemalloc's class of 256 KiB and wastes nothing.
//
// The sequence number, as-of and bits change in one script; a reader gets them in one script.
//
// # The stream of the status lists
//
// Whatever is written to a list is told in one stream, an entry each with one field "e": the
// binary message of package replica, which every process follows that verifies. Many lists share
// the entry of a heartbeat. The list comes first and the stream, in a slot of its own, second: an
// entry that was lost between the two, or with a master, is missing in the sequence numbers, and
// the next heartbeat shows that. Entries go after 30 s, and early when there are more than 2,048.
//
// # The server
//
// Redis 7.0 or later (or Valkey), standalone or a primary with replicas behind one address,
// maxmemory-policy noeviction: [Store.Check] tells. With a policy that evicts, nothing unsafe
// happens to certificates or codes, but a client assertion could be replayed and lists come and
// go. Closing, claiming and revoking work even when memory is full. The user needs
//
//	~showcard:* &showcard:* +@connection +hmget +hset +pexpire +pttl +get +set +getdel +getrange +setrange
//	+publish +subscribe +unsubscribe +zadd +zrange +zremrangebyscore
//	+strlen +bitfield +bitfield_ro +time +evalsha +eval +info
//	+watch +unwatch +multi +exec +xadd +xtrim +xread +xrevrange
package redisstore
