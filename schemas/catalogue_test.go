package schemas

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

var sixTypes = []string{"business-licence", "drivers-licence", "medical-insurance", "resident-id", "social-security-card", "vehicle-licence"}

func TestEmbedded(t *testing.T) {
	c := catalogue(t)
	var ids []string
	for _, typ := range c.Types() {
		ids = append(ids, typ.ID)
		require.Equal(t, typ.ID != "resident-id", typ.DemoCode, typ.ID)
		require.Len(t, typ.Code, 21)
		found, err := c.TypeByCode(typ.Code)
		require.NoError(t, err)
		require.Same(t, typ, found)
	}
	require.Equal(t, sixTypes, ids)
	id, err := c.Type("resident-id")
	require.NoError(t, err)
	require.Equal(t, "11100000000013127D001", id.Code)
	require.Equal(t, "/types/resident-id/1", id.Path())
	again, err := Embedded()
	require.NoError(t, err)
	require.Same(t, c, again)

	_, err = c.Type("fishing-licence")
	require.ErrorIs(t, err, ErrTypeUnknown)
	_, err = c.Version("resident-id", 2)
	require.ErrorIs(t, err, ErrTypeUnknown)
	_, err = c.TypeByCode("11100000000013127D002")
	require.ErrorIs(t, err, ErrTypeUnknown)
	_, err = id.View("none")
	require.ErrorIs(t, err, ErrViewUnknown)
	view, err := id.View("over-18")
	require.NoError(t, err)
	require.Equal(t, []string{"over_18", "not_expired"}, view.Fields)
}

// What GB/T 36903 gives every certificate has the same name in every type.
func TestMetadataClaimsAreNamedAlike(t *testing.T) {
	for _, typ := range catalogue(t).Types() {
		for name, from := range map[string]RowMember{"certificate_number": FromNumber, "issuing_region": FromRegion,
			"issue_date": FromIssuedOn, "valid_from": FromValidFrom, "valid_until": FromValidUntil, "issuing_authority": ""} {
			f, ok := typ.Field(name)
			require.True(t, ok, "%s %s", typ.ID, name)
			require.Equal(t, from, f.From, "%s %s", typ.ID, name)
		}
		for _, view := range []string{"full", "identity"} {
			_, err := typ.View(view)
			require.NoError(t, err, typ.ID)
		}
		full, _ := typ.View("full")
		for _, f := range typ.Fields {
			require.Contains(t, full.Fields, f.Name, typ.ID)
		}
		for _, f := range typ.Live {
			require.NotContains(t, full.Fields, f.Name, typ.ID)
		}
	}
}

// Offline codes are read by any camera: whatever identifies has a mask.
func TestOfflineViewsMaskNumbers(t *testing.T) {
	for _, typ := range catalogue(t).Types() {
		if typ.Offline.Masking == OfflinePlain {
			require.False(t, typ.Sensitive, typ.ID)
			continue
		}
		for _, name := range typ.Offline.Views {
			view, err := typ.View(name)
			require.NoError(t, err)
			for _, field := range view.Fields {
				f, ok := typ.Field(field)
				if ok && slices.Contains([]Kind{KindCitizenID, KindHolderNumber, KindVIN, KindPlate}, f.Kind) {
					require.NotEqual(t, MaskNone, f.Mask.Rule, "%s %s", typ.ID, field)
				}
			}
		}
	}
}

func TestCardsAreReadable(t *testing.T) {
	luminance := func(c string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(c[1+2*i:3+2*i], 16, 8)
			require.NoError(t, err)
			v := float64(n) / 255
			if v <= 0.04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+0.055)/1.055, 2.4)
			}
			sum += weight * v
		}
		return sum
	}
	for _, typ := range catalogue(t).Types() {
		for _, background := range []string{typ.Card.Background, typ.Card.BackgroundEnd} {
			light, dark := luminance(typ.Card.TextColor), luminance(background)
			if light < dark {
				light, dark = dark, light
			}
			// WCAG 2.2 §1.4.3
			require.GreaterOrEqual(t, (light+0.05)/(dark+0.05), 4.5, "%s on %s in %s", typ.Card.TextColor, background, typ.ID)
		}
	}
}

func TestTypeMetadataSatisfiesItsSchema(t *testing.T) {
	raw, err := os.ReadFile("testdata/type_metadata.schema.json")
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("type_metadata.json", doc))
	schema, err := compiler.Compile("type_metadata.json")
	require.NoError(t, err)

	c, err := Load(Files(), os.DirFS("testdata/seventh"))
	require.NoError(t, err)
	for _, typ := range c.Types() {
		out, err := typ.Metadata("https://certs.example.cn/sm/")
		require.NoError(t, err)
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(out)))
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance), typ.ID)
		require.Equal(t, "https://certs.example.cn/sm"+typ.Path(), instance.(map[string]any)["vct"])
		for _, live := range typ.Live {
			require.NotContains(t, string(out), `"`+live.Name+`"`, "live values are no claims")
		}
	}
	typ, err := c.Type("resident-id")
	require.NoError(t, err)
	for _, bad := range []string{"", "localhost", "ftp://x", "https://x?a=1", "https://x#a", "/types"} {
		_, err := typ.Metadata(bad)
		require.Error(t, err, bad)
	}
}

// A seventh type is a JSON file (and its tables): loaded, validated, evaluated,
// masked and described without any Go of its own.
func TestSeventhType(t *testing.T) {
	c, err := Load(Files(), os.DirFS("testdata/seventh"))
	require.NoError(t, err)
	require.Len(t, c.Types(), 8)
	now := time.Date(2026, 11, 21, 4, 0, 0, 0, time.UTC)
	row := Row{Key: "L-1", Type: "library-card", Holder: HolderRef{"111", "430102198803129911", "张示例"}, Region: "430102",
		Number: "R123456", IssuedOn: "2025-01-02", ValidFrom: "2025-01-02", ValidUntil: "2030-01-01",
		Claims: Claims{"name": "张示例", "id_number": "430102198803129911", "birth_date": "1988-03-12", "library_level": "G", "branches": "WE",
			"books_allowed": 5, "issuing_authority": "样例图书馆"}}
	typ, problems := c.Validate(row, now, Strict)
	require.Empty(t, problems)
	predicates, changes := typ.Evaluate(typ.ClaimsOf(row), now)
	require.Equal(t, map[string]bool{"over_18": true, "gold": true, "not_expired": true}, predicates)
	require.Equal(t, "2030-01-02T00:00:00+08:00", changes.Format(time.RFC3339))
	require.Equal(t, "4****************1", typ.Mask("id_number", "430102198803129911"))
	require.Empty(t, typ.ValidateLive(Claims{"overdue": 3}, now))

	row.Claims["branches"], row.Claims["books_allowed"], row.Number, row.ValidUntil = "NE", 51, "X1", "2031-01-01"
	_, problems = c.Validate(row, now, Strict)
	require.Equal(t, []string{"field-format /number", "code-not-in-table /claims/branches", "field-range /claims/books_allowed", "validity-period /valid_until"},
		sortedLike(problems, "field-format", "code-not-in-table", "field-range", "validity-period"))
}

// sortedLike lists "code pointer" in the order of codes.
func sortedLike(problems []Problem, codes ...string) []string {
	var list []string
	for _, code := range codes {
		for _, p := range problems {
			if p.Code == code {
				list = append(list, p.Code+" "+p.Pointer)
			}
		}
	}
	if len(list) != len(problems) {
		list = append(list, fmt.Sprint(problems))
	}
	return list
}

func TestUnpublishedType(t *testing.T) {
	c, err := Load(Files(), os.DirFS("testdata/seventh"))
	require.NoError(t, err)
	_, err = c.Type("swimming-card")
	require.ErrorIs(t, err, ErrTypeUnpublished)
	require.NotErrorIs(t, err, ErrTypeUnknown)
	_, err = c.Version("swimming-card", 1)
	require.ErrorIs(t, err, ErrTypeUnpublished)
	_, problems := c.Validate(Row{Type: "swimming-card"}, time.Now(), Strict)
	require.Equal(t, CodeTypeUnpublished, problems[0].Code)
	_, problems = c.Validate(Row{Type: "fishing-licence"}, time.Now(), Strict)
	require.Equal(t, CodeTypeUnknown, problems[0].Code)
}

func TestNewestPublishedVersion(t *testing.T) {
	raw, err := fs.ReadFile(Files(), "types/resident-id-1.json")
	require.NoError(t, err)
	second := func(published string) fstest.MapFS {
		s := strings.Replace(string(raw), `"version": 1`, `"version": 2`, 1)
		return fstest.MapFS{"types/resident-id-2.json": {Data: []byte(strings.Replace(s, `"published": true`, `"published": `+published, 1))}}
	}
	for published, want := range map[string]int{"true": 2, "false": 1} {
		c, err := Load(Files(), second(published))
		require.NoError(t, err)
		typ, err := c.Type("resident-id")
		require.NoError(t, err)
		require.Equal(t, want, typ.Version)
		old, err := c.Version("resident-id", 1)
		require.NoError(t, err)
		require.Equal(t, 1, old.Version)
	}
}

func TestLoadFaults(t *testing.T) {
	raw, err := os.ReadFile("testdata/seventh/types/library-card-1.json")
	require.NoError(t, err)
	tables := fstest.MapFS{}
	for _, name := range []string{"library-levels", "library-branches"} {
		table, err := os.ReadFile(path.Join("testdata/seventh/tables", name+".json"))
		require.NoError(t, err)
		tables["tables/"+name+".json"] = &fstest.MapFile{Data: table}
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":           {`"published": true`, `"published": true, "colour": 1`, `unknown name: "colour"`},
		"unknown field key":     {`"kind": "integer"`, `"kind": "integer", "maximum": 3`, `unknown name: "maximum"`},
		"upper-case key":        {`"published": true`, `"Published": true`, "/Published: names are lower-case"},
		"key twice":             {`"published": true`, `"published": true, "published": false`, "/published: the member stands twice"},
		"not JSON":              {`"published": true`, `"published": yes`, "not a JSON value"},
		"type name":             {`"id": "library-card"`, `"id": "Library"`, "#/id:"},
		"version":               {`"version": 1`, `"version": 0`, "#/version:"},
		"code":                  {`007"`, `07"`, "#/code:"},
		"code check digit":      {`"code": "11100000MB`, `"code": "11100000MC`, "#/code:"},
		"holder type":           {`["111"]`, `["112"]`, `#/holder_types/0: "112" is not in table holder-code-types`},
		"no holder type":        {`["111"]`, `[]`, "#/holder_types:"},
		"label of one language": {`{"zh": "借阅级别", "en": "Borrowing level"}`, `{"zh": "借阅级别"}`, "#/fields/3/label: both zh and en"},
		"kind":                  {`"kind": "integer"`, `"kind": "float"`, `/kind: unknown kind "float"`},
		"table":                 {`"library-levels"`, `"levels"`, `/table: schemas: unknown code table: "levels"`},
		"mask":                  {`"rule": "year"`, `"rule": "decade"`, "/mask/rule:"},
		"field twice":           {`"name": "branches"`, `"name": "library_level"`, `/name: field "library_level" stands twice`},
		"reserved name":         {`"name": "branches"`, `"name": "exp"`, `"exp" is not a free`},
		"row member":            {`"from": "valid_from"`, `"from": "valid"`, `/from: unknown member "valid"`},
		"row member twice":      {`"from": "valid_from"`, `"from": "issued_on"`, "/from: issued_on is already taken"},
		"pattern":               {`R[0-9]{6}`, `R[0-9`, "/pattern:"},
		"bounds":                {`"min": 1, "max": 50`, `"min": 51, "max": 50`, "min is above max"},
		"predicate op":          {`"op": "equals"`, `"op": "matches"`, `#/predicates/1/op: unknown operation "matches"`},
		"predicate field":       {`"op": "equals", "field": "library_level"`, `"op": "equals", "field": "level"`, `#/predicates/1/field: unknown field "level"`},
		"predicate kind":        {`"op": "equals", "field": "library_level"`, `"op": "covers", "field": "library_level"`, "is of kind code"},
		"predicate value":       {`"value": "G"`, `"value": "Q"`, `/value: "Q" is not in table library-levels`},
		"predicate argument":    {`"value": "G"`, `"value": "G", "years": 2`, "does not belong to operation equals"},
		"predicate name":        {`"name": "gold", "cwt": 1, "label": {"zh": "金卡读者"`, `"name": "branches", "label": {"zh": "金卡读者"`, "#/predicates/1/name:"},
		"rule op":               {`"op": "validity-years"`, `"op": "luck"`, `unknown operation "luck"`},
		"rule field":            {`"op": "holder-name", "field": "name"`, `"op": "holder-name", "field": "nom"`, `unknown field "nom"`},
		"rule argument":         {`"op": "holder-name", "field": "name"`, `"op": "holder-name", "field": "name", "other": "name"`, "does not belong to operation holder-name"},
		"view field":            {`["gold", "not_expired"]`, `["gold", "platinum"]`, `#/views/1/fields/1: unknown field "platinum"`},
		"view live field":       {`["gold", "not_expired"]`, `["gold", "overdue"]`, `unknown field "overdue"`},
		"view field twice":      {`["gold", "not_expired"]`, `["gold", "gold"]`, "stands twice"},
		"view name twice":       {`{"name": "gold", "cwt": 1, "label": {"zh": "金卡"`, `{"name": "full", "label": {"zh": "金卡"`, "#/views/1/name:"},
		"view portrait":         {`["gold", "not_expired"]`, `["gold", "not_expired"], "portrait": true`, "the type has no portrait"},
		"live is signed":        {`"name": "overdue"`, `"name": "branches"`, "#/live/0/name:"},
		"offline mode":          {`"masking": "masked"`, `"masking": "some"`, "#/offline/masking:"},
		"offline view":          {`"views": ["gold"]`, `"views": ["silver"]`, `#/offline/views/0: unknown view "silver"`},
		"colour":                {`"#4a235a"`, `"purple"`, "#/card/background:"},
		"logo":                  {`{"zh": "图书馆", "en": "LIBRARY"}`, `{"zh": "图书馆"}`, "#/card/logo_text:"},
		"level":                 {`"defining_level": "5"`, `"defining_level": "9"`, "#/catalogue/defining_level:"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(raw), c.old)
			layer := fstest.MapFS{"types/library-card-1.json": {Data: []byte(strings.Replace(string(raw), c.old, c.new, 1))}}
			for file, f := range tables {
				layer[file] = f
			}
			_, err := Load(layer)
			require.ErrorIs(t, err, ErrCatalogue)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "types/library-card-1.json")
		})
	}
	t.Run("tables", func(t *testing.T) {
		for file, c := range map[string]struct{ data, want string }{
			"twice":      {`{"name":"sex","title":{"zh":"a","en":"b"},"standard":"x","codes":[{"code":"1","name":{"zh":"a","en":"b"}}]}`, `"sex" is already in embedded tables/sex.json`},
			"inclusion":  {`{"name":"x","title":{"zh":"a","en":"b"},"standard":"x","codes":[{"code":"1","name":{"zh":"a","en":"b"},"includes":["2"]}]}`, `unknown code "2"`},
			"code twice": {`{"name":"x","title":{"zh":"a","en":"b"},"standard":"x","codes":[{"code":"1","name":{"zh":"a","en":"b"}},{"code":"1","name":{"zh":"a","en":"b"}}]}`, "/codes/1/code"},
			"no title":   {`{"name":"x","codes":[]}`, "required"},
		} {
			_, err := Load(Files(), fstest.MapFS{"tables/t.json": {Data: []byte(c.data)}})
			require.ErrorContains(t, err, c.want, file)
			require.ErrorContains(t, err, "tables/t.json", file)
		}
	})
	_, err = Load(fstest.MapFS{})
	require.ErrorIs(t, err, ErrCatalogue)
	_, err = Load(nil)
	require.ErrorIs(t, err, ErrCatalogue)
	_, err = Load(Files(), Files())
	require.ErrorContains(t, err, "is already in types/")
}
