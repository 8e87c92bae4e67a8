package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/store/redisstore/redistest"
)

// personal are the claims that say who somebody is or what is hers. Sexes, dates, regions and classes
// are shared by thousands and stand in logs for other reasons.
var personal = []string{
	"name", "extended_name", "id_number", "address", "file_number", "owner", "plate_number", "vin", "engine_number",
	"card_identifier", "social_security_number", "unified_social_credit_code", "domicile", "principal", "phone",
}

// peopleOfTheSeed collects every name, number, address and plate of testdata/push, and what it is.
func peopleOfTheSeed(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	add := func(what, value string) {
		if len(value) >= 6 { // shorter bytes stand anywhere by chance
			all[value] = what
		}
	}
	issuers, err := seedJSON[[]seedIssuer]("issuers.json")
	require.NoError(t, err)
	for _, i := range issuers {
		require.NoError(t, seedLines("push/"+i.ID+".ndjson", func(line []byte) error {
			var row struct {
				Holder          struct{ Number, Name string }
				Number          string
				Representatives []struct{ Number, Name string }
				Claims          map[string]any
				Portrait        string
			}
			if err := json.Unmarshal(line, &row); err != nil {
				return err
			}
			add("number", row.Holder.Number)
			add("name", row.Holder.Name)
			add("number of a certificate", row.Number)
			for _, r := range row.Representatives {
				add("number", r.Number)
				add("name", r.Name)
			}
			for _, claim := range personal {
				if v, ok := row.Claims[claim].(string); ok {
					add(claim, v)
				}
			}
			if image, err := base64.StdEncoding.DecodeString(row.Portrait); err == nil && len(image) > 500 {
				add("portrait", string(image[400:440]))
			}
			return nil
		}))
	}
	return all
}

// spellings are the bytes as which a value may have been written.
func spellings(t *testing.T, value string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{"UTF-8": []byte(value)}
	if gbk, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(value)); err == nil {
		out["GBK"] = gbk
	}
	var little, big, escaped []byte
	for _, u := range utf16.Encode([]rune(value)) {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
		if u < 128 {
			escaped = append(escaped, byte(u))
		} else {
			escaped = fmt.Appendf(escaped, `\u%04x`, u)
		}
	}
	out["UTF-16LE"], out["UTF-16BE"], out[`\u`] = little, big, escaped
	out["URL"] = []byte(url.QueryEscape(value))
	out["hex"], out["HEX"] = []byte(hex.EncodeToString([]byte(value))), []byte(strings.ToUpper(hex.EncodeToString([]byte(value))))
	out["quoted"] = []byte(strings.Trim(strconv.QuoteToASCII(value), `"`))
	for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for shift := range 3 { // where it may stand in what was encoded
			text := encoding.EncodeToString(append(make([]byte, shift), value...))
			from, to := (shift*8+5)/6, (shift+len(value))*8/6 // characters that depend on nothing else
			out[fmt.Sprint(name, shift)] = []byte(text[from:to])
		}
	}
	for name, bytes := range out {
		if len(bytes) < 6 {
			delete(out, name)
		}
	}
	return out
}

// leaks greps places for values in all spellings.
func leaks(t *testing.T, places map[string][]byte, values map[string]string) (found []string) {
	t.Helper()
	for value, what := range values {
		for spelling, pattern := range spellings(t, value) {
			for place, data := range places {
				if at := bytes.Index(data, pattern); at >= 0 {
					around := data[max(0, at-60):min(len(data), at+len(pattern)+60)]
					found = append(found, fmt.Sprintf("%s: %s %q as %s in %q", place, what, value, spelling, around))
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

// spy is a client's transport that writes down where requests go, as a proxy on the way would.
type spy struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (s *spy) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(&s.seen, r.Method, r.URL.String(), r.Header.Get("Referer"))
	if err == nil {
		fmt.Fprintln(&s.seen, res.StatusCode, res.Header.Get("Location"), res.Header.Values("Set-Cookie"))
	}
	return res, err
}

// dumpRedis reads everything that is in a Redis.
func dumpRedis(t *testing.T, address string) []byte {
	t.Helper()
	options, err := redis.ParseURL(address)
	require.NoError(t, err)
	c := redis.NewClient(options)
	defer c.Close()
	ctx := context.Background()
	var out bytes.Buffer
	keys, err := c.Keys(ctx, "*").Result()
	require.NoError(t, err)
	for _, k := range keys {
		kind, err := c.Type(ctx, k).Result()
		require.NoError(t, err)
		var v any
		switch kind {
		case "string":
			v, err = c.Get(ctx, k).Result()
		case "hash":
			v, err = c.HGetAll(ctx, k).Result()
		case "list":
			v, err = c.LRange(ctx, k, 0, -1).Result()
		case "set":
			v, err = c.SMembers(ctx, k).Result()
		case "zset":
			v, err = c.ZRangeWithScores(ctx, k, 0, -1).Result()
		case "stream":
			v, err = c.XRange(ctx, k, "-", "+").Result()
		case "none":
			continue // it ended just now
		default:
			require.FailNow(t, "a kind of key that nobody reads", kind)
		}
		if err != nil && err != redis.Nil {
			require.NoError(t, err)
		}
		fmt.Fprintf(&out, "%s %s\n", k, v)
	}
	return out.Bytes()
}

// files reads what lies in a folder, raw.
func files(t *testing.T, folder string, skip ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() || slices.Contains(skip, d.Name()) {
			return err
		}
		data, err := os.ReadFile(path)
		out[filepath.Base(folder)+"/"+d.Name()] = data
		return err
	}))
	return out
}

// Everything that a whole story wrote — logs at their most talkative, metrics, Redis, addresses of
// requests, the database with its log, files for the moment — is searched for every name, number,
// address and plate of its people. The file demo.json, by which scripts find the fictitious people,
// and the terminal's list of them are the demo's own; `serve` has neither.
func TestNothingPersonalIsWritten(t *testing.T) {
	server := redistest.Start(t)
	folder := t.TempDir()
	data, temporary := filepath.Join(folder, "data"), filepath.Join(folder, "tmp")
	require.NoError(t, os.Mkdir(temporary, 0o700))
	addr := freeAddress(t)
	logs, err := os.Create(filepath.Join(folder, "log"))
	require.NoError(t, err)
	defer logs.Close()
	cmd := exec.Command(os.Args[0], "demo", "--data", data, "--addr", addr, "--volatile", server.URL, "--log-level", "debug")
	cmd.Env = append(os.Environ(), processVariable+"=1", "TMPDIR="+temporary)
	cmd.Stderr = logs
	cmd.Stdout = logs
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	readLog := func() []byte {
		text, err := os.ReadFile(logs.Name())
		require.NoError(t, err)
		return text
	}
	require.Eventually(t, func() bool { return bytes.Contains(readLog(), []byte("Ctrl-C")) }, time.Minute, 20*time.Millisecond, "%s", readLog)

	base := "http://" + addr
	watch := &spy{}
	tellStory(t, data, base, watch)
	places := map[string][]byte{"addresses of requests": watch.seen.Bytes(), "redis": dumpRedis(t, server.URL), "metrics": get(t, base+"/metrics")}
	require.Contains(t, string(places["redis"]), "showcard:")
	require.Contains(t, string(places["metrics"]), "showcard_http_request_duration_seconds")
	for name, content := range files(t, data, "demo.json") { // while it runs: the log of the database is there
		places[name] = content
	}
	for name, content := range files(t, temporary) {
		places[name] = content
	}
	require.NotEmpty(t, places["data/showcard.db-wal"])
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-ended)
	for name, content := range files(t, data, "demo.json") {
		places[name+" at the end"] = content
	}
	log := readLog()
	require.Contains(t, string(log), "level=DEBUG", "it talks as much as it can")
	require.Greater(t, bytes.Count(log, []byte("\n")), 40)
	var kept [][]byte
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, []byte("    person-")) { // the terminal's list of people
			kept = append(kept, line)
		}
	}
	places["log"] = bytes.Join(kept, nil)

	people := peopleOfTheSeed(t)
	require.Greater(t, len(people), 100)
	require.Contains(t, people, "430102198803129911")
	require.Contains(t, people, "张示例")
	found := leaks(t, places, people)
	require.Empty(t, found, "%d leaks, such as\n%s", len(found), strings.Join(found[:min(8, len(found))], "\n"))

	// Would it have found any? Plant one in each place.
	for place := range places {
		for spelling, planted := range spellings(t, "阿依努尔·样例木江·虚构古丽") {
			places := map[string][]byte{place: slices.Concat(places[place], []byte("…"), planted, []byte("…"))}
			require.NotEmpty(t, leaks(t, places, map[string]string{"阿依努尔·样例木江·虚构古丽": "name"}), "%s as %s", place, spelling)
		}
	}
	plantInDatabase(t, filepath.Join(data, "showcard.db"))
	require.NotEmpty(t, leaks(t, files(t, data, "demo.json"), map[string]string{"430102198803129911": "number"}))
}

// plantInDatabase does what a careless programmer would.
func plantInDatabase(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.Exec(`UPDATE verifications SET purpose = 'for 430102198803129911'`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func get(t *testing.T, address string) []byte {
	t.Helper()
	res, err := http.Get(address)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return body
}

// tellStory does everything that people, departments and checkers do, and does it wrong as well. Callers
// put numbers where they like to put them: into the keys of rows and of requests.
func tellStory(t *testing.T, data, base string, watch *spy) {
	t.Helper()
	ctx := t.Context()
	as := func(id string) *client {
		c := clientOf(t, data, base, id)
		c.http = &http.Client{Transport: watch}
		return c
	}
	police, bank, hall := as("hunan-police"), as("demo-bank"), as("changsha-service-hall")
	token, _, err := signIn(ctx, base, "person-01", watch)
	require.NoError(t, err)
	citizen, err := newClientFor(base, "", "citizen", nil, &http.Client{Transport: watch})
	require.NoError(t, err)
	citizen.bearer, citizen.until = token, time.Now().Add(time.Hour)
	_, _, err = signIn(ctx, base, "430102198803129911", watch) // people type their number into any field
	require.Error(t, err)

	do := func(c *client, method, path string, body any, key string) (out map[string]json.RawMessage) {
		_ = c.call(ctx, method, path, body, key, &out) // refused or not, it is done
		return out
	}
	text := func(m map[string]json.RawMessage, name string) (s string) {
		_ = json.Unmarshal(m[name], &s)
		return s
	}
	// Departments.
	row := firstRow(t, "hunan-police")
	number := row["holder"].(map[string]any)["number"].(string)
	row["key"] = number
	do(police, http.MethodPost, "/v1/certificates", row, number)
	row["key"] = "second-" + number
	do(police, http.MethodPost, "/v1/certificates", row, "k-"+number)
	row["number"], row["claims"].(map[string]any)["id_number"] = "430102198803129912", "wrong "+number
	do(police, http.MethodPost, "/v1/certificates", row, "")
	bad, err := json.Marshal(row)
	require.NoError(t, err)
	for i, rows := range [][]byte{append(bad, '\n'), []byte(`{"name":"张示例",` + "\n"), bytes.ReplaceAll(bad, []byte(`"claims"`), []byte(`"`+number+`"`))} {
		resp, err := police.once(ctx, request{method: http.MethodPut, path: "/v1/pushes/night-" + strconv.Itoa(i), header: http.Header{"Content-Type": {"application/x-ndjson"}}, body: bytesBody(rows)})
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		resultsOf(t, police, "night-"+strconv.Itoa(i))
	}
	identifier := holdingOf(t, data, "person-01", "drivers-licence")
	path := "/v1/certificates/" + url.PathEscape(identifier)
	do(police, http.MethodGet, path, nil, "")
	do(police, http.MethodPut, path+"/live", map[string]any{"points": 3, "note": "张示例"}, "")
	for _, verb := range []string{"suspend", "reinstate"} {
		do(police, http.MethodPost, path+"/"+verb, map[string]any{"reason": "张示例 " + number}, number+verb)
	}
	// The citizen and the counter.
	do(citizen, http.MethodGet, "/v1/me", nil, "")
	do(citizen, http.MethodGet, "/v1/wallet/holdings", nil, "")
	do(citizen, http.MethodGet, "/v1/wallet/holdings?reveal=true", nil, "")
	for i := range 3 {
		show := do(citizen, http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": holdingOf(t, data, "person-01", "resident-id"), "view": "full"}, "")
		require.NotEmpty(t, text(show, "code"))
		for _, image := range []string{"svg", "png"} {
			_, err := citizen.send(ctx, request{method: http.MethodGet, path: text(show, image)})
			require.NoError(t, err)
		}
		if i == 0 {
			do(citizen, http.MethodDelete, strings.TrimSuffix(text(show, "svg"), ".svg"), nil, "")
		}
		got := do(bank, http.MethodPost, "/v1/verifications", map[string]any{"code": text(show, "code"), "purpose": "account-opening"}, "k"+strconv.Itoa(i)+number)
		do(hall, http.MethodPost, "/v1/verifications", map[string]any{"code": text(show, "code"), "purpose": "government-service"}, "")
		resp, err := bank.once(ctx, request{method: http.MethodGet, path: "/v1/verifications/" + text(got, "id") + "/portrait"})
		if err == nil {
			require.NoError(t, resp.Body.Close())
		}
		do(bank, http.MethodGet, "/v1/verifications/"+text(got, "id"), nil, "")
		do(bank, http.MethodGet, "/v1/verifications/"+text(got, "id")+"/receipt", nil, "")
	}
	for _, name := range []string{"张示例", "李示例"} {
		do(bank, http.MethodPost, "/v1/verifications", map[string]any{"purpose": "account-opening", "facts": map[string]any{
			"holder": map[string]any{"type": "111", "number": number, "name": name}, "type": "resident-id", "claims": map[string]any{"name": name, "id_number": number}}}, "f"+number)
	}
	asked := do(citizen, http.MethodPost, "/v1/wallet/devices/challenge", nil, "")
	k := deviceKey(t, key.ES256)
	body := deviceBody(t, k, text(asked, "challenge"), text(asked, "origin"), text(asked, "binding"))
	body["name"] = "张示例 " + number
	device := text(do(citizen, http.MethodPost, "/v1/wallet/devices", body, ""), "id")
	require.NotEmpty(t, device)
	stock := map[string]any{"identifier": holdingOf(t, data, "person-01", "resident-id"), "view": "identity", "count": 3}
	var cwts []string
	require.NoError(t, json.Unmarshal(do(citizen, http.MethodPost, "/v1/wallet/devices/"+device+"/stock", stock, "")["cwts"], &cwts))
	require.Len(t, cwts, 3)
	p := &handset{id: device, k: k}
	for i := range cwts { // at a counter with a network, and settled; with numbers where they do not belong
		raw, err := base64.RawURLEncoding.DecodeString(cwts[i])
		require.NoError(t, err)
		p.cwt = raw
		check := map[string]any{"code": p.show(t, sdcwt.Proof{}), "checked_at": time.Now(), "purpose": "account-opening", "outcome": "valid", "reasons": []string{"status-stale"}}
		require.NotEmpty(t, do(bank, http.MethodPost, "/v1/verifications", map[string]any{"code": p.show(t, sdcwt.Proof{}), "purpose": "account-opening"}, "o"+strconv.Itoa(i)+number)["id"])
		for member, value := range map[string]any{"purpose": "张示例 " + number, "reasons": []string{number}, "code": number, "outcome": number, number: "张示例"} {
			wrong := maps.Clone(check)
			wrong[member] = value
			do(bank, http.MethodPost, "/v1/verifications/offline", map[string]any{"checks": []any{wrong}}, number)
		}
		wrong := maps.Clone(check)
		wrong["purpose"] = number
		require.NotEmpty(t, do(bank, http.MethodPost, "/v1/verifications/offline", map[string]any{"checks": []any{wrong, check}}, number)["checks"])
	}
	do(citizen, http.MethodGet, "/v1/wallet/devices/"+device+"/stock", nil, "")
	do(as("demo-operator"), http.MethodPost, "/v1/devices/kill", map[string]any{"holder": map[string]any{"type": "111", "number": number}, "reason": "张示例 " + number}, "")
	do(citizen, http.MethodGet, "/v1/wallet/history", nil, "")
	do(citizen, http.MethodPost, "/v1/wallet/corrections", map[string]any{"about": "identity", "says": "我叫张示例，" + number}, "c"+number)
	do(citizen, http.MethodPost, "/v1/wallet/reviews", map[string]any{"verification": number, "level": 1, "text": "我叫张示例，" + number}, "r"+number)
	do(citizen, http.MethodPost, "/v1/wallet/export", nil, "e"+number)
	// Mistakes: unknown fields, broken bodies, other people's things, numbers as request ids.
	for _, c := range []*client{police, bank, citizen} {
		for _, path := range []string{"/v1/certificates", "/v1/verifications", "/v1/wallet/shows", "/v1/certificates/unknown/revoke"} {
			do(c, http.MethodPost, path, map[string]any{number: "张示例", "张示例": number}, number)
			resp, err := c.once(ctx, request{method: http.MethodPost, path: path, header: http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {number}, "Idempotency-Key": {number}},
				body: bytesBody([]byte(`{"name":"张示例","id_number":"` + number))})
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
		}
	}
	do(police, http.MethodPost, path+"/revoke", map[string]any{"kind": "revoked", "reason": number}, "end"+number)
	do(citizen, http.MethodPost, "/v1/sign-out", nil, "")
}
