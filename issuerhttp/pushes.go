package issuerhttp

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/httpd"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// ndjson is the media type of an upload and of its results.
const ndjson = "application/x-ndjson"

// resultsPage is how many results are read from the record at once.
const resultsPage = 500

// jobWire tells how far a push is.
type jobWire struct {
	Job        string          `json:"job"`
	Issuer     string          `json:"issuer"`
	Kind       issuer.Kind     `json:"kind"`
	Content    string          `json:"content,omitempty"` // as the sender called it
	State      issuer.JobState `json:"state"`
	Rows       int64           `json:"rows"`
	Accepted   int64           `json:"accepted"`
	Rejected   int64           `json:"rejected"`
	Bytes      int64           `json:"bytes"` // of the rows answered, uncompressed
	StartedAt  time.Time       `json:"started_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
	FinishedAt *time.Time      `json:"finished_at,omitempty"`
	Results    string          `json:"results"`
}

func jobOf(j issuer.Job) jobWire {
	out := jobWire{Job: j.ID, Issuer: j.Authority, Kind: j.Kind, Content: j.Content, State: j.State, Rows: j.Rows, Accepted: j.Accepted, Rejected: j.Rejected, Bytes: j.Bytes,
		StartedAt: j.StartedAt.UTC(), UpdatedAt: j.UpdatedAt.UTC(), Results: "/v1/pushes/" + j.ID + "/results"}
	if !j.FinishedAt.IsZero() {
		at := j.FinishedAt.UTC()
		out.FinishedAt = &at
	}
	return out
}

// resultWire is the answer to one row, one line of the results.
type resultWire struct {
	Line       int64    `json:"line"`
	Key        string   `json:"key,omitempty"`
	Identifier string   `json:"identifier,omitempty"`
	Code       string   `json:"code,omitempty"`
	Pointer    string   `json:"pointer,omitempty"`
	Detail     string   `json:"detail,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
}

func resultOf(r issuer.Result) resultWire {
	return resultWire{Line: r.Line, Key: r.Key, Identifier: r.Identifier, Code: r.Code, Pointer: r.Pointer, Detail: r.Detail, Warnings: r.Warnings}
}

// push takes an upload and answers when it has been read to its end. Progress and results can be
// asked for meanwhile.
func (a *API) push(c *gin.Context) (any, error) {
	job := c.Param("job")
	if err := issuer.CheckJobID(job); err != nil {
		return nil, err
	}
	up := issuer.Upload{Job: job, Kind: issuer.Kind(cmp.Or(c.Query("kind"), string(issuer.KindCertificates))), Content: c.Query("content")}
	if !up.Kind.Known() {
		return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "kind is certificates, replacements or states"}
	}
	if len(up.Content) > maxContent || !httpd.Printable(up.Content) {
		return nil, &httpd.Problem{Code: "parameter-invalid", Detail: "content is at most 128 printable ASCII characters, such as a digest of the file"}
	}
	var err error
	if up.From, err = fromRow(c); err != nil {
		return nil, err
	}
	if up.Mode, err = mode(c); err != nil {
		return nil, err
	}
	body, err := upload(c)
	if err != nil {
		return nil, err
	}
	if up.Authority, body, err = pushAuthority(c, body); err != nil {
		return nil, err
	}
	caller, _ := httpd.CallerFrom(c)
	up.By = caller.ID
	up.May = func() error { return still(caller, up) }
	done, err := a.issuer.Push(c.Request.Context(), up, body)
	if err != nil {
		return nil, err
	}
	return jobOf(done), nil
}

// still says whether a caller may go on with a push that it began.
func still(caller httpd.Caller, up issuer.Upload) error {
	if caller.Now == nil {
		return nil
	}
	now, err := caller.Now()
	switch {
	case err != nil:
		return err
	case !now.Has(Scope) || up.Mode == schemas.Import && !now.Has(ScopeImport):
		return &httpd.Problem{Code: httpd.CodeForbiddenScope, Detail: "what this push needs was taken away"}
	case !slices.Contains(now.Issuers, up.Authority):
		return &httpd.Problem{Code: issuer.CodeIssuerNotYours}
	}
	return nil
}

// maxContent bounds what a sender may call the content of a file.
const maxContent = 128

// fromRow reads the query parameter from, the number of a row.
func fromRow(c *gin.Context) (int64, error) {
	text := c.Query("from")
	if text == "" {
		return 1, nil
	}
	from, err := strconv.ParseInt(text, 10, 64)
	if err != nil || from < 1 {
		return 0, &httpd.Problem{Code: "parameter-invalid", Detail: "from is the number of a row, beginning with 1"}
	}
	return from, nil
}

// upload returns the plain text of the request body.
func upload(c *gin.Context) (io.Reader, error) {
	kind, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if charset, ok := params["charset"]; err != nil || kind != ndjson || ok && !strings.EqualFold(charset, "utf-8") {
		return nil, &httpd.Problem{Code: httpd.CodeUnsupportedMediaType, Detail: "expected " + ndjson}
	}
	body := io.Reader(c.Request.Body)
	if c.Request.Body == nil {
		body = bytes.NewReader(nil)
	}
	switch strings.ToLower(c.GetHeader("Content-Encoding")) {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return newGunzip(body), nil
	}
	return nil, &httpd.Problem{Code: "content-encoding-unsupported", Detail: "gzip or none"}
}

// pushAuthority decides for which authority a push is: the query parameter issuer, the caller's
// only one, or the one that the first row names.
func pushAuthority(c *gin.Context, body io.Reader) (string, io.Reader, error) {
	caller, _ := httpd.CallerFrom(c)
	if named := c.Query("issuer"); named != "" || len(caller.Issuers) < 2 {
		who, err := authority(c, named, "")
		return who, body, err
	}
	in := bufio.NewReaderSize(body, schemas.MaxRow+2)
	first, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return "", nil, err
	}
	row, _ := schemas.DecodeRow(bytes.TrimPrefix(first, []byte("\xef\xbb\xbf")))
	body = io.MultiReader(bytes.NewReader(bytes.Clone(first)), in)
	who, err := authority(c, row.Issuer, "/issuer")
	return who, body, err
}

// job tells how far a push is.
func (a *API) job(c *gin.Context) (any, error) {
	j, err := a.ownJob(c)
	if err != nil {
		return nil, err
	}
	return jobOf(j), nil
}

// ownJob finds the job in the path among those of the caller's authorities.
func (a *API) ownJob(c *gin.Context) (issuer.Job, error) {
	caller, _ := httpd.CallerFrom(c)
	err := issuer.ErrJobUnknown
	for _, who := range caller.Issuers {
		var j issuer.Job
		if j, err = a.issuer.Job(c, c.Param("job"), who); err == nil || !errors.Is(err, issuer.ErrJobUnknown) {
			return j, err
		}
	}
	return issuer.Job{}, err
}

// results streams what has been answered so far, in the order of the rows.
func (a *API) results(c *gin.Context) (any, error) {
	from, err := fromRow(c)
	if err != nil {
		return nil, err
	}
	after := from - 1
	j, err := a.ownJob(c)
	if err != nil {
		return nil, err
	}
	ctx := c.Request.Context()
	return httpd.Stream(func(w io.Writer, flush func()) error {
		for {
			page, err := a.issuer.Results(ctx, j.ID, j.Authority, after, resultsPage)
			if err != nil {
				return err
			}
			var lines bytes.Buffer
			enc := json.NewEncoder(&lines)
			enc.SetEscapeHTML(false)
			for _, r := range page {
				if err := enc.Encode(resultOf(r)); err != nil {
					return err
				}
			}
			if _, err := w.Write(lines.Bytes()); err != nil {
				return err
			}
			if len(page) < resultsPage {
				return nil
			}
			flush()
			after = page[len(page)-1].Line
		}
	}), nil
}
