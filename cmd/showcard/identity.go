package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/login"
	"github.com/showcard/showcard/schemas"
)

// identityConfig is one identity provider that people may sign in with. docs/sign-in.md says how
// to connect one; its redirect URI is PUBLIC_URL/v1/sign-in/ID/callback, exactly.
type identityConfig struct {
	// id stands in that address and in every session: lower-case letters, digits, hyphens.
	ID string `yaml:"id"`
	// name is what the sign-in page calls it.
	Name schemas.Text `yaml:"name"`
	// issuer is its issuer identifier; ISSUER/.well-known/openid-configuration must answer.
	Issuer string `yaml:"issuer"`
	// client_id is who we are to it. Either key_file holds our private JWK (private_key_jwt,
	// ES256 or SM2; made by showcard keygen), or secret_file our secret (client_secret_basic).
	ClientID   string `yaml:"client_id"`
	KeyFile    string `yaml:"key_file"`
	SecretFile string `yaml:"secret_file"`
	// scopes to ask for besides openid. Default none.
	Scopes []string `yaml:"scopes"`
	// claims says which claims make the holder.
	Claims identityClaims `yaml:"claims"`
	// acr maps the provider's authentication context classes to low, substantial or high;
	// assurance is the level of everything else (default low); sign-ins below require are refused.
	ACR       map[string]string `yaml:"acr"`
	Assurance string            `yaml:"assurance"`
	Require   string            `yaml:"require"`
	// max_age is how long ago she may have proved who she is. Default: what the provider thinks right.
	MaxAge time.Duration `yaml:"max_age"`
	// userinfo asks the provider's userinfo endpoint for claims that the ID token lacks.
	UserInfo bool `yaml:"userinfo"`
}

type identityClaims struct {
	// holder_type is the claim of the kind of document; without it everybody's is default_type
	// (default 111, the citizen identification number). types maps its values to GB/T 36903 codes.
	HolderType  string            `yaml:"holder_type"`
	Types       map[string]string `yaml:"types"`
	DefaultType string            `yaml:"default_type"`
	// holder_number is the claim of the number, name that of the name (default name).
	HolderNumber string `yaml:"holder_number"`
	Name         string `yaml:"name"`
}

const secretSignIn = "sign-in"

// openLogin wires how people sign in.
func (a *app) openLogin() error {
	providers, err := a.identityProviders()
	if err != nil {
		return err
	}
	client := a.outbound
	if a.cfg.demo {
		var own login.Provider
		if own, client, err = a.demoIdentity(); err != nil {
			return err
		}
		providers = append(providers, own)
	}
	if len(providers) == 0 {
		a.log.Warn("no identity provider is configured: people cannot sign in (docs/sign-in.md)")
	}
	secret, err := a.keys.Secret(secretSignIn, 32)
	if err != nil {
		return err
	}
	a.login, err = login.New(login.Config{
		PublicURL: a.cfg.PublicURL, Providers: providers, Access: a.access, Once: a.volatile, Notes: a.store, Secret: secret,
		HolderID: a.holderID, Client: client, Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("%w: identity: %w", errConfig, err)
	}
	return nil
}

func (a *app) identityProviders() ([]login.Provider, error) {
	out := make([]login.Provider, len(a.cfg.Identity))
	for i, c := range a.cfg.Identity {
		p := login.Provider{
			ID: c.ID, Name: c.Name, Issuer: c.Issuer, ClientID: c.ClientID, Scopes: c.Scopes, ACR: c.ACR, Assurance: c.Assurance,
			Require: c.Require, MaxAge: c.MaxAge, UserInfo: c.UserInfo,
			Claims: login.Claims{
				HolderType: c.Claims.HolderType, HolderNumber: c.Claims.HolderNumber, Name: c.Claims.Name,
				Types: c.Claims.Types, DefaultType: c.Claims.DefaultType,
			},
		}
		if c.KeyFile != "" {
			k, err := key.ReadFile(c.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("%w: identity %s: key_file: %w", errConfig, c.ID, err)
			}
			p.Key = k
		}
		if c.SecretFile != "" {
			secret, err := os.ReadFile(c.SecretFile)
			if err != nil {
				return nil, fmt.Errorf("%w: identity %s: secret_file: %w", errConfig, c.ID, err)
			}
			p.Secret = login.Secret(strings.TrimSpace(string(secret)))
		}
		out[i] = p
	}
	return out, nil
}
