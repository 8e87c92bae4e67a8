package issuerhttp_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

func compressed(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}

func TestPushOverHTTP(t *testing.T) {
	f := start(t)
	all := rows(t, police)
	text := strings.Join(all, "\n") + "\n"
	var first []result
	for name, body := range map[string][]string{
		"plain": {text}, "identity": {text, "Content-Encoding", "identity"}, "gzip": {compressed(t, text), "Content-Encoding", "gzip"},
	} {
		var got job
		f.push(asPolice, "/v1/pushes/"+name, body[0], body[1:]...).into(t, http.StatusOK, &got)
		require.Equal(t, job{Job: name, Issuer: police, State: "done", Rows: int64(len(all)), Accepted: int64(len(all)), Bytes: int64(len(text)),
			Results: "/v1/pushes/" + name + "/results"}, got)
		var again job
		f.get(asPolice, "/v1/pushes/"+name).into(t, http.StatusOK, &again)
		require.Equal(t, got, again)
		results := f.results(asPolice, got.Results)
		if first == nil {
			first = results
		}
		require.Equal(t, first, results)
		require.Len(t, f.results(asPolice, got.Results+"?from=20"), len(all)-19)
		require.Empty(t, f.results(asPolice, got.Results+"?from=1000"))
	}
	for i, r := range first {
		require.EqualValues(t, i+1, r.Line)
		require.NotEmpty(t, r.Identifier)
	}
	for _, from := range []string{"0", "-1", "x", "1.5"} {
		f.get(asPolice, "/v1/pushes/plain/results?from="+from).problem(t, 400, "parameter-invalid")
	}
	f.get(asMarket, "/v1/pushes/plain").problem(t, 404, "push-job-unknown")
	f.get(asMarket, "/v1/pushes/plain/results").problem(t, 404, "push-job-unknown")
	f.get("department::issue", "/v1/pushes/plain").problem(t, 404, "push-job-unknown")
	f.push(asMarket, "/v1/pushes/plain", "").problem(t, 409, "push-job-conflict")
}

func TestPushRefused(t *testing.T) {
	f := start(t)
	f.push("", "/v1/pushes/j", "").problem(t, 401, "unauthenticated")
	f.push("person::issue", "/v1/pushes/j", "").problem(t, 403, "forbidden-role")
	f.push(asPolice, "/v1/pushes/-j", "").problem(t, 422, "push-job-id-invalid")
	f.push(asPolice, "/v1/pushes/j", "", "Content-Type", "application/json").problem(t, 415, "unsupported-media-type")
	f.push(asPolice, "/v1/pushes/j", "", "Content-Type", "application/x-ndjson; charset=gbk").problem(t, 415, "unsupported-media-type")
	f.push(asPolice, "/v1/pushes/j", "", "Content-Encoding", "br").problem(t, 415, "content-encoding-unsupported")
	f.push(asPolice, "/v1/pushes/j?mode=import", "").problem(t, 403, "forbidden-scope")
	f.push(asPolice, "/v1/pushes/j?issuer="+market, "").problem(t, 403, "issuer-not-yours")
	f.authorities.freeze(police)
	f.push(asPolice, "/v1/pushes/j", "").problem(t, 403, "issuer-frozen")
	f.get(asPolice, "/v1/pushes/j").problem(t, 404, "push-job-unknown")
}

// A caller who acts for several authorities says for which a push is.
func TestPushForOneOfSeveral(t *testing.T) {
	f := start(t)
	var got job
	f.push(asBoth, "/v1/pushes/a?issuer="+market, rows(t, market)[0]).into(t, http.StatusOK, &got)
	require.Equal(t, market, got.Issuer)
	require.EqualValues(t, 1, got.Accepted)
	f.push(asBoth, "/v1/pushes/b", "\xef\xbb\xbf"+strings.Join(rows(t, market), "\n")).into(t, http.StatusOK, &got) // rows name it
	require.Equal(t, market, got.Issuer)
	require.EqualValues(t, len(rows(t, market)), got.Accepted)
	require.Equal(t, "/issuer", f.push(asBoth, "/v1/pushes/c", licence(t, "k")+"\n").problem(t, 422, "field-missing").Errors[0].Pointer)
	f.push(asBoth, "/v1/pushes/d", "").problem(t, 422, "field-missing")
	f.push(asBoth, "/v1/pushes/e", rows(t, market)[0]+"\n"+licence(t, "k", func(r *schemas.Row) { r.Issuer = police })).into(t, http.StatusOK, &got)
	require.EqualValues(t, 1, got.Rejected)
	require.Equal(t, issuer.CodeIssuerNotYours, f.results(asBoth, "/v1/pushes/e/results")[1].Code)
}

func TestPushGzipFaults(t *testing.T) {
	f := start(t)
	two := licence(t, "a") + "\n" + licence(t, "b") + "\n"
	whole := compressed(t, two)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"not gzip":      {two, 400, "gzip-malformed"},
		"damaged":       {whole[:len(whole)-6] + "XX" + whole[len(whole)-4:], 400, "gzip-malformed"},
		"cut off":       {whole[:len(whole)-10], 400, "push-incomplete"},
		"expands":       {compressed(t, strings.Repeat(" ", 64<<20)), 413, "gzip-expands"},
		"in the header": {whole[:5], 400, "push-incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			f.push(asPolice, "/v1/pushes/j", c.body, "Content-Encoding", "gzip").problem(t, c.status, c.code)
			var got job
			f.get(asPolice, "/v1/pushes/j").into(t, http.StatusOK, &got)
			require.Equal(t, "interrupted", got.State)
		})
	}
	var got job
	f.push(asPolice, "/v1/pushes/j", whole, "Content-Encoding", "gzip").into(t, http.StatusOK, &got)
	require.EqualValues(t, 2, got.Accepted)
	f.push(asPolice, "/v1/pushes/empty", "", "Content-Encoding", "gzip").into(t, http.StatusOK, &got)
	require.Zero(t, got.Rows)
}

func TestPushBadLinesOverHTTP(t *testing.T) {
	f := start(t)
	text := strings.Join([]string{licence(t, "a"), "{", strings.Repeat("x", 2*schemas.MaxRow), "", licence(t, "b"), licence(t, "c")[:100]}, "\n")
	var got job
	f.push(asPolice, "/v1/pushes/j", text).into(t, http.StatusOK, &got)
	require.Equal(t, "done", got.State)
	var codes []string
	for _, r := range f.results(asPolice, "/v1/pushes/j/results") {
		codes = append(codes, r.Code)
	}
	require.Equal(t, []string{"", "row-malformed", "row-too-large", "push-line-empty", "", "push-line-broken"}, codes)
}

// raw opens a connection and begins an upload on it, which the test then treats as it likes.
func (f *fixture) raw(name string, length int) net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	require.NoError(f.t, err)
	_, err = fmt.Fprintf(conn, "PUT /v1/pushes/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n",
		name, asPolice, length)
	require.NoError(f.t, err)
	return conn
}

func (f *fixture) eventually(name, state string, rows int64) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		j, err := f.issuer.Job(f.t.Context(), name, police)
		return err == nil && string(j.State) == state && j.Rows == rows
	}, 30*time.Second, 2*time.Millisecond)
}

// The connection breaks in the middle of a row: the rows before are there, the half row is told,
// and the job waits to be taken up.
func TestPushConnectionCut(t *testing.T) {
	f := start(t)
	text := licence(t, "a") + "\n" + licence(t, "b") + "\n"
	for name, cut := range map[string]func(net.Conn) error{
		"closed":      net.Conn.Close,
		"half closed": func(c net.Conn) error { return c.(*net.TCPConn).CloseWrite() },
		"reset": func(c net.Conn) error {
			_ = c.(*net.TCPConn).SetLinger(0)
			return c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			id := strings.ReplaceAll(name, " ", "-")
			conn := f.raw(id, len(text))
			defer conn.Close()
			_, err := io.WriteString(conn, text[:len(text)-50])
			require.NoError(t, err)
			f.eventually(id, "running", 1)
			f.push(asPolice, "/v1/pushes/"+id, text).problem(t, 409, "push-job-conflict")
			require.NoError(t, cut(conn))
			f.eventually(id, "interrupted", 2)
			results := f.results(asPolice, "/v1/pushes/"+id+"/results")
			require.NotEmpty(t, results[0].Identifier)
			require.Equal(t, "push-line-broken", results[1].Code)

			var got job
			f.push(asPolice, "/v1/pushes/"+id, text).into(t, http.StatusOK, &got)
			require.Equal(t, "done", got.State)
			require.EqualValues(t, 2, got.Accepted)
			require.Equal(t, results[0], f.results(asPolice, got.Results)[0])
		})
	}
}

// A sender that falls silent is cut off; one that is slow is not.
func TestPushSlowSender(t *testing.T) {
	f := start(t)
	text := licence(t, "a") + "\n" + licence(t, "b") + "\n"
	conn := f.raw("silent", len(text))
	defer conn.Close()
	_, err := io.WriteString(conn, text[:len(text)-50])
	require.NoError(t, err)
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(answer), "408 ")
	require.Contains(t, string(answer), "body-too-slow")
	f.eventually("silent", "interrupted", 2)
}

// The server is stopped in the middle of a push.
func TestPushServerStops(t *testing.T) {
	f := start(t)
	text := licence(t, "a") + "\n" + licence(t, "b") + "\n"
	conn := f.raw("j", len(text))
	defer conn.Close()
	_, err := io.WriteString(conn, text[:len(text)-50])
	require.NoError(t, err)
	f.eventually("j", "running", 1)
	require.Error(t, f.stop(), "it had to be cut off")
	f.eventually("j", "interrupted", 2)
	results, err := f.issuer.Results(t.Context(), "j", police, 0, 10)
	require.NoError(t, err)
	require.NotEmpty(t, results[0].Identifier)
	require.Equal(t, issuer.CodeLineBroken, results[1].Code)
}
