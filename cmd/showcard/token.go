package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

type tokenCommand struct {
	connection
	Person string `placeholder:"LOGIN" help:"Sign in as a fictitious person of a demo, by its identity provider, and print her token."`
	Scope  string `placeholder:"SCOPES" help:"Ask for these scopes only, divided by blanks. Default: all that the client has."`
	JSON   bool   `name:"json" help:"Print the whole answer (RFC 6749 §5.1) as JSON, with expires_in and scope."`
}

// Help is what --help prints below the flags.
func (tokenCommand) Help() string {
	return `The client proves itself with a signed assertion (private_key_jwt, RFC 7523) or a TLS certificate (RFC 8705) and gets a token for ten minutes.
Only the token is printed, so that it fits into a command:

  curl -H "Authorization: Bearer $(showcard token --data ./showcard-data --client hunan-police)" \
       http://localhost:8080/v1/certificates/1.2.156.3005.2.…

  showcard token --server https://cards.example.gov.cn --client bank-1 --key bank-1.jwk --scope verify --json

  showcard token --person person-01     # a demo's: the token of a session, as her browser would keep it

  showcard token --server https://machines.cards.example.gov.cn --client bank-1 --cert bank-1.pem --cert-key bank-1.key

Make the key with "showcard keygen --out bank-1.jwk"; the operator registers the public half that it prints.`
}

// Run gets a token.
func (t tokenCommand) Run(e *env) error {
	if t.Person != "" {
		return t.signIn(e)
	}
	c, err := t.resolve("")
	if err != nil {
		return err
	}
	c.scope = t.Scope
	granted, err := c.token(e.ctx)
	if err != nil {
		return err
	}
	if t.JSON {
		return json.NewEncoder(e.stdout).Encode(granted)
	}
	_, err = fmt.Fprintln(e.stdout, granted.AccessToken)
	return err
}

// signIn prints the token of a person. Only a demo lets a program be one.
func (t tokenCommand) signIn(e *env) error {
	if t.Client != "" || t.Key != "" || t.Scope != "" || t.JSON {
		return fmt.Errorf("%w: --person goes with --data and --server only", errConfig)
	}
	server := t.Server
	if server == "" {
		d, err := t.demo()
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w: give --server, or --data of a demo (there is no demo.json in %s)", errConfig, t.folder())
		}
		if err != nil {
			return err
		}
		server = d.BaseURL
	}
	h, err := t.http()
	if err != nil {
		return err
	}
	token, _, err := signIn(e.ctx, strings.TrimSuffix(server, "/"), t.Person, h.Transport)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, token)
	return err
}
