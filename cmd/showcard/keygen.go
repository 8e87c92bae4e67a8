package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/showcard/showcard/crypto/key"
)

type keygenCommand struct {
	Alg      string `enum:"sm2,es256" default:"sm2" help:"sm2 (SGD_SM3_SM2) or es256."`
	Out      string `xor:"where" placeholder:"FILE" help:"Write the private key as a JWK to this new file, mode 0600."`
	Keystore string `xor:"where" placeholder:"FILE" help:"Put the key into this keystore, which is made when it is not there."`
	Name     string `placeholder:"NAME" help:"Its name in the keystore, such as authority/hunan-police/2."`
	KeyFile  string `placeholder:"FILE" help:"Key file that opens the keystore; made when neither it nor the keystore is there. Otherwise the passphrase is read from SHOWCARD_PASSPHRASE or asked for."`
	Kid      string `placeholder:"ID" help:"Key id. Default: the RFC 7638 thumbprint."`
}

// Help is what --help prints below the flags.
func (keygenCommand) Help() string {
	return `The public JWK goes to standard output: it is what you register. The private key goes to the file or the keystore and
is never printed. Nothing is ever overwritten.

Examples:
  showcard keygen --out police.jwk > police.public.jwk
  showcard keygen --alg es256 --out bank.jwk --kid bank-2026
  showcard keygen --keystore /srv/showcard/keystore.json --name status/2 --key-file /safe/keystore.key`
}

// Run makes a key.
func (k keygenCommand) Run(e *env) error {
	if (k.Out == "") == (k.Keystore == "") {
		return fmt.Errorf("%w: give --out FILE or --keystore FILE --name NAME", errConfig)
	}
	if (k.Keystore == "") != (k.Name == "") || k.Out != "" && k.KeyFile != "" {
		return fmt.Errorf("%w: --keystore and --name go together, and --key-file with them", errConfig)
	}
	made, err := key.Generate(algorithm(k.Alg))
	if err != nil {
		return err
	}
	if k.Kid != "" {
		made = made.WithID(k.Kid)
	}
	where := k.Out
	if k.Out != "" {
		err = key.WriteFile(k.Out, made)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already; keys are never overwritten", k.Out)
		}
	} else {
		where = k.Keystore + ", entry " + k.Name
		err = k.store(e, made)
	}
	if err != nil {
		return err
	}
	public, err := json.MarshalIndent(made.Public(), "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "私钥已存入 The private key is in %s\n", where)
	_, err = fmt.Fprintf(e.stdout, "%s\n", public)
	return err
}

func (k keygenCommand) store(e *env, made *key.Private) error {
	_, err := os.Stat(k.Keystore)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return err
	}
	u, err := unlock(e, k.KeyFile, fresh)
	if err != nil {
		return err
	}
	if !fresh {
		s, err := key.OpenStore(k.Keystore, u)
		if err != nil {
			return fmt.Errorf("%s: %w", k.Keystore, err)
		}
		return s.Add(k.Name, made)
	}
	if k.KeyFile != "" {
		if _, err := os.Stat(k.KeyFile); errors.Is(err, fs.ErrNotExist) {
			if err := key.NewKeyFile(k.KeyFile); err != nil {
				return err
			}
			fmt.Fprintf(e.stderr, "密钥文件已生成，请与密钥库分开保存 Made the key file %s: keep it apart from the keystore\n", k.KeyFile)
		}
	}
	s, err := key.CreateStore(k.Keystore, u)
	if err != nil {
		return err
	}
	return s.Add(k.Name, made)
}
