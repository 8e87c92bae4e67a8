package qrimage

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A reader that shares no code with what draws or reads here: zbar, in C, of another lineage. It is required, because
// a check that is skipped where the tool is missing is a check that nobody has.

// requireZbarReads writes the pictures as files and lets one zbarimg read all of them.
func requireZbarReads(t *testing.T, names []string, pictures [][]byte, want []string) {
	t.Helper()
	zbar, err := exec.LookPath("zbarimg")
	if err != nil {
		t.Fatal("zbarimg not found: install Debian package zbar-tools (make tools)")
	}
	dir := t.TempDir()
	args := []string{"--quiet", "--xml", "-Sdisable", "-Sqrcode.enable"}
	for i, data := range pictures {
		file := filepath.Join(dir, fmt.Sprintf("%03d.png", i))
		require.NoError(t, os.WriteFile(file, data, 0o600))
		args = append(args, file)
	}
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(t.Context(), zbar, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	// zbarimg exits with 4 when it read nothing in one of the files; which one, the comparison below says.
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%s", problems.String())
	}
	got, err := parseZbar(out.Bytes())
	require.NoError(t, err)
	for i, text := range want {
		require.Equal(t, []string{text}, got[fmt.Sprintf("%03d.png", i)], names[i])
	}
}

func TestZbarReadsTickets(t *testing.T) {
	r := seeded()
	var names, want []string
	var pictures [][]byte
	add := func(name, text string, o Options) {
		data, err := PNG(text, o)
		require.NoError(t, err)
		names, want, pictures = append(names, name), append(want, text), append(pictures, data)
	}
	for module := 2; module <= 10; module++ {
		for i := range 6 {
			add(fmt.Sprintf("ticket %d, module %d", i, module), randomTicket(t, r), Options{Module: module})
		}
		for i, base := range []string{"https://show.example.gov.cn", "http://localhost:8080", "https://" + strings.Repeat("a", 45)} {
			add(fmt.Sprintf("URL %d, module %d", i, module), urlTicket(t, base, r), Options{Module: module})
		}
		for _, level := range []Level{L, Q, H} {
			add(fmt.Sprintf("ticket, level %d, module %d", level, module), randomTicket(t, r), Options{Module: module, Level: level, Quiet: 6})
		}
	}
	requireZbarReads(t, names, pictures, want)
}

func TestZbarReadsOfflineCodes(t *testing.T) {
	r := seeded()
	var names, want []string
	var pictures [][]byte
	for _, length := range []int{100, 127, 160, 193, 229, 260, 299, 331, 360, 399, 432, 461, 490, 527, 560, 591, 624, 656} {
		module := 3 + length%6
		text := offline(t, length, r)
		data, err := PNG(text, Options{Module: module})
		require.NoError(t, err)
		names, want, pictures = append(names, fmt.Sprintf("%d characters, module %d", length, module)), append(want, text), append(pictures, data)
	}
	requireZbarReads(t, names, pictures, want)
}

// SVG and terminal text become pixels in the tests' own small renderers; zbar then reads those.
func TestZbarReadsSVGAndTerminal(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	r := seeded()
	var names, want []string
	var pictures [][]byte
	add := func(name, text string, img *image.Gray) {
		names, want, pictures = append(names, name), append(want, text), append(pictures, asPNG(t, img))
	}
	for _, text := range []string{randomTicket(t, r), urlTicket(t, "https://show.example.gov.cn", r), offline(t, 300, r)} {
		svg, err := SVG(text, Options{Module: 5, Title: "动态码 · Dynamic code"})
		require.NoError(t, err)
		img, _ := rasterSVG(t, svg, 5)
		add("SVG", text, img)

		out, err := Terminal(text)
		require.NoError(t, err)
		add("dark terminal", text, rasterTerminal(t, out, 0xc0, 0x10, 5))
		add("light terminal", text, rasterTerminal(t, out, 0x20, 0xf0, 5))
		out, err = TerminalPlain(text)
		require.NoError(t, err)
		add("terminal without colours", text, rasterTerminal(t, out, 0xd0, 0x08, 5))
	}
	requireZbarReads(t, names, pictures, want)
}
