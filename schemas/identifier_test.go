package schemas

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type gmNumbers struct {
	Identifiers struct {
		Root      string
		Good, Bad []string
	}
	CitizenID struct{ Good, Bad []string } `json:"citizen_id"`
	USCC      struct {
		Good    []string
		Genuine []string `json:"genuine_but_failing"`
	}
	Mod []struct{ Text, Check string } `json:"mod_37_36"`
}

func vectors(t testing.TB) gmNumbers {
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "gm", "numbers.json"))
	require.NoError(t, err)
	var v gmNumbers
	require.NoError(t, json.Unmarshal(raw, &v))
	return v
}

func TestIdentifierVectors(t *testing.T) {
	v := vectors(t)
	require.Equal(t, IdentifierRoot, v.Identifiers.Root)
	require.GreaterOrEqual(t, len(v.Identifiers.Good), 8)
	for _, s := range v.Identifiers.Good {
		id, err := ParseIdentifier(IdentifierRoot + "." + s)
		require.NoError(t, err, s)
		require.Equal(t, IdentifierRoot+"."+s, id.String())
	}
	for _, s := range v.Identifiers.Bad {
		_, err := ParseIdentifier(IdentifierRoot + "." + s)
		require.ErrorIs(t, err, ErrIdentifierChecksum, s)
	}
	for _, m := range v.Mod {
		require.Equal(t, m.Check, string(mod37x36(m.Text)))
	}
}

// One vendor writes another root and puts it into the check. It happens that
// the digits of that root leave MOD 37,36 where it began, so that the check
// character is the right one all the same: only the root gives such an
// identifier away. With the right root inside the check, the check tells.
func TestIdentifierOfAnotherRoot(t *testing.T) {
	const body = "11100000000013338W01111430000006122244L20230000403001"
	const dotted = ".11100000000013338W011.11430000006122244L.20230000403.001."
	vendor := mod37x36("1215630032" + body)
	require.Equal(t, mod37x36(body), vendor)
	_, err := ParseIdentifier("1.2.156.3003.2" + dotted + string(vendor))
	require.ErrorIs(t, err, ErrIdentifierFormat)

	withRoot := mod37x36("1215630052" + body)
	_, err = ParseIdentifier(IdentifierRoot + dotted + string(withRoot))
	require.ErrorIs(t, err, ErrIdentifierChecksum)
}

func TestIdentifierRefusals(t *testing.T) {
	for name, s := range map[string]string{
		"empty":            "",
		"root only":        IdentifierRoot,
		"four parts":       IdentifierRoot + ".11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.R",
		"lower case":       IdentifierRoot + ".11100000000013127d001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R",
		"version of four":  IdentifierRoot + ".11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.0001.R",
		"version zero":     IdentifierRoot + ".11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.000.R",
		"signed version":   IdentifierRoot + ".11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.+01.R",
		"empty serial":     IdentifierRoot + ".11100000000013127D001.11110000000021135M..001.R",
		"long serial":      IdentifierRoot + ".11100000000013127D001.11110000000021135M." + strings.Repeat("0", 65) + ".001.R",
		"long issuer":      IdentifierRoot + ".11100000000013127D001.11110000000021135M0.0.001.R",
		"newline":          IdentifierRoot + ".11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R\n",
		"leading blank":    " " + IdentifierRoot + ".11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R",
		"multi-byte check": IdentifierRoot + ".11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.字",
	} {
		_, err := ParseIdentifier(s)
		require.ErrorIs(t, err, ErrIdentifierFormat, name)
	}
}

func TestNewIdentifier(t *testing.T) {
	id, err := NewIdentifier("11100000000013127D001", "11110000000021135M", "7Q2XKD0M9ZB4T8W1CR5H", 1)
	require.NoError(t, err)
	require.Equal(t, "1.2.156.3005.2.11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R", id.String())
	require.Equal(t, "1.2.156.3005.2.11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.002.P", id.Next().String())
	require.Equal(t, 2, id.Next().Version())
	require.Equal(t, "11100000000013127D001", id.TypeCode())
	require.Equal(t, "11110000000021135M", id.IssuerCode())
	require.Equal(t, "7Q2XKD0M9ZB4T8W1CR5H", id.Serial())

	for name, part := range map[string][4]string{
		"legacy issuer":        {"11100000000013127D001", "340100", "1"},
		"wrong issuer check":   {"11100000000013127D001", "11110000000021135L", "1"},
		"short type":           {"11100000000013127D", "11110000000021135M", "1"},
		"serial with a hyphen": {"11100000000013127D001", "11110000000021135M", "1-1"},
	} {
		_, err := NewIdentifier(part[0], part[1], part[2], 1)
		require.ErrorIs(t, err, ErrIdentifierFormat, name)
	}
	for _, version := range []int{0, -1, 1000} {
		_, err := NewIdentifier("11100000000013127D001", "11110000000021135M", "1", version)
		require.ErrorIs(t, err, ErrIdentifierFormat)
	}
	last, err := NewIdentifier("11100000000013127D001", "11110000000021135M", "1", 999)
	require.NoError(t, err)
	require.True(t, last.Next().IsZero())
	require.Empty(t, Identifier{}.String())
}

func TestIdentifierJSON(t *testing.T) {
	id, err := ParseIdentifier("1.2.156.3005.2.11100000000013127D001.11110000000021135M.7Q2XKD0M9ZB4T8W1CR5H.001.R")
	require.NoError(t, err)
	raw, err := json.Marshal(struct{ ID, None Identifier }{ID: id})
	require.NoError(t, err)
	var back struct{ ID, None Identifier }
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, id, back.ID)
	require.True(t, back.None.IsZero())
	require.Error(t, json.Unmarshal([]byte(`{"ID":"1.2.3"}`), &back))
}

func TestRandomSerial(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		s, err := RandomSerial(rand.Reader)
		require.NoError(t, err)
		require.Len(t, s, 20)
		require.Empty(t, strings.Trim(s, alphabet36))
		require.False(t, seen[s])
		seen[s] = true
	}
	// Bytes that would bias the draw are skipped, not folded.
	biased := append(bytes.Repeat([]byte{255}, 32), bytes.Repeat([]byte{35}, 32)...)
	s, err := RandomSerial(bytes.NewReader(biased))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("Z", 20), s)
	_, err = RandomSerial(bytes.NewReader(nil))
	require.Error(t, err)
}

// MOD 37,36 detects every single substitution (ISO/IEC 7064 §4.2).
func TestIdentifierDetectsSlips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := rapid.StringMatching(`[0-9A-Z]{1,32}`).Draw(t, "serial")
		id, err := NewIdentifier("11100000000013127D001", "11110000000021135M", serial, rapid.IntRange(1, 999).Draw(t, "version"))
		require.NoError(t, err)
		s := []byte(id.String())
		back, err := ParseIdentifier(string(s))
		require.NoError(t, err)
		require.Equal(t, id, back)

		i := rapid.IntRange(len(IdentifierRoot)+1, len(s)-1).Draw(t, "place")
		if s[i] == '.' {
			return
		}
		slip := bytes.Clone(s)
		slip[i] = alphabet36[rapid.IntRange(0, 35).Draw(t, "character")]
		if !bytes.Equal(slip, s) {
			_, err = ParseIdentifier(string(slip))
			require.Error(t, err, "substitution")
		}
	})
}

// Of neighbours that changed places it detects nearly all: two sums in a row meet now and then.
func TestIdentifierDetectsTranspositions(t *testing.T) {
	swapped, missed := 0, 0
	for n := range 2000 {
		serial := strings.ToUpper(strconv.FormatInt(int64(n)*7919+36*36*36, 36))
		id, err := NewIdentifier("11100000000013127D001", "11110000000021135M", serial, 1)
		require.NoError(t, err)
		s := []byte(id.String())
		for i := len(IdentifierRoot) + 1; i+1 < len(s); i++ {
			if s[i] == '.' || s[i+1] == '.' || s[i] == s[i+1] {
				continue
			}
			slip := bytes.Clone(s)
			slip[i], slip[i+1] = slip[i+1], slip[i]
			swapped++
			if _, err := ParseIdentifier(string(slip)); err == nil {
				missed++
			}
		}
	}
	require.Greater(t, swapped, 10_000)
	require.Less(t, float64(missed)/float64(swapped), 0.03, "%d of %d", missed, swapped)
}

func FuzzParseIdentifier(f *testing.F) {
	v := vectors(f)
	for _, s := range append(v.Identifiers.Good, v.Identifiers.Bad...) {
		f.Add(IdentifierRoot + "." + s)
	}
	f.Add("1.2.156.3003.2.1.1.1.001.1")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseIdentifier(s)
		if err != nil {
			if !errors.Is(err, ErrIdentifierFormat) && !errors.Is(err, ErrIdentifierChecksum) {
				t.Fatal("a bare error:", err)
			}
			return
		}
		if id.String() != s {
			t.Fatalf("%q reads back as %q", s, id)
		}
	})
}
