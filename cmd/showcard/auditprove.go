package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/audit/remote"
)

type auditProveCommand struct {
	Entry   string `arg:"" optional:"" help:"Id of the entry."`
	Log     string `placeholder:"URL" help:"Address of the deployment."`
	Proof   string `placeholder:"FILE" help:"Check the proof in this file instead of asking for one."`
	Save    string `placeholder:"FILE" help:"Keep the proof in this new file: with the log's keys it convinces anybody, for good."`
	LogKeys string `name:"log-keys" placeholder:"FILE" help:"Verifier keys of the log and of its witnesses. Without it the log's own word is taken."`
	CA      string `name:"ca" placeholder:"FILE" help:"PEM file of certificate authorities to trust for TLS besides the system's."`
}

// Help is what --help prints below the flags.
func (auditProveCommand) Help() string {
	return `A proof is the entry, the hashes beside its path up the tree, and the signed checkpoint whose root they lead to.

Exit status: 0 proven, 1 not, 2 wrong use, 3 the check could not be made.

Examples:
  showcard audit prove 4FLRPW3XJ6OWDPGMZD6XGUQPQ4 --log https://cards.example.gov.cn --save proof.json
  showcard audit prove --proof proof.json --log-keys log.keys`
}

func (p *auditProveCommand) Run(e *env) error {
	if (p.Entry == "") == (p.Proof == "") || p.Entry != "" && p.Log == "" || p.Proof != "" && p.LogKeys == "" {
		return fmt.Errorf("%w: give an entry and --log URL, or --proof FILE and --log-keys FILE", errConfig)
	}
	var got remote.Proof
	var keys []audit.VerifierKey
	if p.Proof != "" {
		data, err := os.ReadFile(filepath.Clean(p.Proof))
		if err == nil {
			got, err = remote.ParseProof(data)
		}
		if err != nil {
			return unknownAnswer(e, err)
		}
	} else {
		h, err := (&whichLog{CA: p.CA}).http()
		if err != nil {
			return unknownAnswer(e, err)
		}
		log, err := remote.NewLog(p.Log, h)
		if err != nil {
			return fmt.Errorf("%w: --log: %w", errConfig, err)
		}
		if got, err = log.Inclusion(e.ctx, p.Entry); err != nil {
			return unknownAnswer(e, err)
		}
		if keys, err = log.Keys(e.ctx); err != nil {
			return unknownAnswer(e, err)
		}
	}
	if p.LogKeys != "" {
		var err error
		if keys, err = readKeys(p.LogKeys); err != nil {
			return err
		}
	}
	signed, leaf, err := judgeProof(got, keys, p.Entry)
	if err != nil {
		tell(e.stderr, auditError(err))
		return exitStatus(1)
	}
	fmt.Fprintf(e.stdout, "entry %d of %d: %s %s at %s\n", got.Index, signed.Size, leaf.Kind, leaf.ID, leaf.At.Format(time.RFC3339))
	for _, w := range signed.Witnesses {
		fmt.Fprintf(e.stdout, "cosigned by %s at %s\n", w.Key.Name(), w.At.Format(time.RFC3339))
	}
	if len(signed.Witnesses) == 0 {
		fmt.Fprintln(e.stdout, "no witness has cosigned this checkpoint yet: the log's own signature is all that bears it out")
	}
	if p.LogKeys == "" {
		fmt.Fprintln(e.stdout, "the log's keys are taken on its own word; --log-keys compares them with what you were told")
	}
	if p.Save != "" {
		return saveProof(p.Save, got)
	}
	return nil
}

// judgeProof checks a proof from its beginning to the signatures.
func judgeProof(p remote.Proof, list []audit.VerifierKey, id string) (audit.Signed, audit.Leaf, error) {
	keys, err := audit.NewKeys(list)
	if err != nil {
		return audit.Signed{}, audit.Leaf{}, err
	}
	signed, err := keys.Open(p.Checkpoint)
	if err != nil {
		return signed, audit.Leaf{}, err
	}
	path, err := remote.ParsePath(p.Path)
	if err != nil {
		return signed, audit.Leaf{}, fmt.Errorf("%w: %w", audit.ErrProof, err)
	}
	if p.Size != signed.Size {
		return signed, audit.Leaf{}, fmt.Errorf("%w: the proof is of %d entries, the checkpoint of %d", audit.ErrProof, p.Size, signed.Size)
	}
	if err := audit.CheckInclusion([]byte(p.Leaf), p.Index, p.Size, path, signed.Root); err != nil {
		return signed, audit.Leaf{}, err
	}
	leaf, err := audit.ParseLeaf([]byte(p.Leaf))
	if err == nil && id != "" && leaf.ID != id {
		err = fmt.Errorf("%w: it is of entry %s", audit.ErrProof, leaf.ID)
	}
	return signed, leaf, err
}

// saveProof writes a proof to a new file.
func saveProof(path string, p remote.Proof) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a proof is for everyone
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}
