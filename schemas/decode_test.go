package schemas

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const goodRow = `{"key":"K1","type":"resident-id","holder":{"type":"111","number":"430102198803129911","name":"张示例"},` +
	`"region":"430102","issued_on":"2020-05-18","valid_from":"2020-05-18","valid_until":"2040-05-18","claims":{"name":"张示例"}}`

func TestDecodeRow(t *testing.T) {
	r, problems := DecodeRow([]byte(goodRow))
	require.Empty(t, problems)
	require.Equal(t, "K1", r.Key)
	require.Equal(t, HolderRef{"111", "430102198803129911", "张示例"}, r.Holder)
	require.Equal(t, "2040-05-18", r.ValidUntil)
	require.Equal(t, Claims{"name": "张示例"}, r.Claims)
	_, problems = DecodeRow([]byte(goodRow + "\r\n"))
	require.Empty(t, problems, "the newline of NDJSON")
}

func TestDecodeRowProblems(t *testing.T) {
	replace := func(old, text string) string {
		require.Contains(t, goodRow, old)
		return strings.Replace(goodRow, old, text, 1)
	}
	deep := strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20)
	for name, c := range map[string]struct{ line, code, pointer string }{
		"empty":               {"", CodeRowMalformed, ""},
		"broken in half":      {goodRow[:len(goodRow)/2], CodeRowMalformed, "/region"},
		"array":               {"[" + goodRow + "]", CodeRowMalformed, ""},
		"two objects":         {goodRow + goodRow, CodeRowMalformed, ""},
		"trailing comma":      {replace(`"}}`, `",}}`), CodeRowMalformed, "/claims"},
		"byte order mark":     {"\ufeff" + goodRow, CodeRowMalformed, ""},
		"single quotes":       {strings.ReplaceAll(goodRow, `"`, `'`), CodeRowMalformed, ""},
		"too large":           {replace("K1", strings.Repeat("K", MaxRow)), CodeRowTooLarge, ""},
		"too deep":            {replace(`{"name":"张示例"}}`, deep+"}"), CodeRowTooDeep, "/claims/a/a/a/a/a/a/a"},
		"GBK":                 {replace("张示例", "\xd5\xc5"), CodeRowNotUTF8, ""},
		"half a surrogate":    {replace("张示例", `\ud83d`), CodeRowMalformed, "/holder/name"},
		"wrong pair":          {replace("张示例", `\ud83dA`), CodeRowMalformed, "/holder/name"},
		"raw control":         {replace("张示例", "a\tb"), CodeRowMalformed, "/holder/name"},
		"member twice":        {replace(`"type":"resident-id"`, `"type":"resident-id","type":"x"`), CodeRowDuplicateName, "/type"},
		"twice by escape":     {replace(`"type":"resident-id"`, `"type":"resident-id","\u0074ype":"x"`), CodeRowDuplicateName, "/type"},
		"claim twice":         {replace(`{"name":"张示例"}}`, `{"name":"1","name":"2"}}`), CodeRowDuplicateName, "/claims/name"},
		"leading zero":        {replace(`"name":"张示例"}}`, `"a":01}}`), CodeRowMalformed, "/claims"},
		"unknown member":      {replace(`"region"`, `"x~/y":1,"region"`), CodeFieldUnknown, "/x~0~1y"},
		"member in capitals":  {replace(`"issued_on"`, `"Issued_On"`), CodeFieldMissing, "/issued_on"},
		"holder unknown":      {replace(`"name":"张示例"}`, `"name":"张示例","x":1}`), CodeFieldUnknown, "/holder/x"},
		"missing":             {replace(`"region":"430102",`, ``), CodeFieldMissing, "/region"},
		"empty key":           {replace(`"K1"`, `""`), CodeFieldMissing, "/key"},
		"null":                {replace(`"K1"`, `null`), CodeFieldType, "/key"},
		"number for a string": {replace(`"430102"`, `430102`), CodeFieldType, "/region"},
		"claims are a list":   {replace(`{"name":"张示例"}}`, `[]}`), CodeFieldType, "/claims"},
		"no claims":           {replace(`,"claims":{"name":"张示例"}`, ``), CodeFieldMissing, "/claims"},
		"portrait":            {replace(`"region"`, `"portrait":"%%","region"`), CodePortraitFormat, "/portrait"},
		"portrait newline":    {replace(`"region"`, `"portrait":"/9j/\n","region"`), CodePortraitFormat, "/portrait"},
		"representatives":     {replace(`"region"`, `"representatives":{},"region"`), CodeFieldType, "/representatives"},
		"representative":      {replace(`"region"`, `"representatives":[1],"region"`), CodeFieldType, "/representatives/0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := DecodeRow([]byte(c.line))
			require.NotEmpty(t, problems)
			require.Equal(t, c.code, problems[0].Code, problems)
			require.Equal(t, c.pointer, problems[0].Pointer, problems)
			require.True(t, Refused(problems))
		})
	}
}

func TestDecodeRowReportsEverything(t *testing.T) {
	_, problems := DecodeRow([]byte(`{"key":1,"b":2,"a":3,"holder":{"type":"111"},"claims":{}}`))
	var got []string
	for _, p := range problems {
		got = append(got, p.Code+" "+p.Pointer)
	}
	require.Equal(t, []string{"field-type /key", "field-missing /type", "field-missing /region", "field-missing /issued_on",
		"field-missing /valid_from", "field-missing /holder/number", "field-missing /holder/name", "field-unknown /a", "field-unknown /b"}, got)
}

func TestNumbersStayExact(t *testing.T) {
	m, problems := DecodeObject([]byte(`{"n":12345678901234567890.10}`))
	require.Empty(t, problems)
	require.Equal(t, json.Number("12345678901234567890.10"), m["n"])
}

func TestPersonalDataDoesNotPrint(t *testing.T) {
	r, problems := DecodeRow([]byte(goodRow))
	require.Empty(t, problems)
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("row", "row", r, "claims", r.Claims, "holder", r.Holder)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("row", "row", r, "claims", r.Claims, "holder", &r.Holder)
	for _, v := range []any{r, &r, r.Claims, r.Holder, []HolderRef{r.Holder}, struct{ C Claims }{r.Claims}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			fmt.Fprintf(&logged, verb, v)
		}
	}
	require.NotContains(t, logged.String(), "张示例")
	require.NotContains(t, logged.String(), "430102198803129911")
	require.Contains(t, logged.String(), "[claims redacted]")
	require.Contains(t, logged.String(), "K1")
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	back, problems := DecodeRow(raw)
	require.Empty(t, problems)
	require.Equal(t, r, back, "JSON is not redacted")
}

func FuzzDecodeRow(f *testing.F) {
	f.Add([]byte(goodRow))
	f.Add([]byte(goodRow[:100]))
	f.Add([]byte(`{"a":"\ud83d\ude00","b":[1,2.5e3,-0,true,null],"c":{}}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte("{\"a\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		object, problems := DecodeObject(line)
		if (object == nil) == (len(problems) == 0) {
			t.Fatal("an object and problems exclude each other")
		}
		// What is accepted, encoding/json accepts and reads alike.
		if object != nil {
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			var want map[string]any
			if err := d.Decode(&want); err != nil {
				t.Fatalf("encoding/json refuses: %v", err)
			}
			require.Equal(t, want, object)
		} else if problems[0].Code == CodeRowMalformed && json.Valid(line) && utf8.Valid(line) && bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) &&
			!bytes.Contains(line, []byte(`\u`)) {
			t.Fatalf("valid JSON is refused: %v", problems)
		}
		row, problems := DecodeRow(line)
		if len(problems) > 0 {
			return
		}
		raw, err := json.Marshal(row)
		require.NoError(t, err)
		back, problems := DecodeRow(raw)
		if len(raw) <= MaxRow { // escaping may lengthen it
			require.Empty(t, problems)
			require.Equal(t, row.Key, back.Key)
		}
		c, err := Embedded()
		require.NoError(t, err)
		for _, mode := range []Mode{Strict, Import} {
			c.Validate(row, year(2026), mode)
		}
	})
}
