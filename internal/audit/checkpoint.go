package audit

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

var (
	// ErrCheckpoint says that a text is no signed checkpoint, or is cut off.
	ErrCheckpoint = errors.New("audit: not a checkpoint")
	// ErrSignature says that a checkpoint is not signed by the log's two keys.
	ErrSignature = errors.New("audit: the checkpoint is not signed by this log")
	// ErrOrigin says that a checkpoint is of another log.
	ErrOrigin = errors.New("audit: a checkpoint of another log")
)

// maxNote is larger than any checkpoint with its signatures.
const maxNote = 64 << 10

// Checkpoint is the log at one moment: its size and its root (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string // the log's name
	Size   uint64
	Root   [32]byte
}

// Text is what is signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// parseCheckpoint reads the text of a note. Lines after the third are extensions, which we write
// none of and refuse: nobody could say what they mean.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" || len(text) > 1024 {
		return Checkpoint{}, fmt.Errorf("%w: want origin, size and root", ErrCheckpoint)
	}
	size, err := strconv.ParseUint(lines[1], 10, 62)
	root, rootErr := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || rootErr != nil || len(root) != hashSize || strconv.FormatUint(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%w: size or root", ErrCheckpoint)
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: [32]byte(root)}, nil
}

// Sign makes the signed note.
func (c Checkpoint) Sign(signers ...Signer) (string, error) {
	list := make([]note.Signer, len(signers))
	for i, s := range signers {
		list[i] = s
	}
	text, err := note.Sign(&note.Note{Text: c.Text()}, list...)
	if err != nil {
		return "", fmt.Errorf("audit: sign checkpoint: %w", err)
	}
	return string(text), nil
}

// Signed is a checkpoint whose signatures were checked.
type Signed struct {
	Checkpoint
	Note string // without signatures that were not checked
	// Witnesses are the witnesses, of those that were asked about, who cosigned, and when.
	Witnesses []Cosigned
}

// Cosigned says that a witness saw the checkpoint.
type Cosigned struct {
	Key VerifierKey
	At  time.Time
}

// Keys are whom to believe about a log.
type Keys struct {
	Origin    string
	Log       []VerifierKey // Ed25519 and SM2: every one of them must have signed
	Witnesses []VerifierKey
}

// NewKeys sorts keys into the log's own, which bear its name, and those of witnesses.
func NewKeys(keys []VerifierKey) (Keys, error) {
	var k Keys
	for _, v := range keys {
		if v.Witness() {
			k.Witnesses = append(k.Witnesses, v)
			continue
		}
		if k.Origin == "" {
			k.Origin = v.Name()
		}
		if v.Name() != k.Origin {
			return k, fmt.Errorf("%w: keys of two logs, %s and %s", ErrKey, k.Origin, v.Name())
		}
		k.Log = append(k.Log, v)
	}
	if len(k.Log) == 0 {
		return k, fmt.Errorf("%w: no key of a log", ErrKey)
	}
	return k, nil
}

// Open reads a checkpoint and checks that all keys of the log signed it. A cosignature of a known
// witness that does not verify is an error too: somebody made it up.
func (k Keys) Open(text string) (Signed, error) {
	if len(text) > maxNote {
		return Signed{}, fmt.Errorf("%w: %d bytes", ErrCheckpoint, len(text))
	}
	var known []note.Verifier
	for _, v := range k.Log {
		known = append(known, v)
	}
	for _, v := range k.Witnesses {
		known = append(known, v)
	}
	n, err := note.Open([]byte(text), note.VerifierList(known...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		if c, err := parseCheckpoint(unverified.Note.Text); err == nil && c.Origin != k.Origin {
			return Signed{}, fmt.Errorf("%w: %s, not %s", ErrOrigin, c.Origin, k.Origin)
		}
		return Signed{}, ErrSignature
	case errors.As(err, &invalid):
		return Signed{}, fmt.Errorf("%w: %w", ErrSignature, err)
	case err != nil:
		return Signed{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Signed{}, err
	}
	if c.Origin != k.Origin {
		return Signed{}, fmt.Errorf("%w: %s, not %s", ErrOrigin, c.Origin, k.Origin)
	}
	for _, s := range n.Sigs { // one spelling of each, so that a checkpoint is one text
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Signed{}, fmt.Errorf("%w: signature of %s: %w", ErrCheckpoint, s.Name, err)
		}
	}
	for _, v := range k.Log {
		if _, ok := signature(n, v); !ok {
			return Signed{}, fmt.Errorf("%w: %s did not sign", ErrSignature, v)
		}
	}
	// Lines of signatures by nobody known go: whoever brings a checkpoint might add any number.
	clean, err := note.Sign(&note.Note{Text: n.Text, Sigs: n.Sigs})
	if err != nil {
		return Signed{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	s := Signed{Checkpoint: c, Note: string(clean)}
	for _, v := range k.Witnesses {
		if raw, ok := signature(n, v); ok {
			s.Witnesses = append(s.Witnesses, Cosigned{Key: v, At: time.Unix(int64(binary.BigEndian.Uint64(raw)), 0).UTC()})
		}
	}
	return s, nil
}

// signature finds the verified signature of a key, without the hash of the key before it.
func signature(n *note.Note, v VerifierKey) ([]byte, bool) {
	for _, s := range n.Sigs {
		if s.Name == v.name && s.Hash == v.hash {
			raw, err := base64.StdEncoding.DecodeString(s.Base64)
			return raw[min(4, len(raw)):], err == nil
		}
	}
	return nil, false
}

// SignatureLines returns the signatures of a note, one a line: what a witness answers.
func SignatureLines(text string) string {
	if i := strings.LastIndex(text, "\n\n"); i >= 0 {
		return text[i+2:]
	}
	return ""
}
