// Command gen writes testdata/push: the rows that the demonstration's
// departments push, what is suspended and revoked afterwards, the live values,
// and the departments and checkers themselves. Run it from the repository root:
//
//	go run ./testdata/gen
//
// The same program writes the same bytes: what looks random is drawn from the
// key of each row. People and companies are invented; their numbers use the
// rarely given sequences from 990 up.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/showcard/showcard/schemas"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", filepath.Join("testdata", "push"), "folder to write to")
	flag.Parse()
	all, err := generate()
	if err == nil {
		err = write(*out, all)
	}
	if err != nil {
		log.Fatal("gen: ", err)
	}
}

// write replaces the files; there are no others in the folder.
func write(dir string, all map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range all {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate makes every file by name.
func generate() (map[string][]byte, error) {
	g := generator{rows: map[string][]schemas.Row{}}
	for i, p := range people() {
		if err := g.person(i+1, p); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	for i, c := range companies() {
		if err := g.company(i+1, c); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	all := map[string][]byte{}
	for issuer, rows := range g.rows {
		content, err := ndjson(rows)
		if err != nil {
			return nil, err
		}
		all[issuer+".ndjson"] = content
	}
	var err error
	if all["live.ndjson"], err = ndjson(g.live); err != nil {
		return nil, err
	}
	if all["states.ndjson"], err = ndjson(states()); err != nil {
		return nil, err
	}
	for name, v := range map[string]any{"issuers.json": issuers(), "parties.json": parties(), "purposes.json": purposes()} {
		if all[name], err = pretty(v); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func ndjson[T any](lines []T) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, line := range lines {
		if err := e.Encode(line); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func pretty(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
