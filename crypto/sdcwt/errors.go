package sdcwt

import "errors"

// Why an offline code is refused, in the order in which it is checked. Every refusal wraps exactly
// one of these.
var (
	// Form.
	ErrTooLarge   = errors.New("sdcwt: more than fits into an offline code")
	ErrLength     = errors.New("sdcwt: CBOR lengths do not fit the data")
	ErrIndefinite = errors.New("sdcwt: CBOR of indefinite length")
	ErrNesting    = errors.New("sdcwt: CBOR is nested too deeply")
	ErrSpelling   = errors.New("sdcwt: CBOR is not in its one deterministic spelling")
	ErrDuplicate  = errors.New("sdcwt: a CBOR map has a key twice")
	ErrItem       = errors.New("sdcwt: a CBOR item that has no place in an offline code")
	ErrCritical   = errors.New("sdcwt: critical headers are not accepted")
	ErrType       = errors.New("sdcwt: wrong type of token")
	ErrMalformed  = errors.New("sdcwt: malformed")
	ErrDeviceKey  = errors.New("sdcwt: the device key is no key")
	ErrLifetime   = errors.New("sdcwt: lives longer than an offline code may")
	// The authority's signature, and its dates.
	ErrAlgorithm = errors.New("sdcwt: algorithm not allowed")
	ErrEncoding  = errors.New("sdcwt: signature is not r‖s in range")
	ErrSignature = errors.New("sdcwt: signature does not verify")
	ErrNotYet    = errors.New("sdcwt: not yet valid")
	ErrExpired   = errors.New("sdcwt: expired")
	// The device's proof.
	ErrProofAlgorithm = errors.New("sdcwt: algorithm of the proof not allowed")
	ErrProofEncoding  = errors.New("sdcwt: signature of the proof is not r‖s in range")
	ErrProof          = errors.New("sdcwt: the proof is not by the device that the code was issued to")
	ErrAudience       = errors.New("sdcwt: made for somebody else")
	ErrNonceMissing   = errors.New("sdcwt: does not answer the checker's nonce")
	ErrNonce          = errors.New("sdcwt: answers another nonce")
	ErrProofOld       = errors.New("sdcwt: the proof is too old")
	ErrProofFuture    = errors.New("sdcwt: the proof is dated in the future")
)

// The stable codes (testdata/problems.json).
const (
	CodeTooLarge       = "offline-too-large"
	CodeLength         = "offline-cbor-length"
	CodeIndefinite     = "offline-cbor-indefinite"
	CodeNesting        = "offline-cbor-nesting"
	CodeSpelling       = "offline-cbor-spelling"
	CodeDuplicate      = "offline-cbor-duplicate"
	CodeItem           = "offline-cbor-item"
	CodeCritical       = "offline-critical-header"
	CodeType           = "offline-type-wrong"
	CodeMalformed      = "offline-malformed"
	CodeDeviceKey      = "offline-device-key"
	CodeLifetime       = "offline-lifetime"
	CodeAlgorithm      = "algorithm-not-allowed"
	CodeEncoding       = "signature-encoding"
	CodeSignature      = "signature-invalid"
	CodeNotYet         = "offline-not-yet"
	CodeExpired        = "offline-expired"
	CodeProofAlgorithm = "offline-proof-algorithm"
	CodeProofEncoding  = "offline-proof-encoding"
	CodeProof          = "offline-proof-invalid"
	CodeAudience       = "offline-audience-wrong"
	CodeNonceMissing   = "offline-nonce-missing"
	CodeNonce          = "offline-nonce-wrong"
	CodeProofOld       = "offline-proof-expired"
	CodeProofFuture    = "offline-proof-from-future"
)

// Code is the stable code of a refusal by this package, and "" for any other error.
func Code(err error) string {
	for _, row := range [...]struct {
		err  error
		code string
	}{
		{ErrTooLarge, CodeTooLarge}, {ErrLength, CodeLength}, {ErrIndefinite, CodeIndefinite}, {ErrNesting, CodeNesting},
		{ErrSpelling, CodeSpelling}, {ErrDuplicate, CodeDuplicate}, {ErrItem, CodeItem}, {ErrCritical, CodeCritical},
		{ErrType, CodeType}, {ErrMalformed, CodeMalformed}, {ErrDeviceKey, CodeDeviceKey}, {ErrLifetime, CodeLifetime},
		{ErrAlgorithm, CodeAlgorithm}, {ErrEncoding, CodeEncoding}, {ErrSignature, CodeSignature}, {ErrNotYet, CodeNotYet}, {ErrExpired, CodeExpired},
		{ErrProofAlgorithm, CodeProofAlgorithm}, {ErrProofEncoding, CodeProofEncoding}, {ErrProof, CodeProof},
		{ErrAudience, CodeAudience}, {ErrNonceMissing, CodeNonceMissing}, {ErrNonce, CodeNonce}, {ErrProofOld, CodeProofOld}, {ErrProofFuture, CodeProofFuture},
	} {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	return ""
}
