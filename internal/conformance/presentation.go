package conformance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

func challenge(ctx context.Context, t *Tester) error {
	one, audience, expires, err := t.challenged(ctx)
	if err != nil {
		return err
	}
	two, _, _, err := t.challenged(ctx)
	if err != nil {
		return err
	}
	left := expires.Sub(t.cfg.Now())
	switch {
	case len(one) < 16 || one == two:
		return fmt.Errorf("a nonce of %d characters, the next is another: %t", len(one), one != two)
	case audience == "":
		return fmt.Errorf("no aud")
	case left <= 0 || left > 6*time.Minute:
		return fmt.Errorf("expires_at is %s away, want at most 5 minutes", left.Round(time.Second))
	}
	return nil
}

// stranger is a presentation that is good, by an issuer whom no deployment trusts.
const stranger = "vectors/sdjwt/sm/good-one-claim.json"

// vector is what is read of a test vector.
type vector struct {
	Name         string `json:"name"`
	Presentation string `json:"presentation"`
	Expect       string `json:"expect"`
}

func readVector(name string) (vector, error) {
	var v vector
	data, err := testdata.Vectors.ReadFile(name)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(data, &v)
}

func challengeOnce(ctx context.Context, t *Tester) error {
	v, err := readVector(stranger)
	if err != nil {
		return err
	}
	nonce, _, _, err := t.challenged(ctx)
	if err != nil {
		return err
	}
	body := object{"presentation": v.Presentation, "nonce": nonce, "purpose": t.purpose()}
	if _, err := t.verify(ctx, body); err != nil {
		return err
	}
	for _, n := range []string{nonce, "conformance-" + rand.Text()} {
		body["nonce"] = n
		a, err := t.verify(ctx, body)
		if err != nil {
			return err
		}
		if err := t.problem(a, http.StatusNotFound, "challenge-unknown"); err != nil {
			return err
		}
	}
	return nil
}

func presentationFaults(ctx context.Context, t *Tester) error {
	names, err := fs.Glob(testdata.Vectors, "vectors/sdjwt/*/*.json")
	if err != nil {
		return err
	}
	for _, name := range names {
		v, err := readVector(name)
		if err != nil {
			return err
		}
		want := v.Expect
		if want == "valid" {
			want = "issuer-untrusted"
		}
		nonce, _, _, err := t.challenged(ctx)
		if err != nil {
			return err
		}
		a, err := t.verify(ctx, object{"presentation": v.Presentation, "nonce": nonce, "purpose": t.purpose()})
		if err != nil {
			return err
		}
		if err := judged(a, "invalid", want); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimPrefix(name, "vectors/"), err)
		}
	}
	return nil
}

func idempotencyKey(ctx context.Context, t *Tester) error {
	a, err := t.verify(ctx, object{"code": "x", "purpose": t.purpose()}, "Idempotency-Key", strings.Repeat("k", 256))
	if err != nil {
		return err
	}
	return t.problem(a, http.StatusBadRequest, "idempotency-key-malformed")
}

// nobodys is the identifier of a certificate that does not exist, of the form of GB/T 36904.
func nobodys() (string, error) {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	drawn := make([]byte, 20)
	_, _ = rand.Read(drawn)
	for i, b := range drawn {
		drawn[i] = digits[int(b)%len(digits)]
	}
	id, err := schemas.NewIdentifier("11100000MB1A99013Q007", "11100000MB1A99013Q", string(drawn), 1)
	return id.String(), err
}

// facts is a look-up of what does not exist.
func (t *Tester) facts() (object, error) {
	if t.cfg.Purpose == "" {
		return nil, skip("needs a purpose, a type and a field that the party may look up")
	}
	id, err := nobodys()
	if err != nil {
		return nil, err
	}
	return object{"purpose": t.cfg.Purpose, "facts": object{"identifier": id, "type": t.cfg.Type, "claims": object{t.cfg.Field: "x"}}}, nil
}

func factsUnknown(ctx context.Context, t *Tester) error {
	body, err := t.facts()
	if err != nil {
		return err
	}
	a, err := t.verify(ctx, body)
	if err != nil {
		return err
	}
	return judged(a, "invalid", "certificate-unknown")
}

func idempotency(ctx context.Context, t *Tester) error {
	body, err := t.facts()
	if err != nil {
		return err
	}
	again := "conformance-" + rand.Text()
	var ids [2]struct{ ID string }
	for i := range ids {
		a, err := t.verify(ctx, body, "Idempotency-Key", again)
		if err != nil {
			return err
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("%s: HTTP %d", a.what, a.status)
		}
		if err := a.into(&ids[i]); err != nil {
			return err
		}
	}
	if ids[0].ID == "" || ids[0] != ids[1] {
		return fmt.Errorf("the same request with the same key was checked twice: %q and %q", ids[0].ID, ids[1].ID)
	}
	other, err := t.facts()
	if err != nil {
		return err
	}
	a, err := t.verify(ctx, other, "Idempotency-Key", again)
	if err != nil {
		return err
	}
	return t.problem(a, http.StatusConflict, "idempotency-key-reused")
}
