//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd)

package main

import (
	"errors"
	"os"
)

func hideEcho(*os.File) (func(), error) {
	return nil, errors.New("not supported on this system")
}
