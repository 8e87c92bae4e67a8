package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/audit/remote"
	"github.com/showcard/showcard/internal/store/sqlstore"
)

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Prove that nothing in the audit log was edited, deleted or reordered, or name the first entry that was."`
	Prove  auditProveCommand  `cmd:"" help:"Prove that one entry stands in the audit log, or check such a proof from a file."`
}

// where says which log is looked at.
type whichLog struct {
	Log        string `placeholder:"URL" xor:"log" help:"Address of the deployment: its log is read over the network, without openings."`
	Config     string `short:"c" placeholder:"FILE" type:"existingfile" xor:"log" help:"Configuration of the deployment: its database and keystore are read, and the record is compared with the log."`
	Database   string `placeholder:"URL" xor:"log" help:"A database, or a copy of one, without its keystore: only what everyone may see is read."`
	Data       string `placeholder:"DIR" xor:"log" help:"Data folder of a demo, as --config."`
	LogKeys    string `name:"log-keys" placeholder:"FILE" help:"Verifier keys of the log, as GET /v1/audit/keys has them: what you were told when all was well. Without it the log's own word is taken."`
	Witness    string `placeholder:"URL|FILE|DIR" help:"A witness: its address, its data folder, or a file with checkpoints that it cosigned."`
	WitnessKey string `name:"witness-key" placeholder:"KEY|FILE" help:"The witness's verifier key. Without it the word of the configuration or of the witness is taken."`
	CA         string `name:"ca" placeholder:"FILE" help:"PEM file of certificate authorities to trust for TLS besides the system's."`
}

type auditVerifyCommand struct {
	whichLog
	JSON bool `name:"json" help:"Print the report as JSON."`
}

// Help is what --help prints below the flags.
func (auditVerifyCommand) Help() string {
	return `Recomputes the whole tree from the stored entries and compares it with the log's own checkpoint and with every checkpoint
that a witness cosigned. With the keystore at hand (--config) it also opens every entry, checks it against its commitment, and
compares certificates, changes of state, verifications and the registry with what was logged of them.

A log without a witness proves nothing against whoever runs it: he holds its keys, and could have made another one. The report
says so, and says which entries no witness has seen yet.

Exit status: 0 everything up to the witness's newest checkpoint is proven, 1 something is wrong, 3 nothing is wrong that can be
seen, but no witness bears it out, or the check could not be made; 2 wrong use. Only 0 is a yes.

Examples:
  showcard audit verify --log https://cards.example.gov.cn --witness https://witness.example.org --witness-key witness.key
  showcard audit verify --config /etc/showcard/serve.yaml --witness /mnt/witness-data
  showcard audit verify --database sqlite:copy-of-showcard.db --log-keys log.keys --witness checkpoints.ndjson --witness-key witness.key`
}

// looked is what a check needs, wherever the log is.
type looked struct {
	source  audit.Source
	store   *sqlstore.Store // with --config and --data
	keys    []audit.VerifierKey
	note    string
	waiting int64
	oldest  time.Time
	keep    time.Time // records older than this may be gone
	close   func() error
	trusted bool // the log's keys were given, not taken on its own word
}

func (v *auditVerifyCommand) Run(e *env) error {
	l, err := v.look(e)
	if err != nil {
		return unknownAnswer(e, err)
	}
	defer func() { _ = l.close() }() // only read from
	r, err := v.verify(e.ctx, l)
	if err != nil {
		return unknownAnswer(e, err)
	}
	if v.JSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		err = r.print(e.stdout)
	}
	if err != nil {
		return err
	}
	switch {
	case len(r.Wrong) > 0:
		return exitStatus(1)
	case r.Proven == 0 && r.Size > 0 || !r.Witnessed || r.Stale:
		return statusIndeterminate
	}
	return nil
}

// unknownAnswer tells an error: that there is no answer is no "no".
func unknownAnswer(e *env, err error) error {
	if errors.Is(err, errConfig) {
		return err
	}
	tell(e.stderr, auditError(err))
	return statusIndeterminate
}

// auditError gives errors of the log the code under which people find the sentence.
func auditError(err error) error {
	for _, row := range []struct {
		err  error
		code string
	}{
		{audit.ErrCheckpoint, "audit-checkpoint-malformed"},
		{audit.ErrSignature, "audit-checkpoint-signature"},
		{audit.ErrOrigin, "audit-checkpoint-other-log"},
		{audit.ErrProof, "audit-proof-wrong"},
		{audit.ErrNoCheckpoint, "audit-checkpoint-none"},
		{audit.ErrKey, "audit-key-malformed"},
	} {
		if errors.Is(err, row.err) {
			return &coded{code: row.code, err: err}
		}
	}
	return err
}

func (v *whichLog) http() (*http.Client, error) {
	c, err := connection{CA: v.CA}.http()
	if err == nil {
		c.Timeout = time.Minute
	}
	return c, err
}

// look opens the log that was named.
func (v *whichLog) look(e *env) (*looked, error) {
	var l *looked
	var err error
	switch {
	case v.Log != "":
		l, err = v.overNetwork(e.ctx)
	case v.Database != "":
		l, err = v.fromCopy(e.ctx)
	case v.Config != "" || v.Data != "":
		l, err = v.fromDeployment(e.ctx)
	default:
		return nil, fmt.Errorf("%w: give --log URL, --config FILE, --database sqlite:PATH or --data DIR", errConfig)
	}
	if err != nil {
		return nil, err
	}
	if v.LogKeys != "" {
		keys, err := readKeys(v.LogKeys)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.keys, l.trusted = keys, true
	}
	if len(l.keys) == 0 {
		return nil, errors.Join(fmt.Errorf("%w: give --log-keys: a database alone does not say whose log it is", errConfig), l.close())
	}
	return l, nil
}

func (v *whichLog) overNetwork(ctx context.Context) (*looked, error) {
	h, err := v.http()
	if err != nil {
		return nil, err
	}
	log, err := remote.NewLog(v.Log, h)
	if err != nil {
		return nil, fmt.Errorf("%w: --log: %w", errConfig, err)
	}
	l := &looked{source: log, close: func() error { return nil }}
	if l.note, err = log.Checkpoint(ctx, true); err != nil {
		return nil, err
	}
	if v.LogKeys == "" {
		l.keys, err = log.Keys(ctx)
	}
	return l, err
}

func (v *whichLog) fromCopy(ctx context.Context) (*looked, error) {
	leaves, err := sqlstore.OpenLeaves(ctx, v.Database)
	if err != nil {
		return nil, err
	}
	l := &looked{source: leaves, close: leaves.Close}
	if l.note, err = leaves.Checkpoint(ctx); err == nil {
		l.waiting, l.oldest, err = leaves.Waiting(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, leaves.Close())
	}
	return l, nil
}

// fromDeployment opens database and keystore as the server does. It may run beside it.
func (v *whichLog) fromDeployment(ctx context.Context) (*looked, error) {
	cfg, err := v.deployment()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Data, "keystore.json")); err != nil {
		return nil, err // or an empty deployment would be made
	}
	keys, err := openKeystore(cfg)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Config{URL: cfg.Database, Keys: keys})
	if err != nil {
		return nil, err
	}
	l := &looked{source: store, store: store, close: store.Close, keep: time.Now().Add(-min(cfg.Retention.Records, cfg.Audit.Retention) + 24*time.Hour)}
	if l.keys, err = ownKeys(keys, cfg.PublicURL); err == nil {
		var witnesses []audit.VerifierKey
		witnesses, err = cfg.Audit.keys()
		l.keys = append(l.keys, witnesses...)
	}
	if err == nil {
		l.note, err = store.Checkpoint(ctx, 0)
	}
	if err == nil {
		l.waiting, l.oldest, err = store.Waiting(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	l.trusted = true
	return l, nil
}

// deployment reads the configuration, or makes up the one of a demo.
func (v *whichLog) deployment() (config, error) {
	if v.Config != "" {
		return readConfig(v.Config)
	}
	data, err := os.ReadFile(filepath.Join(v.Data, deploymentFile))
	if err != nil {
		return config{}, err
	}
	var d deployment
	if err := json.Unmarshal(data, &d); err != nil {
		return config{}, fmt.Errorf("%w: %s: %w", errConfig, deploymentFile, err)
	}
	c := demoCommand{Data: v.Data, Profile: "sm2", Volatile: "memory"}
	cfg, err := c.config("127.0.0.1:0")
	cfg.PublicURL = d.PublicURL
	return cfg, err
}

// ownKeys reads the log's public keys from its keystore, and makes none.
func ownKeys(ks *key.Store, publicURL string) ([]audit.VerifierKey, error) {
	if _, err := ks.Signer(keyAuditSM2); err != nil {
		return nil, err
	}
	signers, err := auditSigners(ks, publicURL)
	if err != nil {
		return nil, err
	}
	var keys []audit.VerifierKey
	for _, s := range signers {
		keys = append(keys, s.Key())
	}
	return keys, nil
}
