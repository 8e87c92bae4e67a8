package api

import (
	"context"
	"crypto/cipher"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver
)

// Fixture is a server with certificates and codes, made before anything is measured.
type Fixture struct {
	*Server
	issuer  *sm2.PrivateKey
	payload map[string]any
	fields  []Field
	made    int
}

// Field is one that the certificates have and the codes show.
type Field struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

const schema = `
CREATE TABLE certificates (id TEXT PRIMARY KEY, credential TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE verifications (id TEXT PRIMARY KEY, at BIGINT NOT NULL, party TEXT NOT NULL, ticket TEXT NOT NULL UNIQUE, holder_id TEXT NOT NULL, certificate TEXT NOT NULL,
	purpose TEXT NOT NULL, fields TEXT NOT NULL, outcome TEXT NOT NULL, answer %[1]s NOT NULL, receipt %[1]s NOT NULL);
CREATE INDEX verifications_of_holder ON verifications (holder_id, at);
CREATE TABLE audit (id TEXT PRIMARY KEY, at BIGINT NOT NULL, holder_id TEXT NOT NULL, leaf %[1]s NOT NULL, opening %[1]s NOT NULL);
CREATE INDEX audit_of_holder ON audit (holder_id)`

// New makes one over a database and a Redis of its own. The certificates are of the shape of a real
// one: payload is what it says openly, fields what can be chosen.
func New(ctx context.Context, database, volatile string, payload map[string]any, fields []Field) (*Fixture, error) {
	db, blob, err := openDatabase(database)
	if err != nil {
		return nil, err
	}
	for statement := range strings.SplitSeq(fmt.Sprintf(schema, blob), ";") {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	options, err := redis.ParseURL(volatile)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	f := &Fixture{Server: &Server{DB: db, Redis: redis.NewClient(options), Token: rand.Text(), Party: "plain"}, payload: payload, fields: fields}
	var errs [3]error
	f.issuer, errs[0] = sm2.GenerateKey(rand.Reader)
	f.Holder, errs[1] = sm2.GenerateKey(rand.Reader)
	f.Signer, errs[2] = sm2.GenerateKey(rand.Reader)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	f.Issuer = &f.issuer.PublicKey
	secret := make([]byte, 16)
	_, _ = rand.Read(secret)
	block, err := sm4.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	f.Sealer, err = cipher.NewGCM(block)
	return f, err
}

// Close gives everything back.
func (f *Fixture) Close() error { return errors.Join(f.DB.Close(), f.Redis.Close()) }

// Mint makes codes: of certificates that were shown before, or each of a certificate of its own.
func (f *Fixture) Mint(ctx context.Context, fresh bool, n int) ([]string, error) {
	const known = 32
	first, count := 0, known
	if fresh {
		first, count = f.made, n
	}
	if err := f.issue(ctx, first, count); err != nil {
		return nil, err
	}
	codes := make([]string, n)
	names := make([]string, len(f.fields))
	for i, field := range f.fields {
		names[i] = field.Name
	}
	pipe := f.Redis.Pipeline()
	for i := range codes {
		codes[i] = rand.Text()
		id := fmt.Sprint("certificate-", first+i%count)
		text, err := json.Marshal(ticket{Certificate: id, HolderID: "holder-of-" + id, Fields: names, VerifiedAt: time.Now(), Expires: time.Now().Add(time.Hour)})
		if err != nil {
			return nil, err
		}
		pipe.Set(ctx, "ticket:"+codes[i], text, time.Hour)
		if i%1000 == 999 || i == n-1 {
			if _, err := pipe.Exec(ctx); err != nil {
				return nil, err
			}
		}
	}
	return codes, nil
}

// issue makes certificates first to first+count-1, unless they are there.
func (f *Fixture) issue(ctx context.Context, first, count int) error {
	tx, err := f.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for i := max(first, f.made); i < first+count; i++ {
		text, err := f.credential()
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO certificates (id, credential, state) VALUES ($1, $2, 'valid')`, fmt.Sprint("certificate-", i), text); err != nil {
			return err
		}
	}
	f.made = max(f.made, first+count)
	return tx.Commit()
}

func (f *Fixture) credential() (string, error) {
	payload := map[string]any{}
	for name, value := range f.payload {
		payload[name] = value
	}
	var digests, disclosures []string
	for _, field := range f.fields {
		text, err := json.Marshal([]any{rand.Text(), field.Name, field.Value})
		if err != nil {
			return "", err
		}
		d := base64.RawURLEncoding.EncodeToString(text)
		sum := sm3.Sum([]byte(d))
		disclosures, digests = append(disclosures, d), append(digests, base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	slices.Sort(digests)
	k := f.Holder.PublicKey
	point := elliptic.Marshal(sm2.P256(), k.X, k.Y) //nolint:staticcheck // gmsm has no other way
	x, y := point[1:33], point[33:]
	payload["_sd"], payload["_sd_alg"] = digests, "sm3"
	payload["cnf"] = map[string]any{"jwk": map[string]string{"kty": "EC", "crv": "sm2p256v1", "x": base64.RawURLEncoding.EncodeToString(x), "y": base64.RawURLEncoding.EncodeToString(y)}}
	token, err := sign(f.issuer, "dc+sd-jwt", payload)
	return token + "~" + strings.Join(disclosures, "~") + "~", err
}

// openDatabase opens sqlite:PATH or postgres://…, as durable as ours.
func openDatabase(url string) (db *sql.DB, blob string, err error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		db, err = sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)&_txlock=immediate")
		return db, "BLOB", err
	}
	db, err = sql.Open("pgx", url)
	if err == nil {
		db.SetMaxOpenConns(32)
		db.SetMaxIdleConns(32)
	}
	return db, "BYTEA", err
}
