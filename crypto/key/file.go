package key

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/showcard/showcard/internal/strictjson"
)

// WriteFile writes a private key as a JWK with "d" to a new file of mode 0600. It is for the
// keys of API clients, which live on other machines; a server's keys belong in a [Store].
func WriteFile(path string, k *Private) error {
	if k.module != nil {
		return errInModule
	}
	type private struct {
		jwkFields
		D string `json:"d"`
	}
	j := private{k.public.fields(), base64.RawURLEncoding.EncodeToString(k.scalar())}
	j.ID, j.Use, j.Algorithm = k.public.ID(), "sig", string(k.public.algorithm)
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// ReadFile reads what WriteFile wrote. A file that others may read is refused, and so is one
// whose point does not belong to its scalar.
func ReadFile(path string) (*Private, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	if err := strictjson.Check(data, 4); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%w: a JWK is an object", ErrMalformed)
	}
	var text string
	if err := json.Unmarshal(all["d"], &text); err != nil {
		return nil, fmt.Errorf("%w: not a private JWK", ErrMalformed)
	}
	d, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: d is not base64url", ErrMalformed)
	}
	delete(all, "d")
	open, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	public, err := ParseJWK(open, false)
	if err != nil {
		return nil, err
	}
	k, err := FromScalar(public.algorithm, d)
	if err != nil {
		return nil, err
	}
	if !k.public.Equal(public) {
		return nil, fmt.Errorf("%w: d does not belong to x and y", ErrMalformed)
	}
	return k.WithID(public.ID()), nil
}
