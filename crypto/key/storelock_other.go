//go:build !unix

package key

// lockFile does nothing where the system has no flock: there one process writes a keystore.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
