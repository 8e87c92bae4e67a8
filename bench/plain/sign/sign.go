// Package sign makes the credential that an issuer makes of one row, with gmsm as it is shipped and
// encoding/json, and does nothing else with it: what issuing costs when nobody reads a file, checks
// a row, keeps a record or answers a department. It is what a bulk push is measured against.
package sign

import (
	"crypto/rand"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

// Claim is one that the holder may keep back.
type Claim struct {
	Name  string
	Value any
}

// Key is an issuer's.
type Key struct {
	private *sm2.PrivateKey
	id      string
}

// NewKey makes one.
func NewKey(id string) (*Key, error) {
	k, err := sm2.GenerateKey(rand.Reader)
	return &Key{k, id}, err
}

// SDJWT signs claims, and for each hidden one the digest of a salted disclosure (RFC 9901 §4.2).
func (k *Key) SDJWT(claims map[string]any, hidden []Claim) (string, error) {
	payload := map[string]any{"_sd_alg": "sm3"}
	for name, value := range claims {
		payload[name] = value
	}
	var digests, disclosures []string
	for _, c := range hidden {
		salt := make([]byte, 16)
		_, _ = rand.Read(salt)
		data, err := json.Marshal([]any{encode(salt), c.Name, c.Value})
		if err != nil {
			return "", err
		}
		text := encode(data)
		sum := sm3.Sum([]byte(text))
		digests, disclosures = append(digests, encode(sum[:])), append(disclosures, text)
	}
	slices.Sort(digests)
	payload["_sd"] = digests
	head, err := json.Marshal(map[string]string{"alg": "SGD_SM3_SM2", "typ": "dc+sd-jwt", "kid": k.id})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return "", err
	}
	signed := encode(head) + "." + encode(body)
	der, err := k.private.Sign(rand.Reader, []byte(signed), sm2.DefaultSM2SignerOpts)
	if err != nil {
		return "", err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &rs); err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	rs.R.FillBytes(signature[:32])
	rs.S.FillBytes(signature[32:])
	return signed + "." + encode(signature) + "~" + strings.Join(disclosures, "~") + "~", nil
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }
