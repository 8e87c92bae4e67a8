package qrimage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Four readers of four lineages. zbarimg is C and what Debian has; zxing-wasm is zxing-cpp, as pages ship it; jsQR is
// JavaScript; gozxing is what Scan uses, with what Scan does around it. None is optional.
var readerNames = []string{"zbarimg", "zxing-wasm", "jsqr", "gozxing"}

// found is what each reader read in a picture.
type found map[string][]string

type readers struct {
	dir  string // for the pictures
	zbar string
	node io.Writer
	out  *bufio.Scanner
}

func startReaders(t *testing.T) *readers {
	t.Helper()
	zbar, err := exec.LookPath("zbarimg")
	require.NoError(t, err, "install Debian package zbar-tools (make tools)")
	node, err := exec.LookPath("node")
	require.NoError(t, err, "install Node.js 20 or later, then run: make tools")
	require.DirExists(t, "testdata/readers/node_modules/zxing-wasm", "this test needs npm packages: run: make tools")
	cmd := exec.Command(node, "read.mjs")
	cmd.Dir = "testdata/readers"
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, stdin.Close())
		require.NoError(t, cmd.Wait())
	})
	return &readers{dir: t.TempDir(), zbar: zbar, node: stdin, out: bufio.NewScanner(stdout)}
}

// read gives the pictures to all readers: one process for all that zbarimg reads, one that stays for JavaScript.
func (r *readers) read(t *testing.T, pictures []*image.Gray) []found {
	t.Helper()
	all := make([]found, len(pictures))
	files := make([]string, len(pictures))
	for i, p := range pictures {
		all[i] = found{}
		files[i] = filepath.Join(r.dir, fmt.Sprintf("%03d.pgm", i))
		require.Equal(t, p.Rect.Dx(), p.Stride)
		data := append(fmt.Appendf(nil, "P5 %d %d 255\n", p.Rect.Dx(), p.Rect.Dy()), p.Pix...)
		require.NoError(t, os.WriteFile(files[i], data, 0o600))
	}
	zbar := make(chan error, 1)
	var fromZbar map[string][]string
	go func() {
		var err error
		fromZbar, err = r.askZbar(t.Context(), files)
		zbar <- err
	}()
	node := make(chan error, 1)
	fromNode := make([]found, len(files))
	go func() { node <- r.askNode(files, fromNode) }()
	for i, p := range pictures {
		all[i]["gozxing"] = search(luminance(p))
	}
	require.NoError(t, <-zbar)
	require.NoError(t, <-node)
	for i, file := range files {
		all[i]["zbarimg"] = fromZbar[filepath.Base(file)]
		for name, texts := range fromNode[i] {
			all[i][name] = texts
		}
	}
	return all
}

func (r *readers) askZbar(ctx context.Context, files []string) (map[string][]string, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, r.zbar, append([]string{"--quiet", "--xml", "-Sdisable", "-Sqrcode.enable"}, files...)...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 4) { // 4: nothing in one of the files
		return nil, fmt.Errorf("zbarimg: %w: %s", err, problems.String())
	}
	return parseZbar(out.Bytes())
}

// parseZbar takes zbarimg's XML apart: the texts found in each file, by its base name.
func parseZbar(data []byte) (map[string][]string, error) {
	var doc struct {
		Source []struct {
			File string   `xml:"href,attr"`
			Data []string `xml:"index>symbol>data"`
		} `xml:"source"`
	}
	if err := xml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("zbarimg: %w: %s", err, data)
	}
	texts := map[string][]string{}
	for _, s := range doc.Source {
		texts[filepath.Base(s.File)] = s.Data
	}
	return texts, nil
}

func (r *readers) askNode(files []string, to []found) error {
	for i, file := range files {
		if _, err := fmt.Fprintln(r.node, file); err != nil {
			return fmt.Errorf("readers of testdata/readers: %w", err)
		}
		if !r.out.Scan() {
			return errors.New("readers of testdata/readers stopped; run: make tools")
		}
		var fault struct{ Error string }
		if err := json.Unmarshal(r.out.Bytes(), &fault); err == nil && fault.Error != "" {
			return errors.New(fault.Error)
		}
		if err := json.Unmarshal(r.out.Bytes(), &to[i]); err != nil {
			return fmt.Errorf("readers of testdata/readers: %w: %s", err, r.out.Bytes())
		}
	}
	return nil
}
