package qrimage

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
	"github.com/showcard/showcard/schemas"
)

// sample is a code that all readers are tried on.
type sample struct {
	name, text string
	symbol     symbol
}

// The codes lie in a file, because signatures differ each time and a code that is hard to read is to stay the same.
const samplesFile = "testdata/reading/codes.txt"

// readSamples holds the file to what would be signed today: every offline view of every type, by both algorithms, with
// the long values of TestOfflineSizes; moreover the two forms of a ticket, and the longest code that is read.
func readSamples(t *testing.T) []sample {
	t.Helper()
	kept := map[string]string{}
	data, err := os.ReadFile(samplesFile)
	require.True(t, err == nil || *update, "%v", err)
	for line := range strings.Lines(string(data)) {
		name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		kept[name] = text
	}
	var all []sample
	add := func(name, now string, same func(kept string) bool) {
		text := kept[name]
		if len(text) != len(now) || !same(text) {
			require.True(t, *update, "%s: %q is not what would be drawn today: make reading ARGS=-update", samplesFile, name)
			text = now
		}
		s, err := encode(text, M)
		require.NoError(t, err)
		all = append(all, sample{name, text, s})
	}
	r := seeded()
	ticket, address, longest := randomTicket(t, r), urlTicket(t, "https://show.example.gov.cn", r), offline(t, qr.MaxOfflineLength, r)
	for name, now := range map[string]string{"ticket": ticket, "ticket behind an address": address, "longest": longest} {
		add(name, now, func(kept string) bool { return kept == now })
	}
	catalogue, err := schemas.Embedded()
	require.NoError(t, err)
	keys := signers(t)
	for _, typ := range catalogue.Types() {
		for _, view := range typ.Offline.Views {
			for _, a := range []key.Algorithm{key.SM2, key.ES256} {
				now, claims := offlineCode(t, typ, view, keys[a][0], keys[a][1])
				add(fmt.Sprintf("%s %s %s", typ.ID, view, a), now, func(kept string) bool {
					code, err := qr.Parse(kept)
					if err != nil {
						return false
					}
					token, err := sdcwt.Parse(code.Offline)
					return err == nil && token.Claims.Device.Algorithm() == a && sameView(token.Claims.View, claims.View)
				})
			}
		}
	}
	slices.SortFunc(all, func(a, b sample) int {
		if a.symbol.version != b.symbol.version {
			return a.symbol.version - b.symbol.version
		}
		return strings.Compare(a.name, b.name)
	})
	if *update {
		var out strings.Builder
		for _, s := range all {
			out.WriteString(s.name + "\t" + s.text + "\n")
		}
		require.NoError(t, os.WriteFile(samplesFile, []byte(out.String()), 0o644))
	}
	return all
}

func sameView(a, b sdcwt.View) bool {
	return a.Type == b.Type && a.Version == b.Version && a.View == b.View && a.Region == b.Region && reflect.DeepEqual(a.Values, b.Values)
}
