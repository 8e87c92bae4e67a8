package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a page promises to state is stated: no mark such as @FIGURES@ stands where something was to
// be filled in.
func TestPagesAreFilledIn(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	mark := regexp.MustCompile(`@[A-Z]+@`)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Empty(t, mark.FindAllString(string(text), -1), page)
	}
}

// The page on SM2 states what its comparison and its bench found, besides what they were to find.
func TestSM2PageStatesItsFigures(t *testing.T) {
	text, err := os.ReadFile("../../docs/sm2-verification.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "\n## How we know\n")
	require.True(t, ok)
	know, rest, ok := strings.Cut(rest, "\n## What it gives\n")
	require.True(t, ok)
	gives, _, ok := strings.Cut(rest, "\n## ")
	require.True(t, ok)
	log := regexp.MustCompile(`(?m)^\|.*$`).ReplaceAllString(know, "") // without the table of intentions
	for _, cases := range []string{"10,000,000", "100,000"} {
		require.Contains(t, log, cases, "the log of make sm2-difference")
	}
	figures := map[string]bool{}
	for _, figure := range regexp.MustCompile(`\d+\.\d+`).FindAllString(gives, -1) {
		figures[figure] = true
	}
	delete(figures, "3.5") // the goals
	delete(figures, "1.8")
	require.GreaterOrEqual(t, len(figures), 2, "the ratios that showcard bench found")
}

// No page holds both sides of a merge.
func TestPagesAreMerged(t *testing.T) {
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/decisions/*.md"} {
		pages, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, pages)
		for _, page := range pages {
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			require.NotRegexp(t, `(?m)^(<{7} |={7}$|>{7} )`, string(text), page)
		}
	}
}
