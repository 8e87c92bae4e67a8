package issuerhttp_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

type foundPage struct {
	Certificates []struct {
		Identifier, Type, State, Authority, Region string
		ValidFrom                                  string `json:"valid_from"`
		ValidUntil                                 string `json:"valid_until"`
		ReplacedBy                                 string `json:"replaced_by"`
		Version                                    int
	}
	Next string
}

// A department finds what it issued, by number too, and learns nothing of others' nor of holders.
func TestSearch(t *testing.T) {
	f := start(t)
	var ours []string
	for i := range 3 {
		ours = append(ours, f.issue(fmt.Sprint("k", i)).Identifier)
	}
	var other issued
	f.post(asMarket, "/v1/certificates", "once", rows(t, market)[0]).into(t, http.StatusCreated, &other)
	f.post(asPolice, "/v1/certificates/"+ours[1]+"/suspend", "", "").into(t, http.StatusOK, &struct{}{})
	const path = "/v1/certificates/search"
	ask := func(as, body string) (page foundPage, ids []string) {
		t.Helper()
		a := f.post(as, path, "", body)
		a.into(t, http.StatusOK, &page)
		var row schemas.Row
		require.NotContains(t, string(a.body), licenceRow(t, &row).Holder.Number)
		require.NotContains(t, string(a.body), row.Holder.Name)
		for _, c := range page.Certificates {
			ids = append(ids, c.Identifier)
		}
		return page, ids
	}
	page, ids := ask(asPolice, `{}`)
	require.Equal(t, []string{ours[2], ours[1], ours[0]}, ids)
	require.Empty(t, page.Next)
	require.Equal(t, "suspended", page.Certificates[1].State)
	require.Equal(t, police, page.Certificates[0].Authority)
	require.Equal(t, "drivers-licence", page.Certificates[0].Type)
	require.Equal(t, 1, page.Certificates[0].Version)
	require.Len(t, page.Certificates[0].Region, 6)
	require.NotEmpty(t, page.Certificates[0].ValidFrom)
	require.NotEmpty(t, page.Certificates[0].ValidUntil)

	// Page by page.
	var all []string
	for after := ""; ; {
		page, ids := ask(asPolice, `{"limit":2,"after":"`+after+`"}`)
		all = append(all, ids...)
		if after = page.Next; after == "" {
			break
		}
	}
	require.Equal(t, []string{ours[2], ours[1], ours[0]}, all)

	var row schemas.Row
	holder := `{"holder":{"type":"` + licenceRow(t, &row).Holder.Type + `","number":"` + row.Holder.Number + `"}`
	_, ids = ask(asPolice, holder+`,"state":"suspended"}`)
	require.Equal(t, ours[1:2], ids)
	_, ids = ask(asMarket, holder+`}`)
	require.Empty(t, ids, "hers, and not of this authority")
	_, ids = ask(asPolice, `{"identifier":" `+ours[0]+` "}`)
	require.Equal(t, ours[:1], ids)
	_, ids = ask(asPolice, `{"identifier":"`+other.Identifier+`"}`)
	require.Empty(t, ids)
	_, ids = ask(asBoth, `{"type":"`+strings.Split(rows(t, market)[0], `"type":"`)[1][:len("business-licence")]+`"}`)
	require.Equal(t, []string{other.Identifier}, ids)
	_, ids = ask("department::issue", `{}`)
	require.Empty(t, ids)

	for body, want := range map[string]string{
		`{"limit":0}`: "/limit", `{"limit":101}`: "/limit", `{"state":"gone"}`: "/state", `{"holder":{"type":"111","number":"430102198803129912"}}`: "/holder/number",
	} {
		require.Equal(t, want, f.post(asPolice, path, "", body).problem(t, 422, "field-invalid").Errors[0].Pointer, body)
	}
	f.post(asPolice, path, "", `{"holder":{"number":"1"}}`).problem(t, 422, "field-missing")
	f.post(asPolice, path, "", `{"name":"x"}`).problem(t, 422, "field-unknown")
	f.post(asPolice, path, "", `{"identifier":"x"}`).problem(t, 400, "identifier-format")
	for _, after := range []string{"x", base64.RawURLEncoding.EncodeToString([]byte("1")), base64.RawURLEncoding.EncodeToString([]byte("x/y")), base64.RawURLEncoding.EncodeToString([]byte("1/\n"))} {
		f.post(asPolice, path, "", `{"after":"`+after+`"}`).problem(t, 400, "parameter-invalid")
		f.get(asPolice, "/v1/pushes?after="+after).problem(t, 400, "parameter-invalid")
	}
	f.post("department:"+police+":other", path, "", `{}`).problem(t, 403, "forbidden-scope")
	f.post("operator::issue", path, "", `{}`).problem(t, 403, "forbidden-role")
}

// licenceRow reads the row that issue posts.
func licenceRow(t *testing.T, row *schemas.Row) *schemas.Row {
	t.Helper()
	licence(t, "k", func(r *schemas.Row) { *row = *r })
	return row
}

func TestPushes(t *testing.T) {
	f := start(t)
	for _, j := range []string{"one", "two", "three"} {
		f.push(asPolice, "/v1/pushes/"+j, licence(t, j)+"\n").into(t, http.StatusOK, &job{})
	}
	f.push(asMarket, "/v1/pushes/theirs", rows(t, market)[0]+"\n").into(t, http.StatusOK, &job{})
	var got []string
	for after := ""; ; {
		var page struct {
			Jobs []job
			Next string
		}
		f.get(asPolice, "/v1/pushes?limit=2&after="+after).into(t, http.StatusOK, &page)
		for _, j := range page.Jobs {
			var same job
			f.get(asPolice, "/v1/pushes/"+j.Job).into(t, http.StatusOK, &same)
			require.Equal(t, same, j)
			got = append(got, j.Job)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	require.Equal(t, []string{"three", "two", "one"}, got)
	for _, limit := range []string{"0", "101", "x"} {
		f.get(asPolice, "/v1/pushes?limit="+limit).problem(t, 400, "parameter-invalid")
	}
	f.get("department:"+police+":other", "/v1/pushes").problem(t, 403, "forbidden-scope")
}
