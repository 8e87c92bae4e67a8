package arch

// domains are the four rooms that never import one another.
const domains = "registry issuer wallet verifier"

// doors says for every package which other packages of this module it may import. A name
// ending in /* stands for everything below it.
var doors = map[string]string{
	"crypto/sm":         "crypto/sm/comb",
	"crypto/sm/comb":    "", // arithmetic on public numbers: no key, no library, nothing of ours
	"crypto/key":        "crypto/sm internal/strictjson",
	"crypto/jose":       "crypto/key crypto/sm internal/strictjson",
	"crypto/cose":       "crypto/key crypto/sm",
	"crypto/bundle":     "crypto/cose crypto/key crypto/sdcwt crypto/statuslist",
	"crypto/sdcwt":      "crypto/cose crypto/key crypto/sm",
	"crypto/sdjwt":      "crypto/jose crypto/key crypto/sm internal/strictjson",
	"crypto/statuslist": "crypto/cose crypto/jose crypto/key internal/strictjson",
	"crypto/trustlist":  "crypto/jose crypto/key internal/strictjson",
	"crypto/receipt":    "crypto/jose crypto/key crypto/sm crypto/trustlist internal/strictjson",

	"schemas":                  "crypto/sm internal/strictjson",
	"schemas/tables/regiongen": "",

	"registry": "schemas crypto/* internal/strictjson",
	"issuer":   "schemas crypto/* internal/strictjson",
	"wallet":   "schemas crypto/* internal/strictjson internal/qr",
	"verifier": "schemas crypto/* internal/strictjson internal/qr internal/retry",

	"verifier/client": "verifier schemas crypto/jose crypto/key crypto/receipt internal/retry", // of the SDK what needs the network

	"registryhttp":             "registry schemas crypto/* internal/httpd internal/httpd/problem",
	"issuerhttp":               "issuer schemas crypto/* internal/httpd internal/httpd/problem",
	"wallethttp":               "wallet schemas crypto/* internal/httpd internal/httpd/problem internal/qr internal/qr/qrimage",
	"verifierhttp":             "verifier schemas crypto/* internal/httpd internal/httpd/problem internal/qr internal/qr/qrimage",
	"web":                      "schemas internal/httpd internal/httpd/problem",
	"audithttp":                "internal/audit internal/httpd internal/httpd/problem",
	"openapi":                  "",
	"bench":                    "* bench/plain/*",
	"bench/plain/sign":         "", // plain code that ours is measured against
	"bench/plain/verify":       "schemas verifier",
	"bench/plain/qrpng":        "",
	"bench/plain/api":          "crypto/sm", // of it the encoding of signatures alone
	"bench/plain/statuslookup": "",

	"internal/access":                    "crypto/* internal/httpd",
	"internal/audit":                     "crypto/* internal/strictjson",
	"internal/bundles":                   "issuer wallet crypto/*",
	"internal/bundles/bundleshttp":       "internal/bundles internal/httpd crypto/bundle",
	"internal/correction":                "crypto/* internal/httpd",
	"internal/login/passkey":             "crypto/* internal/httpd",
	"internal/login/passkey/passkeytest": "",
	"internal/audit/remote":              "internal/audit",
	"internal/audit/witness":             "internal/audit internal/audit/remote",
	"internal/httpd":                     "internal/httpd/problem internal/strictjson",
	"internal/httpd/problem":             "testdata",
	"internal/login":                     "schemas crypto/* internal/access internal/audit internal/httpd internal/strictjson",
	"internal/login/idp":                 "schemas crypto/*",
	"internal/monitor":                   "internal/httpd internal/httpd/problem",
	"internal/outbound":                  "",
	"internal/qr":                        "crypto/sm",
	"internal/qr/qrimage":                "",
	"internal/replica":                   "crypto/*",
	"internal/replica/replicahttp":       "crypto/statuslist internal/replica internal/httpd internal/httpd/problem",
	"internal/retry":                     "",
	"internal/review":                    "crypto/* internal/httpd",
	"internal/rights":                    "",
	"internal/rights/rightshttp":         "internal/rights internal/httpd internal/httpd/problem",
	"internal/signer":                    "crypto/key internal/strictjson",
	"internal/strictjson":                "",

	"internal/store/memstore":             domains + " schemas crypto/* internal/replica",
	"internal/store/redisstore":           domains + " schemas crypto/* internal/replica internal/retry",
	"internal/store/sqlstore":             domains + " schemas crypto/* internal/access internal/audit internal/correction internal/login/passkey internal/review internal/rights",
	"internal/store/storetest":            domains + " schemas crypto/* internal/access internal/correction internal/login/passkey internal/replica internal/review internal/rights internal/store/sqlstore",
	"internal/store/redisstore/redistest": "internal/backing",

	"internal/arch":        "",
	"internal/backing":     "",
	"internal/conformance": "schemas testdata crypto/* internal/httpd/problem internal/qr internal/retry",
	"internal/testsum":     "",

	"testdata":             "",
	"testdata/gen":         "schemas testdata crypto/*",
	"testdata/gen/differ":  "schemas crypto/* internal/qr",
	"testdata/gen/vectors": "schemas testdata crypto/* internal/qr",
	"cmd/showcard":         "*",
}

// forTests are packages that only tests import. They may use testify.
const forTests = "internal/store/storetest internal/store/redisstore/redistest internal/login/passkey/passkeytest"

const serving = "internal/httpd internal/access internal/login internal/login/idp internal/login/passkey internal/correction internal/review internal/monitor internal/replica/replicahttp internal/bundles/bundleshttp registryhttp issuerhttp wallethttp verifierhttp internal/rights/rightshttp web cmd/showcard audithttp"

// homes says for every library which packages may import it, besides tests. A library is named
// by the beginning of its import path; the longest one that fits counts.
var homes = map[string]string{
	"github.com/gin-gonic/gin":        serving,
	"github.com/prometheus/":          "internal/httpd",
	"github.com/redis/":               "internal/store/redisstore internal/backing bench/plain/api bench/plain/statuslookup",
	"database/sql":                    "internal/store/sqlstore bench/plain/api",
	"modernc.org/sqlite":              "internal/store/sqlstore bench/plain/api",
	"github.com/jackc/pgx/":           "internal/store/sqlstore bench/plain/api",
	"github.com/pressly/goose/":       "internal/store/sqlstore",
	"github.com/emmansun/":            "crypto/sm bench/plain/*",
	"github.com/fxamacker/cbor/":      "crypto/cose internal/login/passkey/passkeytest",
	"github.com/veraison/go-cose":     "",                  // tests compare with it
	"github.com/go-jose/":             "",                  // tests compare with it
	"github.com/skip2/go-qrcode":      "bench/plain/qrpng", // and tests of qrimage compare with it
	"rsc.io/qr/":                      "internal/qr/qrimage",
	"github.com/makiuchi-d/gozxing":   "internal/qr/qrimage",
	"github.com/alecthomas/kong":      "cmd/showcard",
	"github.com/knadh/koanf/":         "cmd/showcard",
	"github.com/mattn/go-isatty":      "cmd/showcard",
	"go.yaml.in/yaml/":                "cmd/showcard",
	"golang.org/x/sys/":               "cmd/showcard",
	"golang.org/x/crypto/":            "crypto/*",
	"golang.org/x/sync/":              "*",
	"github.com/stretchr/testify/":    forTests,
	"net/http":                        serving + " internal/outbound internal/audit/remote internal/audit/witness verifier verifier/client bench bench/plain/api internal/conformance internal/retry", // the guarded client; the SDK's
	"github.com/luikyv/go-oidc/":      "internal/access internal/login/idp",
	"github.com/coreos/go-oidc/":      "internal/login",
	"golang.org/x/oauth2":             "internal/login",
	"github.com/go-webauthn/":         "internal/login internal/login/passkey",
	"github.com/transparency-dev/":    "internal/audit",
	"golang.org/x/mod/":               "internal/audit",
	"log":                             "schemas/tables/regiongen testdata/gen", // generators; the rest logs with log/slog
	"math/rand":                       "bench cmd/showcard testdata/gen testdata/gen/differ internal/store/redisstore internal/store/storetest internal/rights internal/retry verifier",
	"encoding/json/v2":                "",
	"unsafe":                          "",
	"github.com/santhosh-tekuri/":     "",
	"github.com/getkin/":              "", // tests judge openapi.json with it
	"pgregory.net/rapid":              "",
	"go.uber.org/goleak":              "",
	"github.com/rogpeppe/go-internal": "",
}

// fetching says which files may make HTTP clients of their own, each for its reason. Everything
// else of the server fetches through internal/outbound.
var fetching = map[string]string{
	"verifier/client/client.go":    "the SDK's own client, which follows no redirects with a token",
	"verifier/sources.go":          "the SDK's own client, when its user gives none; the server gives it the guarded one",
	"bench/peak.go":                "a load generator: it goes where the person at the keyboard says",
	"cmd/showcard/benchpeak.go":    "as the tools of checkers",
	"cmd/showcard/client.go":       "the tools of departments and checkers: they go where the person at the keyboard says",
	"cmd/showcard/demo.go":         "the demo's departments, talking to the demo itself",
	"cmd/showcard/tour.go":         "as the demo",
	"bench/push.go":                "the bench, talking to its own server on this machine",
	"cmd/showcard/signin.go":       "a tool and the tour, being a browser at the demo",
	"cmd/showcard/demoidentity.go": "the demo's identity provider is the demo itself",
	"internal/access/server.go":    "goes nowhere: the library must have one and may not use it",
}

// notInTheSDK must not be reached from verifier, however far down.
var notInTheSDK = []string{
	"github.com/gin-gonic/", "github.com/redis/", "database/sql", "modernc.org/", "github.com/jackc/", "github.com/pressly/",
	"github.com/prometheus/", "github.com/alecthomas/",
}

// drawers are names that say nothing about what lies inside.
const drawers = "util utils common helper helpers base model models type types pkg lib misc shared core"

// longFiles may be longer than maxLines, each for its reason.
var longFiles = map[string]string{}

// bigInterfaces may have more than maxMethods methods, each for its reason.
var bigInterfaces = map[string]string{
	"internal/store/storetest.DurableStore": "names the contracts that the one durable store keeps; nobody calls it whole",
}

const (
	maxLines     = 400
	maxTestLines = 500 // tables of cases are looked up, not read through
	maxMethods   = 6
)
