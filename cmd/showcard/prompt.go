package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/showcard/showcard/crypto/key"
)

// unlock says how a keystore is opened: by a key file, by the passphrase in the environment, or
// by one that is asked for without showing it. A new passphrase is asked for twice.
func unlock(e *env, keyFile string, fresh bool) (key.Unlock, error) {
	if keyFile != "" {
		return key.Unlock{KeyFile: keyFile}, nil
	}
	if p := os.Getenv(passphraseVariable); p != "" {
		return key.Unlock{Passphrase: []byte(p)}, nil
	}
	in, ok := e.stdin.(*os.File)
	if !ok || !isTerminal(in) {
		return key.Unlock{}, fmt.Errorf("%w: give --key-file or the environment variable %s, or run this at a terminal", errConfig, passphraseVariable)
	}
	first, err := ask(e, in, "密码 passphrase: ")
	if err != nil || !fresh {
		return key.Unlock{Passphrase: first}, err
	}
	again, err := ask(e, in, "再次输入 once more: ")
	if err != nil {
		return key.Unlock{}, err
	}
	if string(first) != string(again) {
		return key.Unlock{}, errors.New("the two passphrases differ; nothing was written")
	}
	return key.Unlock{Passphrase: first}, nil
}

func ask(e *env, in *os.File, question string) ([]byte, error) {
	fmt.Fprint(e.stderr, question)
	restore, err := hideEcho(in)
	if err != nil {
		return nil, fmt.Errorf("cannot hide what is typed: %w; use --key-file or %s", err, passphraseVariable)
	}
	// Ctrl-C cancels the context and leaves the read waiting: the echo comes back all the same.
	defer restore()
	typed := make(chan string, 1)
	failed := make(chan error, 1)
	go func() {
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil {
			failed <- err
			return
		}
		typed <- strings.TrimRight(line, "\r\n")
	}()
	defer fmt.Fprintln(e.stderr)
	select {
	case <-e.ctx.Done():
		return nil, e.ctx.Err()
	case err := <-failed:
		return nil, fmt.Errorf("passphrase: %w", err)
	case line := <-typed:
		if line == "" {
			return nil, errors.New("an empty passphrase seals nothing")
		}
		return []byte(line), nil
	}
}
