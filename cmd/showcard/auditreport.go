package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/audit/remote"
	"github.com/showcard/showcard/internal/audit/witness"
	"github.com/showcard/showcard/internal/store/sqlstore"
)

// auditReport is what `showcard audit verify` tells.
type auditReport struct {
	Log       string       `json:"log"`
	Size      uint64       `json:"size"`
	Witnessed bool         `json:"witnessed"` // a witness's checkpoint was compared
	Witness   string       `json:"witness,omitempty"`
	Proven    uint64       `json:"proven"` // entries that are as the witness saw them
	ProvenAt  time.Time    `json:"proven_at,omitzero"`
	Unproven  uint64       `json:"unproven"`
	Waiting   int64        `json:"waiting"`
	Oldest    time.Time    `json:"waiting_since,omitzero"`
	Opened    uint64       `json:"opened"`
	Closed    uint64       `json:"closed"`
	Rows      int          `json:"rows"`
	Older     int          `json:"rows_older_than_the_log"`
	Wrong     []auditWrong `json:"wrong"`
	Count     int          `json:"wrong_count"`
	OwnWord   bool         `json:"keys_on_the_logs_own_word"`
	WitnessAt bool         `json:"witness_key_on_its_own_word"`
	opens     bool
}

// auditWrong is a finding on the wire.
type auditWrong struct {
	Code   string    `json:"code"`
	Index  *uint64   `json:"index,omitempty"`
	ID     string    `json:"id,omitempty"`
	Kind   string    `json:"kind,omitempty"`
	At     time.Time `json:"at,omitzero"`
	Detail string    `json:"detail,omitempty"`
}

// verify does the whole check.
func (v *auditVerifyCommand) verify(ctx context.Context, l *looked) (auditReport, error) {
	keys, err := audit.NewKeys(l.keys)
	if err != nil {
		return auditReport{}, err
	}
	evidence, own, err := v.evidence(ctx, &keys)
	if err != nil {
		return auditReport{}, err
	}
	signed, err := keys.Open(l.note)
	if err != nil {
		return auditReport{}, err
	}
	evidence.Checkpoints = append(evidence.Checkpoints, cosignedOnly(signed)...)
	r, err := audit.Verify(ctx, l.source, signed, evidence)
	if err != nil {
		return auditReport{}, err
	}
	var rows sqlstore.RowCheck
	if l.store != nil {
		if rows, err = l.store.CheckRows(ctx, l.keep, r.Add); err != nil {
			return auditReport{}, err
		}
	}
	out := auditReport{
		Log: keys.Origin, Size: r.Size, Witnessed: len(evidence.Checkpoints) > 0, Proven: r.Proven, ProvenAt: r.ProvenAt, Unproven: r.Size - min(r.Proven, r.Size),
		Waiting: l.waiting, Oldest: l.oldest, Opened: r.Opened, Closed: r.Closed, Rows: rows.Rows, Older: rows.Older, Count: r.Found, OwnWord: !l.trusted, WitnessAt: own,
		Wrong: []auditWrong{}, opens: l.store != nil,
	}
	for _, c := range evidence.Checkpoints {
		for _, w := range c.Witnesses {
			out.Witness = w.Key.Name()
		}
	}
	for _, f := range r.Findings {
		w := auditWrong{Code: f.Code, ID: f.ID, Kind: f.Kind, At: f.At, Detail: f.Detail}
		if f.Index != audit.NoPlace {
			w.Index = &f.Index
		}
		out.Wrong = append(out.Wrong, w)
	}
	return out, nil
}

func cosignedOnly(s audit.Signed) []audit.Signed {
	if len(s.Witnesses) == 0 {
		return nil
	}
	return []audit.Signed{s}
}

// maxEvidence bounds what is read from a witness: some millions of checkpoints.
const maxEvidence = 1 << 30

// evidence reads what the witness has. own says that its key was taken on its own word.
func (v *whichLog) evidence(ctx context.Context, keys *audit.Keys) (e audit.Evidence, own bool, err error) {
	if v.WitnessKey != "" {
		given, err := readKeys(v.WitnessKey)
		if err != nil {
			return e, false, err
		}
		keys.Witnesses = given
	}
	if v.Witness == "" {
		return e, false, nil
	}
	var notes []string
	if strings.HasPrefix(v.Witness, "http://") || strings.HasPrefix(v.Witness, "https://") {
		notes, own, err = v.askWitness(ctx, keys, &e)
	} else {
		notes, err = readWitness(v.Witness, &e)
	}
	if err != nil {
		return e, own, err
	}
	if len(keys.Witnesses) == 0 {
		return e, own, fmt.Errorf("%w: give --witness-key: a file alone does not say who cosigned", errConfig)
	}
	for _, n := range notes {
		signed, err := keys.Open(n)
		if err != nil {
			return e, own, fmt.Errorf("checkpoint of the witness: %w", err)
		}
		if len(signed.Witnesses) == 0 {
			return e, own, fmt.Errorf("checkpoint of the witness: %w: %s did not cosign it", audit.ErrSignature, keys.Witnesses[0].Name())
		}
		e.Checkpoints = append(e.Checkpoints, signed)
	}
	if len(notes) == 0 {
		return e, own, fmt.Errorf("%w: at the witness", audit.ErrNoCheckpoint)
	}
	return e, own, nil
}

// askWitness reads a witness over the network.
func (v *whichLog) askWitness(ctx context.Context, keys *audit.Keys, e *audit.Evidence) (notes []string, own bool, err error) {
	h, err := v.http()
	if err != nil {
		return nil, false, err
	}
	base := strings.TrimRight(v.Witness, "/")
	get := func(path string, limit int64) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			return nil, err
		}
		response, err := h.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		data, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
		if err == nil && (response.StatusCode != http.StatusOK || int64(len(data)) > limit) {
			err = fmt.Errorf("%w: %s%s: status %d", remote.ErrAnswer, base, path, response.StatusCode)
		}
		return data, err
	}
	if len(keys.Witnesses) == 0 {
		data, err := get("/key", 1024)
		if err != nil {
			return nil, false, err
		}
		k, err := audit.ParseVerifierKey(strings.TrimSpace(string(data)))
		if err != nil {
			return nil, false, err
		}
		keys.Witnesses, own = []audit.VerifierKey{k}, true
	}
	data, err := get("/checkpoints", maxEvidence)
	if err != nil {
		return nil, own, err
	}
	if notes, err = witness.Checkpoints(bytes.NewReader(data)); err != nil {
		return nil, own, err
	}
	e.Leaves = func(ctx context.Context, from uint64, n int) ([][]byte, error) {
		data, err := get("/"+audit.TilePath{Entries: true, Index: from / 256, Width: n}.String(), 1<<25)
		if errors.Is(err, remote.ErrAnswer) {
			return nil, nil // it has not copied so far
		}
		if err != nil {
			return nil, err
		}
		return audit.ParseBundle(data, n)
	}
	return notes, own, nil
}

// readWitness reads a witness's data folder, its file of checkpoints, or one checkpoint.
func readWitness(path string, e *audit.Evidence) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	file := path
	if info.IsDir() {
		file = filepath.Join(path, witness.CheckpointsFile)
		if e.Leaves, err = mirrorReader(filepath.Join(path, witness.LeavesFile)); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxEvidence))
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return []string{string(data)}, nil // one signed note
	}
	return witness.Checkpoints(bytes.NewReader(data))
}

// mirrorReader reads a witness's copy of the leaves, a bundle after the other, as Verify asks.
func mirrorReader(path string) (func(context.Context, uint64, int) ([][]byte, error), error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	r := &witness.LeafReader{Path: path}
	return func(_ context.Context, from uint64, n int) ([][]byte, error) { return r.Read(from, n) }, nil
}

// print tells the report, in both languages where something is wrong.
func (r *auditReport) print(w io.Writer) error {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-10s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("log", "%s: %d entries in the tree", r.Log, r.Size)
	if r.OwnWord {
		line("", "its keys are taken on its own word; --log-keys compares them with what you were told")
	}
	switch {
	case !r.Witnessed:
		line("unproven", "EVERYTHING: no witness. Whoever runs this log holds its keys and could have made another one.")
		line("", "没有见证方：日志的运营者可以另造一份，本次检查不能证明它未被改写。")
	default:
		if r.WitnessAt {
			line("witness", "%s; its key is taken on its own word; --witness-key compares it", r.Witness)
		} else {
			line("witness", "%s", r.Witness)
		}
		if r.Proven > 0 {
			line("proven", "entries 0 to %d are what the witness saw at %s: none edited, deleted or reordered", r.Proven-1, r.ProvenAt.Format(time.RFC3339))
		}
		if r.Unproven > 0 {
			line("unproven", "%d entries that no witness bears out (yet)", r.Unproven)
		}
	}
	if r.Waiting > 0 {
		line("waiting", "%d entries have no place in the tree yet, the oldest since %s: unproven", r.Waiting, r.Oldest.Format(time.RFC3339))
	}
	if r.opens {
		line("openings", "%d are what their entries commit to; %d are not there any more (erased, or past their retention)", r.Opened, r.Closed)
		line("record", "%d rows are compared with their entries; %d are older than the log", r.Rows, r.Older)
	} else {
		line("openings", "not looked at: what entries say is sealed (use --config)")
	}
	if len(r.Wrong) == 0 {
		line("result", "nothing is wrong that can be seen 未发现问题")
		return nil
	}
	all, err := loadSentences()
	if err != nil {
		return err
	}
	line("result", "%d things are wrong 发现 %d 处问题; the first:", r.Count, r.Count)
	for i, f := range r.Wrong {
		if i == 20 {
			line("", "… and %d more (--json)", r.Count-i)
			break
		}
		where := "no place"
		if f.Index != nil {
			where = fmt.Sprintf("entry %d", *f.Index)
		}
		at := ""
		if !f.At.IsZero() {
			at = f.At.UTC().Format(time.RFC3339)
		}
		entry := all[f.Code]
		fmt.Fprintf(w, "  %s %s\n", strings.Join(strings.Fields(where+" "+f.Kind+" "+f.ID+" "+at), " "), "["+f.Code+"]")
		fmt.Fprintf(w, "    %s %s %s\n", entry.Title.ZH, entry.Title.EN, f.Detail)
	}
	return nil
}
