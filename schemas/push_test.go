package schemas_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image/jpeg"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/testdata"
)

func read(t testing.TB, name string) []byte {
	raw, err := fs.ReadFile(testdata.Files, "push/"+name)
	require.NoError(t, err)
	return raw
}

func lines(t testing.TB, name string) [][]byte {
	var list [][]byte
	s := bufio.NewScanner(bytes.NewReader(read(t, name)))
	s.Buffer(nil, 2*schemas.MaxRow)
	for s.Scan() {
		list = append(list, bytes.Clone(s.Bytes()))
	}
	require.NoError(t, s.Err())
	return list
}

func strict(t testing.TB, raw []byte, into any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(into))
}

type issuer struct {
	ID      string       `json:"id"`
	Name    schemas.Text `json:"name"`
	USCC    string       `json:"uscc"`
	Types   []string     `json:"types"`
	Regions []string     `json:"regions"`
}

type pushed struct {
	row    schemas.Row
	typ    *schemas.Type
	issuer issuer
}

var demoDay = time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)

// everyRow decodes and validates all rows, strictly, now and in two years: the
// demonstration must not grow stale.
func everyRow(t testing.TB) map[string]pushed {
	c, err := schemas.Embedded()
	require.NoError(t, err)
	var issuers []issuer
	strict(t, read(t, "issuers.json"), &issuers)
	all := map[string]pushed{}
	for _, is := range issuers {
		require.NoError(t, schemas.CheckUSCC(is.USCC), is.ID)
		require.True(t, is.Name.Complete())
		for _, line := range lines(t, is.ID+".ndjson") {
			row, problems := schemas.DecodeRow(line)
			require.Empty(t, problems, row.Key)
			typ, problems := c.Validate(row, demoDay, schemas.Strict)
			require.Empty(t, problems, row.Key)
			require.Empty(t, typ.Validate(row, demoDay.AddDate(2, 0, 0), schemas.Strict), row.Key)
			require.NotContains(t, all, row.Key, "the key stands twice")
			all[row.Key] = pushed{row, typ, is}
			require.Equal(t, is.ID, row.Issuer)
			require.Contains(t, is.Types, row.Type)
			require.True(t, schemas.RegionCovers(is.Regions[0], row.Region), row.Key)
			require.NotContains(t, string(line), `"phone"`)
		}
	}
	return all
}

func TestPushedRows(t *testing.T) {
	all := everyRow(t)
	people, companies, types := map[string]string{}, map[string]string{}, map[string]int{}
	pictures := map[string]string{}
	expired, rare, long := 0, 0, 0
	now := demoDay
	ages := map[string]int{}
	for key, p := range all {
		types[p.row.Type]++
		h := p.row.Holder
		switch h.Type {
		case schemas.HolderUSCC:
			companies[h.Number] = h.Name
			require.Equal(t, p.row.Type == "business-licence", len(p.row.Representatives) > 0, key)
		default:
			people[h.Number] = h.Name
		}
		if strings.ContainsFunc(h.Name, func(r rune) bool { return r > 0xffff }) {
			rare++
		}
		if len([]rune(h.Name)) > 10 && h.Type == schemas.HolderCitizenID {
			long++
		}
		predicates, changes := p.typ.Evaluate(p.typ.ClaimsOf(p.row), now)
		if !predicates["not_expired"] {
			expired++
			require.Equal(t, "2024", p.row.ValidUntil[:4])
			require.Equal(t, "drivers-licence", p.row.Type)
		}
		require.True(t, changes.IsZero() || changes.After(now))
		if p.row.Type == "resident-id" {
			id, err := schemas.ParseCitizenID(h.Number)
			require.NoError(t, err)
			ages[key] = now.Year() - id.Birth.Year()
			config, err := jpeg.DecodeConfig(bytes.NewReader(p.row.Portrait))
			require.NoError(t, err)
			require.Equal(t, []int{240, 300}, []int{config.Width, config.Height})
			require.LessOrEqual(t, len(p.row.Portrait), 6<<10)
			require.NotContains(t, pictures, string(p.row.Portrait), "everybody looks different")
			pictures[string(p.row.Portrait)] = key
		}
	}
	require.GreaterOrEqual(t, len(people), 14)
	require.Len(t, companies, 3)
	require.Len(t, types, 6)
	require.Equal(t, 1, expired)
	require.Positive(t, rare)
	require.Positive(t, long)
	child, teenager, old := 0, 0, 0
	for _, age := range ages {
		switch {
		case age < 14:
			child++
		case age == 17:
			teenager++
		case age >= 80:
			old++
		}
	}
	require.Equal(t, []int{1, 1, 1}, []int{child, teenager, old})
}

func TestPushedStatesAndLiveValues(t *testing.T) {
	all := everyRow(t)
	c, err := schemas.Embedded()
	require.NoError(t, err)
	states, err := c.Tables().Table("certificate-states")
	require.NoError(t, err)
	var seen []string
	for _, line := range lines(t, "states.ndjson") {
		var s struct {
			Key, Type, State, Code string
			Reason                 schemas.Text
		}
		strict(t, line, &s)
		require.Equal(t, s.Type, all[s.Key].row.Type)
		code, ok := states.Lookup(s.Code)
		require.True(t, ok)
		want := code.Name.EN
		if want != "suspended" {
			want = "revoked-" + want
		}
		require.Equal(t, want, s.State)
		require.True(t, s.Reason.Complete())
		seen = append(seen, s.State)
	}
	require.Equal(t, []string{"suspended", "revoked-cancelled", "revoked-revoked"}, seen)

	live := map[string]bool{}
	for _, line := range lines(t, "live.ndjson") {
		object, problems := schemas.DecodeObject(line)
		require.Empty(t, problems)
		p, ok := all[object["key"].(string)]
		require.True(t, ok)
		require.Equal(t, p.row.Type, object["type"])
		require.Empty(t, p.typ.ValidateLive(schemas.Claims(object["values"].(map[string]any)), demoDay), p.row.Key)
		live[p.row.Key] = true
	}
	for key, p := range all {
		for _, f := range p.typ.Live {
			if f.Required {
				require.True(t, live[key], key)
			}
		}
	}
}

func TestPartiesMaySeeWhatExists(t *testing.T) {
	c, err := schemas.Embedded()
	require.NoError(t, err)
	var purposes []struct {
		Code string       `json:"code"`
		Name schemas.Text `json:"name"`
	}
	strict(t, read(t, "purposes.json"), &purposes)
	known := map[string]bool{}
	for _, p := range purposes {
		require.True(t, p.Name.Complete())
		known[p.Code] = true
	}
	for _, code := range []string{"identity-check", "account-opening", "medical-registration", "traffic-inspection", "government-service", "hotel-check-in"} {
		require.True(t, known[code], code)
	}
	var parties []struct {
		ID    string       `json:"id"`
		Name  schemas.Text `json:"name"`
		Allow []struct {
			Type     string   `json:"type"`
			Fields   []string `json:"fields"`
			Views    []string `json:"views"`
			Purposes []string `json:"purposes"`
		} `json:"allow"`
		Portrait bool `json:"portrait"`
	}
	strict(t, read(t, "parties.json"), &parties)
	require.Len(t, parties, 5)
	for _, p := range parties {
		require.True(t, p.Name.Complete())
		for _, a := range p.Allow {
			typ, err := c.Type(a.Type)
			require.NoError(t, err)
			for _, name := range a.Views {
				_, err := typ.View(name)
				require.NoError(t, err, p.ID)
			}
			for _, name := range a.Fields {
				_, live := typ.LiveField(name)
				require.True(t, live || typ.Has(name), "%s %s", p.ID, name)
			}
			require.NotEmpty(t, append(a.Views, a.Fields...))
			require.NotEmpty(t, a.Purposes)
			for _, purpose := range a.Purposes {
				require.True(t, known[purpose], purpose)
			}
		}
	}
}

// Every file of the folder is one that the tests above know.
func TestPushFolder(t *testing.T) {
	entries, err := fs.ReadDir(testdata.Files, "push")
	require.NoError(t, err)
	var issuers []issuer
	strict(t, read(t, "issuers.json"), &issuers)
	known := map[string]bool{"issuers.json": true, "parties.json": true, "purposes.json": true, "live.ndjson": true, "states.ndjson": true}
	for _, is := range issuers {
		known[is.ID+".ndjson"] = true
	}
	for _, e := range entries {
		require.True(t, known[path.Base(e.Name())], e.Name())
	}
	require.Len(t, entries, len(known))
}

func BenchmarkDecodeAndValidate(b *testing.B) {
	c, err := schemas.Embedded()
	require.NoError(b, err)
	for name, line := range map[string][]byte{"with-portrait": lines(b, "hunan-police.ndjson")[0], "without": lines(b, "hunan-hrss.ndjson")[0]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(line)))
			for b.Loop() {
				row, problems := schemas.DecodeRow(line)
				if _, more := c.Validate(row, time.Now(), schemas.Strict); len(problems)+len(more) > 0 {
					b.Fatal(problems, more)
				}
			}
		})
	}
}
