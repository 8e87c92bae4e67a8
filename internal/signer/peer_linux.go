package signer

import (
	"net"
	"syscall"
)

// peerUser asks the kernel who is at the other end.
func peerUser(c *net.UnixConn) (uid int, told bool, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		var u *syscall.Ucred
		if u, inner = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); inner == nil {
			uid, told = int(u.Uid), true
		}
	})
	if err == nil {
		err = inner
	}
	return uid, told, err
}
