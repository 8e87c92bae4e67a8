package sm

// Every name that the SM2/SM3 profile puts on the wire is spelled here and nowhere else
// (docs/profile-sm.md). Other packages refer to these constants.
const (
	// AlgJWS is the JWS "alg" of an SM2 signature over SM3, after GM/T 0125.
	AlgJWS = "SGD_SM3_SM2"
	// CurveJWK is the JWK "crv" of the curve that GB/T 32918.5 recommends.
	CurveJWK = "sm2p256v1"
	// HashSDJWT is the "_sd_alg" of SM3. RFC 9901 §4.1.1 allows a profile to define it.
	HashSDJWT = "sm3"

	// AlgCOSE, HashCOSE and CurveCOSE are private-use values (RFC 9052 §16): the registries
	// have none for SM2 and SM3, and -48 is ML-DSA-44.
	AlgCOSE   = -65537
	HashCOSE  = -65538
	CurveCOSE = -65537

	// DefaultID is the distinguishing identifier that GM/T 0009 fixes where none is agreed.
	// It is never taken from a token: whoever chooses it chooses what was signed.
	DefaultID = "1234567812345678"
)

// AliasesJWS and AliasesCurve are spellings that older Chinese libraries emit. They are for
// verifying only, off by default, and count only when the trusted key says SM2 anyway.
var (
	aliasesJWS   = [...]string{"SM2", "SM2SM3"}
	aliasesCurve = [...]string{"SM2", "SM2-P-256"}
)

// IsAlgAlias reports whether alg is a known foreign spelling of AlgJWS.
func IsAlgAlias(alg string) bool { return alg == aliasesJWS[0] || alg == aliasesJWS[1] }

// IsCurveAlias reports whether crv is a known foreign spelling of CurveJWK.
func IsCurveAlias(crv string) bool { return crv == aliasesCurve[0] || crv == aliasesCurve[1] }
