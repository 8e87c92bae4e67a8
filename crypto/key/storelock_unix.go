//go:build unix

package key

import (
	"errors"
	"os"
	"syscall"
)

// lockFile keeps other processes from writing a keystore until unlock. The lock is a file of its
// own, because the keystore itself is replaced; the system frees it when its holder dies.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing unlocks
}
