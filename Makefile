# run    start the demonstration: needs Go and nothing else
# test   everything that must pass before a change lands
# check  the linters
# fuzz   every fuzz target for FUZZTIME
# bench  ratios against plain code that does the same
# soak   half an hour of load while Redis, PostgreSQL and a process are killed and brought back
# billion  10^9 statuses in a real Redis, a verifier started from it, a million revocations
# differ  mutated vectors to Go, TypeScript and Java, until two of them disagree: DIFFER_CASES, DIFFER_TIME, DIFFER_SEED
# sm2-difference  ten million SM2 verifications against gmsm, a hundred thousand against OpenSSL: an hour
# push-5m  a push of five million rows into a server of its own, in under 200 MB: an hour, and 40 GB of disk
# reading  every code in every picture by four readers, the table of docs/reading-codes.md: five minutes; ARGS=-update writes it
# shots  docs/img/pages: every page and state in both modes and both languages, as the stories meet them
# tools  what test needs besides Go, on Debian

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := test
.PHONY: run test check fuzz bench billion soak differ differ-short sm2-difference push-5m reading shots tools tools-check npm
.DELETE_ON_ERROR:

# Commands that tests call, and the Debian packages that hold them. gcc is for go test -race.
COMMANDS := redis-server initdb zbarimg openssl python3 node npm gcc chromium javac mvn
PACKAGES := redis-server postgresql zbar-tools openssl python3 nodejs npm gcc libc6-dev chromium fonts-noto-cjk openjdk-17-jdk-headless maven
# Debian keeps the programs of PostgreSQL out of PATH, by version.
POSTGRES := $(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin)))
LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME := 20s

# Packages with goroutines of their own, or that many requests share.
CONCURRENT := ./issuer/... ./wallet/... ./verifier/... ./registry/... \
	./internal/access/... ./internal/httpd/... ./internal/monitor/... ./internal/store/... ./crypto/key/... ./crypto/trustlist/...
# And of the whole program what happens at once.
AT_ONCE := OneTicket|Repeated|Silence|AtOnce|WaitingInTheRequest|WhilePending|FreezeBites|WhileRunning|DemoSignIn
# Long ones of sqlstore without the race detector, which makes SQLite ten times slower: those of a single goroutine, those of
# other processes, and those of which another, over PostgreSQL, goes the same ways. What happens at once over SQLite comes extra.
ALONE := ^(TestOneByteChanged|TestDurable|TestDurableWhileDataKeysRollOver|TestDurableOnPostgresWhileDataKeysRollOver|TestMovedValuesDoNotOpen|TestRotateLookups|TestKilledProcessesLoseNothing|TestKilledErasureIsWholeOrNothing|TestCompanyLooksAgreeWithTheLog|TestErasureReachesEveryTable|TestStatementsUseIndexes)$$
SQLITE_AT_ONCE := ^TestDurable$$/^(sequence|appointments|corrections|reviews|passkeys|revoked_serials)$$

run:
	CGO_ENABLED=0 go run ./cmd/showcard demo $(ARGS)

test: export CGO_ENABLED := 1
test: tools-check npm
	go vet ./...
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w these:" $$unformatted; exit 1; }
	@others=$$(go list ./... | grep -vxF "$$(go list $(CONCURRENT))" | tr '\n' ' '); set -x; \
	go run ./internal/testsum "-p 1 $$others" 'npm test --prefix web/e2e' \
		-- '-p 1 -race -skip $(ALONE) $(CONCURRENT)' '-run $(ALONE) ./internal/store/sqlstore' '-race -run $(SQLITE_AT_ONCE) ./internal/store/sqlstore' '-race -run $(AT_ONCE) ./cmd/showcard' \
		-- 'make -C web check' 'make -C sdk/ts test' 'make -C sdk/java test' 'make -s differ-short' './testdata/gen/...' '-p 1 -tags purego ./crypto/...'

check:
	@if command -v golangci-lint >/dev/null; then set -x; golangci-lint run ./...; \
	else set -x; CGO_ENABLED=0 go run $(LINT) run ./...; fi

fuzz:
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file func; do \
		set -x; go test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s "$$(dirname "$$file")"; { set +x; } 2>/dev/null; \
	done

bench:
	CGO_ENABLED=0 go run ./cmd/showcard bench $(ARGS)

shots: npm
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	SHOTS="$$dir" npm test --prefix web/e2e; rm -rf docs/img/pages; node web/e2e/sheets.js "$$dir" docs/img/pages

# The load of a day, in half an hour, while servers die: make test runs the same for less than a minute.
SOAK := 30m
soak:
	go test -v -timeout 0 -count 1 -run '^TestSoak$$' ./cmd/showcard -soak.for $(SOAK)

# 100,000 cases take about ten minutes on two cores; the log says what was asked. Needs node and a JDK with Maven, and builds what
# answers in both. When a disagreement is found it prints a file for testdata/vectors and fails.
DIFFER_SEED  := 1
DIFFER_CASES := 100000
DIFFER_TIME  := 1h
differ:
	@set -x; go run ./testdata/gen/differ -seed $(DIFFER_SEED) -cases $(DIFFER_CASES) -time $(DIFFER_TIME) \
		-ts "$$($(MAKE) -s -C sdk/ts runner)" -java "$$($(MAKE) -s -C sdk/java runner)" 2>&1 | tee differ.log

# The same cases in every run, for make test: behind the suites of the SDKs, which build into the same folders.
differ-short: DIFFER_CASES := 1000
differ-short: DIFFER_TIME := 0
differ-short: differ

billion:
	CGO_ENABLED=0 go run ./cmd/showcard bench --billion $(ARGS)

sm2-difference:
	go test -v -timeout 0 -run '^(TestDifference|TestOpenSSL)$$' ./crypto/sm/comb -sm2.cases 10000000 -sm2.openssl 100000 2>&1 | tee sm2-difference.log

push-5m:
	CGO_ENABLED=0 go test -v -timeout 0 -run '^TestPushMany$$' ./cmd/showcard -push.rows 5000000 $(ARGS)

reading: tools-check npm
	CGO_ENABLED=0 go test -v -timeout 0 -count 1 -run '^TestReading' ./internal/qr/qrimage -reading.all $(ARGS)

tools:
	@if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "As root on Debian or Ubuntu, make tools installs: $(PACKAGES). Here, install them yourself."; exit 1; fi
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGES)
	@$(MAKE) --no-print-directory npm

tools-check:
	@command -v go >/dev/null || { echo "Install Go 1.26 or later: https://go.dev/dl/"; exit 1; }
	@PATH="$$PATH:$(POSTGRES)"; missing=; for c in $(COMMANDS); do command -v $$c >/dev/null || missing="$$missing $$c"; done; \
	[ -n "$$(fc-list :lang=zh 2>/dev/null)" ] || missing="$$missing a-font-for-Chinese"; \
	if [ -n "$$missing" ]; then echo "missing:$$missing"; $(MAKE) --no-print-directory tools; fi

# Foreign implementations that the tests compare with. npm ci takes exactly what the lock file says.
npm: $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(shell find . -name node_modules -prune -o -name package-lock.json -print))

%/node_modules/.package-lock.json: %/package-lock.json | tools-check
	cd $* && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json
