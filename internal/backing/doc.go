// Package backing starts the servers that showcard works with, as processes of their own on
// temporary sockets, ports and folders: for the bench, for the soak and for tests. They can be
// paused, killed, started again and promoted, which is what a system that must live through such
// things has to be tried against.
//
//	server, err := backing.StartRedis(ctx, backing.RedisConfig{})
//	defer server.Close()
//	store, err := redisstore.New(redisstore.Config{URL: server.URL})
//
// The context bounds the starting, not the life of what was started: that ends with Close, or with
// the process that started it. Nothing is installed: what the machine lacks is an error that names
// the Debian package. None of this is for production: the servers keep little, flush nothing to
// the disk unless told to, and let every user of the machine's loopback in.
package backing
