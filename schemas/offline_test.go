package schemas

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/cwt-numbers.golden")

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// offlineClaims are claims for any type: every field that an offline view may name.
var offlineClaims = Claims{
	"name": "阿卜杜热西提·买买提", "id_number": "430102198803129911", "social_security_number": "430102198803129911", "birth_date": "1988-03-12",
	"valid_until": "2040-05-18", "card_region": "430100", "insured_region": "430000", "insurance_type": "310", "id_type": "111", "vehicle_classes": "A2E",
	"plate_number": "湘AD12345", "plate_type": "52", "vehicle_type": "小型轿车", "owner": "张示例", "brand_model": "样例牌YL7000BEV", "vehicle_use": "A",
	"unified_social_credit_code": "91430100MA4L16JQ9B", "domicile": "湖南省长沙市岳麓区", "library_level": "G",
}

// What is written short comes back as it is, or as its mask shows it, in every view of every type.
func TestOfflineViewsComeBack(t *testing.T) {
	c, err := Load(Files(), os.DirFS("testdata/seventh"))
	require.NoError(t, err)
	views := 0
	for _, typ := range c.Types() {
		for _, name := range typ.Offline.Views {
			if !typ.Published {
				continue
			}
			views++
			short, _, err := typ.OfflineView(name, offlineClaims, noon)
			require.NoError(t, err, "%s %s", typ.ID, name)
			r, err := c.ReadOffline(short, noon)
			require.NoError(t, err, "%s %s", typ.ID, name)
			require.Same(t, typ, r.Type)
			require.Equal(t, name, r.View.Name)
			predicates, _ := typ.Evaluate(offlineClaims, noon)
			var names []string
			for _, f := range r.Fields {
				names = append(names, f.Name)
				require.True(t, f.Label.Complete())
				require.True(t, f.Text.Complete(), "%s %s", typ.ID, f.Name)
				want := offlineClaims[f.Name]
				if answer, ok := predicates[f.Name]; ok {
					want = answer
				} else if typ.Offline.Masking == OfflineMasked {
					want = typ.Mask(f.Name, want)
				}
				require.Equal(t, want, f.Value, "%s %s", typ.ID, f.Name)
			}
			require.Equal(t, r.View.Fields, names, "in the order of the view")
		}
	}
	require.Equal(t, 15, views)
}

// Each mask and each kind, with values at their edges.
func TestShortenAndRestore(t *testing.T) {
	masked := catalogueOf(t, OfflineMasked)
	for _, c := range []struct {
		field Field
		v     any
		short any
		back  any // nil: v itself
	}{
		{Field{Kind: KindText, Mask: Mask{Rule: MaskHide}}, "x", nil, "***"},
		{Field{Kind: KindText, Mask: Mask{Rule: MaskName}}, "欧阳示例", "欧", "欧**"},
		{Field{Kind: KindText, Mask: Mask{Rule: MaskName}}, "𠮷野", "𠮷", "𠮷**"},
		{Field{Kind: KindText, Mask: Mask{Rule: MaskName}}, "张", nil, "***"},
		{Field{Kind: KindDate, Mask: Mask{Rule: MaskYear}}, "1988-03-12", int64(1988), "1988-**-**"},
		{Field{Kind: KindTerm, Mask: Mask{Rule: MaskYear}}, LongTerm, nil, "***"},
		{Field{Kind: KindText, Mask: Mask{Rule: MaskKeep, Start: 1, End: 1}}, "430102198803129911", []any{"41", int64(16)}, "4****************1"},
		{Field{Kind: KindText, Mask: Mask{Rule: MaskKeep, Start: 0, End: 4}}, "123456789012", []any{"9012", int64(8)}, "********9012"},
		{Field{Kind: KindText, Mask: Mask{Rule: MaskKeep, Start: 6, End: 0}}, "湖南省长沙市岳麓", []any{"湖南省长沙市", int64(2)}, "湖南省长沙市**"},
		{Field{Kind: KindText, Mask: Mask{Rule: MaskKeep, Start: 1, End: 1}}, "E1", nil, "***"},
		{Field{Kind: KindInteger, Mask: Mask{Rule: MaskKeep, Start: 1, End: 0}}, int64(1234), []any{"1", int64(3)}, "1***"},
		{Field{Kind: KindFlag, Mask: Mask{Rule: MaskKeep, Start: 1, End: 0}}, true, nil, "***"},
		{Field{Kind: KindDate, Mask: Mask{Rule: MaskNone}}, "1970-01-01", int64(0), nil},
		{Field{Kind: KindDate, Mask: Mask{Rule: MaskNone}}, "1969-12-31", int64(-1), nil},
		{Field{Kind: KindDate, Mask: Mask{Rule: MaskNone}}, "0001-01-01", int64(firstDay), nil},
		{Field{Kind: KindTerm, Mask: Mask{Rule: MaskNone}}, "9999-12-31", int64(lastDay), nil},
		{Field{Kind: KindTerm, Mask: Mask{Rule: MaskNone}}, LongTerm, true, nil},
		{Field{Kind: KindTerm, Mask: Mask{Rule: MaskNone}}, "2040-05-18", int64(25705), nil},
		{Field{Kind: KindFlag, Mask: Mask{Rule: MaskNone}}, false, false, nil},
		{Field{Kind: KindInteger, Mask: Mask{Rule: MaskNone}}, json.Number("-7"), int64(-7), int64(-7)},
		{Field{Kind: KindInteger, Mask: Mask{Rule: MaskNone}}, 5.0, int64(5), int64(5)},
		{Field{Kind: KindInteger, Mask: Mask{Rule: MaskNone}}, 5, int64(5), int64(5)},
		{Field{Kind: KindRegion, Mask: Mask{Rule: MaskNone}}, "430102", int64(430102), nil},
		{Field{Kind: KindCode, Mask: Mask{Rule: MaskNone}}, "01", "01", nil},
		{Field{Kind: KindAmount, Mask: Mask{Rule: MaskNone}}, "1000.50", "1000.50", nil},
	} {
		short, err := masked.shorten(c.field, c.v)
		require.NoError(t, err, "%v", c.v)
		require.Equal(t, c.short, short, "%v", c.v)
		back, err := masked.restore(c.field, short)
		require.NoError(t, err, "%v", c.v)
		if c.back == nil {
			c.back = c.v
		}
		require.Equal(t, c.back, back)
	}
	plain := catalogueOf(t, OfflinePlain)
	short, err := plain.shorten(Field{Kind: KindText, Mask: Mask{Rule: MaskName}}, "张示例")
	require.NoError(t, err)
	require.Equal(t, "张示例", short, "a type that opted out")

	for _, c := range []struct {
		kind Kind
		v    any
	}{{KindFlag, "true"}, {KindInteger, 1.5}, {KindInteger, json.Number("1e3")}, {KindInteger, "1"}, {KindText, ""}, {KindText, 7}, {KindDate, "tomorrow"},
		{KindDate, LongTerm}, {KindRegion, "43010"}, {KindRegion, "043010"}, {KindRegion, 430102}} {
		_, err := masked.shorten(Field{Kind: c.kind, Mask: Mask{Rule: MaskNone}}, c.v)
		require.ErrorIs(t, err, errShape, "%s %v", c.kind, c.v)
	}
}

func catalogueOf(t *testing.T, masking OfflineMasking) *Type {
	typ, err := catalogue(t).Type("resident-id")
	require.NoError(t, err)
	other := *typ
	other.Offline.Masking = masking
	return &other
}

func TestOfflineViewRefuses(t *testing.T) {
	typ, err := catalogue(t).Type("resident-id")
	require.NoError(t, err)
	for _, name := range []string{"full", "hotel", "none"} {
		_, _, err := typ.OfflineView(name, offlineClaims, noon)
		require.ErrorIs(t, err, ErrOfflineView, name)
		require.Equal(t, CodeOfflineView, OfflineCode(err))
	}
	_, _, err = typ.OfflineView("over-18", Claims{}, noon)
	require.ErrorIs(t, err, ErrOfflineValue, "nothing to say")
	_, _, err = typ.OfflineView("identity", Claims{"name": "张三", "valid_until": "soon"}, noon)
	require.ErrorIs(t, err, ErrOfflineValue)
	require.Equal(t, CodeOfflineValue, OfflineCode(err))
	require.Empty(t, OfflineCode(ErrViewUnknown))
	v, _, err := typ.OfflineView("identity", offlineClaims, noon)
	require.NoError(t, err)
	require.Equal(t, "[offline view redacted]", fmt.Sprintf("%+v", v))
}

// The code ends when a predicate of its view turns over, and only of its view.
func TestOfflineViewEndsWithItsPredicates(t *testing.T) {
	typ, err := catalogue(t).Type("resident-id")
	require.NoError(t, err)
	young := offlineClaims.Clone()
	young["birth_date"] = "2008-11-23"
	_, until, err := typ.OfflineView("over-18", young, noon)
	require.NoError(t, err)
	require.Equal(t, "2026-11-23T00:00:00+08:00", until.Format(time.RFC3339), "tomorrow she is 18")
	_, until, err = typ.OfflineView("identity", young, noon)
	require.NoError(t, err)
	require.Equal(t, "2040-05-19T00:00:00+08:00", until.Format(time.RFC3339))
	young["valid_until"] = LongTerm
	_, until, err = typ.OfflineView("identity", young, noon)
	require.NoError(t, err)
	require.Zero(t, until)
}

func TestReadOfflineRefuses(t *testing.T) {
	c := catalogue(t)
	typ, err := c.Type("resident-id")
	require.NoError(t, err)
	good, _, err := typ.OfflineView("identity", offlineClaims, noon)
	require.NoError(t, err)
	with := func(change func(v *OfflineView)) OfflineView {
		v := good
		v.Values = map[int64]any{}
		for n, value := range good.Values {
			v.Values[n] = value
		}
		change(&v)
		return v
	}
	for name, x := range map[string]struct {
		v    OfflineView
		want error
	}{
		"type":              {with(func(v *OfflineView) { v.Type = 99 }), ErrOfflineUnknown},
		"type 0":            {with(func(v *OfflineView) { v.Type = 0 }), ErrOfflineUnknown},
		"version":           {with(func(v *OfflineView) { v.Version = 2 }), ErrOfflineUnknown},
		"view":              {with(func(v *OfflineView) { v.View = 9 }), ErrOfflineUnknown},
		"view 0":            {with(func(v *OfflineView) { v.View = 0 }), ErrOfflineUnknown},
		"nothing":           {with(func(v *OfflineView) { v.Values = nil }), ErrOfflineValue},
		"field of another":  {with(func(v *OfflineView) { v.Values[5] = true }), ErrOfflineValue},
		"field 0":           {with(func(v *OfflineView) { v.Values[0] = "x" }), ErrOfflineValue},
		"predicate as null": {with(func(v *OfflineView) { v.Values[4] = nil }), ErrOfflineValue},
		"null without mask": {with(func(v *OfflineView) { v.Values[3] = nil }), ErrOfflineValue},
		"kept too much":     {with(func(v *OfflineView) { v.Values[2] = []any{"430", int64(15)} }), ErrOfflineValue},
		"kept with no end":  {with(func(v *OfflineView) { v.Values[2] = []any{"41", int64(1) << 40} }), ErrOfflineValue},
		"whole name":        {with(func(v *OfflineView) { v.Values[1] = "张三" }), ErrOfflineValue},
		"empty name":        {with(func(v *OfflineView) { v.Values[1] = "" }), ErrOfflineValue},
		"day out of range":  {with(func(v *OfflineView) { v.Values[3] = int64(lastDay + 1) }), ErrOfflineValue},
	} {
		_, err := c.ReadOffline(x.v, noon)
		require.ErrorIs(t, err, x.want, name)
		require.NotEmpty(t, OfflineCode(err), name)
	}
	less := with(func(v *OfflineView) { delete(v.Values, 1) })
	r, err := c.ReadOffline(less, noon)
	require.NoError(t, err, "an optional field that the certificate lacks")
	require.Len(t, r.Fields, 3)

	swim, err := Load(Files(), os.DirFS("testdata/seventh"))
	require.NoError(t, err)
	_, err = swim.ReadOffline(OfflineView{Type: 201, Version: 1, View: 1, Values: map[int64]any{1: true}}, noon)
	require.ErrorIs(t, err, ErrOfflineUnknown, "not published")
}

// Numbers are signed into codes, and other languages have them: they never change. This file only
// grows.
func TestNumbersStay(t *testing.T) {
	var lines []string
	for _, typ := range catalogue(t).Types() {
		lines = append(lines, fmt.Sprintf("%s type %d", typ.ID, typ.CWT))
		for what, name := range typ.cwtNames() {
			lines = append(lines, fmt.Sprintf("%s %s %s", typ.ID, what, name))
		}
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/cwt-numbers.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(want)), "\n") {
		require.Contains(t, lines, line, "a number was changed or given anew")
	}
	require.Equal(t, string(want), got, "new numbers: go test ./schemas -run TestNumbersStay -update")
}

func TestOfflineFaults(t *testing.T) {
	raw, err := fs.ReadFile(Files(), "types/resident-id-1.json")
	require.NoError(t, err)
	other := strings.Replace(strings.Replace(string(raw), `"resident-id"`, `"other-id"`, 1), "27D001", "27D555", 1)
	other = strings.Replace(other, `"cwt": 1,`+"\n", `"cwt": 150,`+"\n", 1)
	for name, c := range map[string]struct{ old, new, want string }{
		"type has no number":      {`"cwt": 150,`, ``, "#/cwt: a type with offline views needs a number"},
		"type number of another":  {`"cwt": 150,`, `"cwt": 6,`, "is already the number of"},
		"type number too large":   {`"cwt": 150,`, `"cwt": 256,`, "#/cwt: must be 1 to 255"},
		"negative":                {`"cwt": 150,`, `"cwt": -1,`, "#/cwt: must be 1 to 255"},
		"field number twice":      {`"name": "id_number", "cwt": 2`, `"name": "id_number", "cwt": 1`, "1 is already the number of name"},
		"field and predicate":     {`"name": "over_18", "cwt": 5`, `"name": "over_18", "cwt": 3`, "3 is already the number of valid_until"},
		"field has no number":     {`"name": "id_number", "cwt": 2`, `"name": "id_number"`, `#/offline/views/0: field "id_number" needs a number`},
		"predicate has no number": {`"name": "over_18", "cwt": 5`, `"name": "over_18"`, `#/offline/views/1: field "over_18" needs a number`},
		"view has no number":      {`"name": "over-18", "cwt": 2`, `"name": "over-18"`, `view "over-18" needs a number`},
		"view number twice":       {`"name": "over-18", "cwt": 2`, `"name": "over-18", "cwt": 1`, "1 is already the number of identity"},
		"view twice":              {`["identity", "over-18", "over-60"]`, `["identity", "identity"]`, `view "identity" stands twice`},
		"live has a number":       {`"name": "loss_reported",`, `"name": "loss_reported", "cwt": 9,`, "#/live/0/cwt: what is live"},
		"long text":               {`"kind": "text", "required": true, "max_length": 100, "element": "CZZT", "mask": {"rule": "name"}`, `"kind": "text", "max_length": 201, "mask": {"rule": "none"}`, `field "name" may have 201 characters`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, other, c.old)
			_, err := Load(Files(), fstest.MapFS{"types/other-id-1.json": {Data: []byte(strings.Replace(other, c.old, c.new, 1))}})
			require.ErrorIs(t, err, ErrCatalogue)
			require.ErrorContains(t, err, c.want)
		})
	}
	// A later version keeps the numbers of the one before; it may add some.
	second := strings.Replace(string(raw), `"version": 1`, `"version": 2`, 1)
	for name, c := range map[string]struct{ old, new, want string }{
		"as before":      {`"version": 2`, `"version": 2`, ""},
		"one more":       {`"name": "sex",`, `"name": "sex", "cwt": 7,`, ""},
		"another field":  {`"name": "sex",`, `"name": "sex", "cwt": 2,`, "already the number"},
		"type":           {`"cwt": 1,` + "\n", `"cwt": 99,` + "\n", "version 1 has 1"},
		"number changed": {`"name": "over_18", "cwt": 5`, `"name": "over_18", "cwt": 8`, "cwt field 8 is over_18, in version 1 field 5 is over_18"},
		"number reused":  {`"name": "over_18", "cwt": 5`, `"name": "over_18", "cwt": 6`, "already the number"},
		"view changed":   {`"name": "over-18", "cwt": 2`, `"name": "over-18", "cwt": 4`, "cwt view 4 is over-18, in version 1 view 2 is over-18"},
	} {
		t.Run("second version: "+name, func(t *testing.T) {
			require.Contains(t, second, c.old)
			_, err := Load(Files(), fstest.MapFS{"types/resident-id-2.json": {Data: []byte(strings.Replace(second, c.old, c.new, 1))}})
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
	swapped := strings.NewReplacer(`"name": "over_18", "cwt": 5`, `"name": "over_18", "cwt": 6`, `"name": "over_60", "cwt": 6`, `"name": "over_60", "cwt": 5`).Replace(second)
	_, err = Load(Files(), fstest.MapFS{"types/resident-id-2.json": {Data: []byte(swapped)}})
	require.ErrorContains(t, err, "cwt field 5 is over_60, in version 1 field 5 is over_18")
}

func FuzzReadOffline(f *testing.F) {
	c, err := Embedded()
	require.NoError(f, err)
	f.Add(int64(1), int64(1), int64(1), int64(2), "41", int64(16), true)
	f.Fuzz(func(t *testing.T, typ, version, view, field int64, s string, n int64, b bool) {
		for _, v := range []any{s, n, b, nil, []any{s, n}} {
			r, err := c.ReadOffline(OfflineView{Type: typ, Version: version, View: view, Values: map[int64]any{field: v}}, noon)
			if err != nil {
				require.NotEmpty(t, OfflineCode(err))
				continue
			}
			require.Len(t, r.Fields, 1)
		}
	})
}
