package httpd_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

type inner struct {
	Name string `json:"name"`
	Age  uint8  `json:"age"`
}

type embedded struct {
	Extra string `json:"extra"`
}

type order struct {
	embedded
	Key     string            `json:"key" required:"true"`
	Count   int               `json:"count,omitempty"`
	Ratio   float64           `json:"ratio"`
	Flag    bool              `json:"flag"`
	When    time.Time         `json:"when"`
	Data    []byte            `json:"data"`
	Parts   []inner           `json:"parts"`
	One     *inner            `json:"one"`
	Labels  map[string]string `json:"labels"`
	Any     any               `json:"any"`
	Raw     json.RawMessage   `json:"raw"`
	Number  json.Number       `json:"number"`
	Pair    [2]int            `json:"pair"`
	Quoted  int               `json:"quoted,string"`
	Hidden  string            `json:"-"`
	private string
}

func decodeRoute(seen *order) httpd.Route {
	return public(http.MethodPost, "/orders", func(c *gin.Context) (any, error) {
		var o order
		if err := httpd.Decode(c, &o); err != nil {
			return nil, err
		}
		_ = o.private
		*seen = o
		return httpd.NoContent{}, nil
	})
}

func TestDecodeAccepts(t *testing.T) {
	var seen order
	f := start(t, httpd.Config{}, nil, decodeRoute(&seen))
	a := f.do(http.MethodPost, "/orders", ` {"key":"k\u00e9\ud83d\ude00","count":-3,"ratio":1e2,"flag":true,"when":"2026-01-02T03:04:05Z",
		"data":"AQI=","parts":[{"name":"a","age":255},{}],"one":null,"labels":{"a/b":"c"},"any":{"n":12345678901234567890},
		"raw":[1, 2],"number":1.50,"pair":[1,2],"quoted":"7","extra":"e"} `, "Content-Type", "application/json; charset=UTF-8")
	require.Equal(t, http.StatusNoContent, a.StatusCode, string(a.body))
	require.Equal(t, "ké😀", seen.Key)
	require.Equal(t, json.Number("12345678901234567890"), seen.Any.(map[string]any)["n"], "numbers stay exact")
	require.Equal(t, json.Number("1.50"), seen.Number)
	require.Equal(t, []inner{{"a", 255}, {}}, seen.Parts)
	require.Equal(t, 7, seen.Quoted)
	require.Equal(t, "e", seen.Extra)
}

func TestDecodeRefuses(t *testing.T) {
	var seen order
	f := start(t, httpd.Config{MaxBody: 4096}, nil, decodeRoute(&seen))
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for _, tc := range []struct {
		name, body string
		status     int
		code       string
		pointers   string // space-separated, in order; "" when the problem has no place
	}{
		{"empty", "", 400, "body-malformed", ""},
		{"only spaces", "  \n", 400, "body-malformed", ""},
		{"cut off", `{"key":"k`, 400, "body-malformed", ""},
		{"single quotes", `{'key':'k'}`, 400, "body-malformed", ""},
		{"comment", `{"key":"k"/**/}`, 400, "body-malformed", ""},
		{"trailing comma", `{"key":"k",}`, 400, "body-malformed", ""},
		{"NaN", `{"ratio":NaN}`, 400, "body-malformed", ""},
		{"byte order mark", "\xef\xbb\xbf{}", 400, "body-malformed", ""},
		{"raw control character", "{\"key\":\"a\nb\"}", 400, "body-malformed", ""},
		{"two values", `{"key":"k"}{"key":"k"}`, 400, "body-trailing-data", ""},
		{"text after", `{"key":"k"} x`, 400, "body-trailing-data", ""},
		{"too large", `{"key":"` + strings.Repeat("k", 5000) + `"}`, 413, "body-too-large", ""},
		{"too deep", `{"any":` + deep + `}`, 400, "body-too-deep", ""},
		{"too deep and broken", strings.Repeat("[", 4000), 400, "body-too-deep", ""},
		{"not UTF-8", "{\"key\":\"\xff\"}", 400, "body-not-utf8", ""},
		{"overlong UTF-8", "{\"key\":\"\xc0\xaf\"}", 400, "body-not-utf8", ""},
		{"high surrogate alone", `{"key":"\ud83d"}`, 400, "body-not-utf8", "/key"},
		{"low surrogate alone", `{"key":"\ude00"}`, 400, "body-not-utf8", "/key"},
		{"two high surrogates", `{"key":"\ud83d\ud83d"}`, 400, "body-not-utf8", "/key"},
		{"surrogate in a name", `{"key":"k","labels":{"\ud83d":"x"}}`, 400, "body-not-utf8", "/labels"},
		{"NUL", `{"key":"a\u0000b"}`, 422, "field-invalid", "/key"},
		{"duplicate", `{"key":"a","key":"b"}`, 400, "field-duplicate", "/key"},
		{"duplicate by escape", `{"key":"a","k\u0065y":"b"}`, 400, "field-duplicate", "/key"},
		{"duplicate in any", `{"key":"a","any":[{"x":1,"x":2}]}`, 400, "field-duplicate", "/any/0/x"},
		{"duplicate in raw", `{"key":"a","raw":{"x":{"y":1,"y":2}}}`, 400, "field-duplicate", "/raw/x/y"},
		{"duplicate in a map", `{"key":"a","labels":{"a/b":"1","a/b":"2"}}`, 400, "field-duplicate", "/labels/a~1b"},
		{"unknown", `{"key":"a","colour":1}`, 422, "field-unknown", "/colour"},
		{"several unknown", `{"key":"a","x":1,"parts":[{},{"y~z":1}]}`, 422, "field-unknown", "/parts/1/y~0z /x"},
		{"other case", `{"KEY":"a"}`, 422, "field-unknown", "/KEY /key"},
		{"hidden field", `{"key":"a","Hidden":"x"}`, 422, "field-unknown", "/Hidden"},
		{"private field", `{"key":"a","private":"x"}`, 422, "field-unknown", "/private"},
		{"missing", `{}`, 422, "field-missing", "/key"},
		{"missing: null", `{"key":null}`, 422, "field-missing", "/key"},
		{"not an object", `[]`, 422, "field-type", ""},
		{"null", `null`, 422, "field-type", ""},
		{"number for text", `{"key":1}`, 422, "field-type", "/key"},
		{"text for number", `{"key":"a","count":"1"}`, 422, "field-type", "/count"},
		{"null for number", `{"key":"a","count":null}`, 422, "field-type", "/count"},
		{"fraction for integer", `{"key":"a","count":1.5}`, 422, "field-type", "/count"},
		{"integer as exponent", `{"key":"a","count":1e2}`, 422, "field-type", "/count"},
		{"out of range", `{"key":"a","parts":[{"age":1},{"age":256}]}`, 422, "field-type", "/parts/1/age"},
		{"float out of range", `{"key":"a","any":1e999,"ratio":1e999}`, 422, "field-type", "/ratio"},
		{"text for boolean", `{"key":"a","flag":"true"}`, 422, "field-type", "/flag"},
		{"list for object", `{"key":"a","one":[]}`, 422, "field-type", "/one"},
		{"object for list", `{"key":"a","parts":{"0":{}}}`, 422, "field-type", "/parts"},
		{"bad base64", `{"key":"a","data":"*"}`, 422, "field-type", "/data"},
		{"bad time", `{"key":"a","when":"yesterday"}`, 422, "field-invalid", "/when"},
		{"text for json.Number", `{"key":"a","number":"1"}`, 422, "field-type", "/number"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := f.do(http.MethodPost, "/orders", tc.body, "Content-Type", "application/json")
			doc := a.problem(t, tc.status, tc.code)
			var pointers []string
			for _, e := range doc.Errors {
				pointers = append(pointers, e.Pointer)
			}
			require.Equal(t, tc.pointers, strings.Join(pointers, " "), string(a.body))
		})
	}
}

// A caller who gets everything wrong is told enough, not everything, and never his own text back at length.
func TestDecodeBoundsItsComplaints(t *testing.T) {
	var seen order
	f := start(t, httpd.Config{}, nil, decodeRoute(&seen))
	var b strings.Builder
	b.WriteString(`{"key":"secret-value"`)
	for i := range 100 {
		b.WriteString(`,"` + strings.Repeat("é", 300+i) + `":1`)
	}
	b.WriteString(`}`)
	a := f.do(http.MethodPost, "/orders", b.String(), "Content-Type", "application/json")
	doc := a.problem(t, 422, "field-unknown")
	require.Len(t, doc.Errors, 16)
	for _, e := range doc.Errors {
		require.LessOrEqual(t, len(e.Pointer), 256)
		require.True(t, utf8.ValidString(e.Pointer))
	}
	require.NotContains(t, string(a.body), "secret-value")
}

func TestContentType(t *testing.T) {
	var seen order
	f := start(t, httpd.Config{}, nil, decodeRoute(&seen))
	for _, header := range []string{"", "text/plain", "application/json; charset=gbk", "application/jsonx", "multipart/form-data", ";"} {
		headers := []string{"Content-Type", header}
		if header == "" {
			headers = nil
		}
		f.do(http.MethodPost, "/orders", `{"key":"k"}`, headers...).problem(t, 415, "unsupported-media-type")
	}
}

// Without a length in the header the cap bites while reading.
func TestBodyTooLargeWithoutLength(t *testing.T) {
	var seen order
	f := start(t, httpd.Config{MaxBody: 64}, nil, decodeRoute(&seen))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.url+"/orders", io.MultiReader(
		strings.NewReader(`{"key":"`), strings.NewReader(strings.Repeat("k", 100)), strings.NewReader(`"}`)))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := f.client.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	answer{res, body}.problem(t, 413, "body-too-large")
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"key":"k","parts":[{"name":"a","age":1}],"any":{"a":[1,2,{"b":null}]},"raw":{"x":1},"number":1,"when":"2026-01-02T03:04:05Z"}`,
		`{"key":"\ud83d\ude00","labels":{"~/":"x"},"pair":[1,2],"quoted":"1","data":"AA=="}`,
		`{"key":"k","key":"k"}`, `{"KEY":"k"}`, `{"key":null}`, `[`, `null`, `"\u`, `{"a":{"a":{"a":[[[[]]]]}}}`, "{\"key\":\"\xff\"}", `{} {}`, ` `,
		`{"key":"k","one":{"name":1},"ratio":-0.0e-1,"flag":false}`,
	} {
		f.Add([]byte(seed))
	}
	gin.SetMode(gin.ReleaseMode)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, _ := gin.CreateTestContext(discard{})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(data))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		c.Request = req
		var o order
		err = httpd.Decode(c, &o)
		if err != nil {
			var p *httpd.Problem
			require.ErrorAs(t, err, &p)
			require.NotEmpty(t, p.Code)
			return
		}
		// What we take, the standard library takes in its strictest mode, and sees the same.
		require.True(t, utf8.Valid(data))
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		dec.UseNumber()
		var again order
		require.NoError(t, dec.Decode(&again))
		require.Equal(t, again, o)
		_, err = dec.Token()
		require.ErrorIs(t, err, io.EOF)
		require.NotContains(t, o.Key, "\uFFFD\x00")
		require.NotContains(t, o.Key, "\x00")
	})
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
