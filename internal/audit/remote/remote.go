// Package remote speaks to an audit log, and to its witnesses, over HTTP: for `showcard audit
// verify`, for the witness that follows a log, and for the log that asks witnesses to cosign.
//
// Nothing that comes over the wire is believed here. A [Log] returns bytes for audit.Verify and
// audit.Keys to judge; what a witness answers is checked when it is entered.
package remote

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/showcard/showcard/internal/audit"
)

var (
	// ErrAnswer says that the other side did not answer as it should.
	ErrAnswer = errors.New("audit: unexpected answer")
	// ErrRefused says that a witness will not cosign: it saw another log.
	ErrRefused = errors.New("audit: the witness refuses to cosign")
)

const maxAnswer = 4 << 20

// Log reads a log.
type Log struct {
	base string
	http *http.Client
}

var _ audit.Source = (*Log)(nil)

// NewLog makes a reader of the log at an address: that of the deployment, or with its path.
func NewLog(base string, client *http.Client) (*Log, error) {
	address, err := address(base)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(strings.TrimPrefix(address, "://"), "/v1/audit") {
		address += "/v1/audit"
	}
	return &Log{address, client}, nil
}

func address(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return "", fmt.Errorf("%w: %.100q is no address", ErrAnswer, base)
	}
	return strings.TrimRight(base, "/"), nil
}

func (l *Log) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	status, body, _, err := do(l.http, request)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%w: %s: status %d", ErrAnswer, path, status)
	}
	return body, nil
}

func do(client *http.Client, request *http.Request) (status int, body []byte, kind string, err error) {
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("%w: more than %d bytes", ErrAnswer, maxAnswer)
	}
	return response.StatusCode, body, response.Header.Get("Content-Type"), err
}

// Checkpoint reads the checkpoint that the log serves: cosigned, or the newest.
func (l *Log) Checkpoint(ctx context.Context, newest bool) (string, error) {
	path := "checkpoint"
	if newest {
		path += "?newest=true"
	}
	body, err := l.get(ctx, path)
	return string(body), err
}

// Keys reads the keys that the log says are its own and its witnesses'. Whoever needs more than
// the word of the server compares them with what she was told elsewhere.
func (l *Log) Keys(ctx context.Context) ([]audit.VerifierKey, error) {
	body, err := l.get(ctx, "keys")
	if err != nil {
		return nil, err
	}
	return audit.ParseVerifierKeys(string(body))
}

// Tile implements [audit.Tiles].
func (l *Log) Tile(ctx context.Context, level int, index uint64, width int) ([]byte, error) {
	return l.get(ctx, audit.TilePath{Level: level, Index: index, Width: width}.String())
}

// Leaves reads n leaves of one bundle, from its beginning.
func (l *Log) Leaves(ctx context.Context, bundle uint64, n int) ([][]byte, error) {
	data, err := l.get(ctx, audit.TilePath{Entries: true, Index: bundle, Width: n}.String())
	if err != nil {
		return nil, err
	}
	return audit.ParseBundle(data, n)
}

// Placed implements [audit.Source]: entries without openings, of one bundle at a time.
func (l *Log) Placed(ctx context.Context, from uint64, n int) ([]audit.Placed, error) {
	skip := int(from % 256)
	leaves, err := l.Leaves(ctx, from/256, min(skip+n, 256))
	if err != nil {
		return nil, err
	}
	out := make([]audit.Placed, 0, n)
	for i, leaf := range leaves[skip:] {
		p := audit.Placed{Index: from + uint64(i), Leaf: leaf}
		if l, err := audit.ParseLeaf(leaf); err == nil {
			p.ID, p.At = l.ID, l.At
		}
		out = append(out, p)
	}
	return out, nil
}

// Consistency reads a proof.
func (l *Log) Consistency(ctx context.Context, from, to uint64) ([][]byte, error) {
	body, err := l.get(ctx, fmt.Sprintf("proofs/consistency?from=%d&to=%d", from, to))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Path []string `json:"path"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return ParsePath(answer.Path)
}

// Proof is what GET /v1/audit/proofs/inclusion answers.
type Proof struct {
	Index      uint64   `json:"index"`
	Size       uint64   `json:"size"`
	Leaf       string   `json:"leaf"`
	Path       []string `json:"path"`
	Root       string   `json:"root"`
	Checkpoint string   `json:"checkpoint"`
}

// Inclusion reads the proof of an entry in the newest checkpoint.
func (l *Log) Inclusion(ctx context.Context, id string) (Proof, error) {
	body, err := l.get(ctx, "proofs/inclusion?entry="+url.QueryEscape(id))
	if err != nil {
		return Proof{}, err
	}
	return ParseProof(body)
}

// ParseProof reads a proof, such as one kept in a file.
func ParseProof(data []byte) (Proof, error) {
	var p Proof
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("%w: not a proof: %w", ErrAnswer, err)
	}
	return p, nil
}

// ParsePath reads the hashes of a proof.
func ParsePath(texts []string) ([][]byte, error) {
	if len(texts) > 128 {
		return nil, fmt.Errorf("%w: a proof of %d hashes", ErrAnswer, len(texts))
	}
	path := make([][]byte, len(texts))
	for i, text := range texts {
		var err error
		if path[i], err = base64.StdEncoding.DecodeString(text); err != nil || len(path[i]) != 32 {
			return nil, fmt.Errorf("%w: a proof with what is no hash", ErrAnswer)
		}
	}
	return path, nil
}

// Witness asks a witness to cosign (C2SP tlog-witness).
type Witness struct {
	base string
	key  audit.VerifierKey
	http *http.Client
}

var _ audit.Witness = (*Witness)(nil)

// NewWitness makes the client of a witness.
func NewWitness(base string, k audit.VerifierKey, client *http.Client) (*Witness, error) {
	address, err := address(base)
	if err == nil && !k.Witness() {
		err = fmt.Errorf("%w: %s is not a witness's", audit.ErrKey, k)
	}
	return &Witness{address, k, client}, err
}

// Key implements [audit.Witness].
func (w *Witness) Key() audit.VerifierKey { return w.key }

// Cosign implements [audit.Witness].
func (w *Witness) Cosign(ctx context.Context, old uint64, path [][]byte, note string) (string, error) {
	body := FormatRequest(old, path, note)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	status, answer, kind, err := do(w.http, request)
	switch {
	case err != nil:
		return "", err
	case status == http.StatusOK:
		return string(answer), nil
	case status == http.StatusConflict && strings.HasPrefix(kind, SizeType):
		size, err := strconv.ParseUint(strings.TrimSuffix(string(answer), "\n"), 10, 62)
		if err != nil {
			return "", fmt.Errorf("%w: a size that is none", ErrAnswer)
		}
		return "", &audit.StandsAt{Size: size}
	case status == http.StatusConflict, status == http.StatusUnprocessableEntity:
		return "", fmt.Errorf("%w: %.200s", ErrRefused, answer)
	}
	return "", fmt.Errorf("%w: status %d: %.200s", ErrAnswer, status, answer)
}

// SizeType is the content type of the answer that says where a witness stands.
const SizeType = "text/x.tlog.size"

// FormatRequest writes the body of add-checkpoint.
func FormatRequest(old uint64, path [][]byte, note string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range path {
		b.WriteString(base64.StdEncoding.EncodeToString(h) + "\n")
	}
	b.WriteString("\n" + note)
	return b.Bytes()
}

// ParseRequest reads the body of add-checkpoint.
func ParseRequest(body []byte) (old uint64, path [][]byte, note string, err error) {
	head, note, found := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	text, ok := strings.CutPrefix(lines[0], "old ")
	if !found || !ok || len(lines) > 64 {
		return 0, nil, "", fmt.Errorf("%w: not a request to cosign", ErrAnswer)
	}
	if old, err = strconv.ParseUint(text, 10, 62); err != nil || strconv.FormatUint(old, 10) != text {
		return 0, nil, "", fmt.Errorf("%w: old size", ErrAnswer)
	}
	path, err = ParsePath(lines[1:])
	return old, path, note, err
}
