package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/store/redisstore/redistest"
	"github.com/showcard/showcard/registry"
)

// withDemo runs a test against a demo in this process, so that the race detector sees all of it.
func withDemo(t *testing.T, run func(data string, d *demo)) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	c := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory"}
	require.NoError(t, c.start(t.Context(), func(_ context.Context, d *demo) error {
		run(data, d)
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}))
}

// asked is an answer about a code, or that the holder is being asked.
type asked struct {
	ID        string
	State     string
	ExpiresAt time.Time `json:"expires_at"`
	Outcome   string
	Claims    map[string]any
	Reasons   []struct{ Code string }
	Consent   *struct {
		Answer string
		Asked  []string
	}
}

func (a asked) reason() string {
	if len(a.Reasons) == 0 {
		return ""
	}
	return a.Reasons[0].Code
}

// wantMore checks a code and wants the address besides.
func wantMore(t *testing.T, c *client, code, key string, more ...any) (asked, error) {
	t.Helper()
	body := map[string]any{"code": code, "purpose": "account-opening", "fields": []string{"name", "address"}}
	for i := 0; i < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	var got asked
	err := c.call(context.Background(), http.MethodPost, "/v1/verifications", body, key, &got)
	return got, err
}

func await(c *client, id, wait string) (got asked, err error) {
	err = c.call(context.Background(), http.MethodGet, "/v1/verifications/"+id+"?wait="+wait, nil, "", &got)
	return got, err
}

func say(c *client, id, answer string) error {
	return c.call(context.Background(), http.MethodPost, "/v1/wallet/asks/"+id, map[string]any{"answer": answer}, "", nil)
}

type receiptOf struct {
	ID, Answer, Verification string
	Mine                     bool
}

func receiptsOf(t *testing.T, citizen *client) []receiptOf {
	t.Helper()
	var got struct{ Consents []receiptOf }
	require.NoError(t, citizen.call(t.Context(), http.MethodGet, "/v1/wallet/consents", nil, "", &got))
	return got.Consents
}

// listen reads a person's events until the test ends.
func listen(t *testing.T, base, token string) <-chan [2]string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/v1/wallet/events", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	events := make(chan [2]string, 100)
	go func() {
		defer close(events)
		defer resp.Body.Close()
		name := ""
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if after, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = after
			} else if after, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				events <- [2]string{name, after}
			}
		}
	}()
	return events
}

func nextEvent(t *testing.T, events <-chan [2]string, name string) map[string]any {
	t.Helper()
	select {
	case e, open := <-events:
		require.True(t, open, "the stream ended before %s", name)
		require.Equal(t, name, e[0], e[1])
		var data map[string]any
		require.NoError(t, json.Unmarshal([]byte(e[1]), &data))
		return data
	case <-time.After(30 * time.Second):
		require.FailNow(t, "no event", name)
		return nil
	}
}

// The holder shows name and number; the bank wants the address besides. She sees who, what and
// why while it happens, and her answer decides.
func TestAskedForMore(t *testing.T) {
	withDemo(t, func(data string, d *demo) {
		citizen, other := citizenOf(t, d.base, "person-01"), citizenOf(t, d.base, "person-02")
		bank, hall := clientOf(t, data, d.base, "demo-bank"), clientOf(t, data, d.base, "changsha-service-hall")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		events := listen(t, d.base, citizen.bearer)
		nextEvent(t, events, "snapshot")

		for answer, address := range map[string]bool{"yes": true, "no": false} {
			pending, err := wantMore(t, bank, showOf(t, citizen, identifier), "ask-"+answer)
			require.NoError(t, err)
			require.Equal(t, "pending", pending.State)
			require.Empty(t, pending.Claims)
			ask := nextEvent(t, events, "ask")
			require.Equal(t, pending.ID, ask["id"])
			require.Equal(t, []any{"address"}, ask["asked"])
			require.Equal(t, "account-opening", ask["purpose"])
			require.Equal(t, "demo-bank", ask["party"])
			require.NotContains(t, ask["shown"], "address")
			require.NotEmpty(t, ask["party_name"].(map[string]any)["zh"])

			again, err := await(bank, pending.ID, "0")
			require.NoError(t, err)
			require.Equal(t, "pending", again.State)
			_, err = await(hall, pending.ID, "0")
			require.Equal(t, "verification-unknown", codeOf(err), "another's")
			require.Equal(t, "consent-unknown", codeOf(say(other, pending.ID, "yes")), "another person")
			require.Equal(t, "consent-unknown", codeOf(say(citizen, "nosuchask", "yes")))
			require.Equal(t, "field-invalid", codeOf(say(citizen, pending.ID, "maybe")))

			require.NoError(t, say(citizen, pending.ID, answer))
			require.Equal(t, "consent-answered", codeOf(say(citizen, pending.ID, "yes")), "answered twice")
			require.Equal(t, answer, nextEvent(t, events, "ask-closed")["answer"])
			got, err := await(bank, pending.ID, "20")
			require.NoError(t, err)
			require.Equal(t, "valid", got.Outcome, got.Reasons)
			require.Equal(t, answer, got.Consent.Answer)
			require.Equal(t, pending.ID, got.ID)
			require.Contains(t, got.Claims, "name")
			require.Equal(t, address, got.Claims["address"] != nil)
			scanned := nextEvent(t, events, "scanned")
			require.Equal(t, address, slices.Contains(scanned["fields"].([]any), any("address")))
			require.Equal(t, "valid", scanned["outcome"])

			// Asked again with the same key, or fetched again, it is the same answer.
			same, err := wantMore(t, bank, "SC1", "ask-"+answer)
			require.Equal(t, "idempotency-key-reused", codeOf(err), same)
			same, err = await(bank, pending.ID, "0")
			require.NoError(t, err)
			require.Equal(t, got, same)
			one := receiptsOf(t, citizen)[0]
			require.Equal(t, receiptOf{ID: pending.ID, Answer: answer, Verification: pending.ID, Mine: true}, one)
			var history struct {
				Looks []struct {
					ID, Consent string
					Asked       []string
				}
			}
			require.NoError(t, citizen.call(t.Context(), http.MethodGet, "/v1/wallet/history?limit=1", nil, "", &history))
			require.Equal(t, pending.ID, history.Looks[0].ID)
			require.Equal(t, answer, history.Looks[0].Consent)
			require.Equal(t, []string{"address"}, history.Looks[0].Asked)
		}
		require.Empty(t, receiptsOf(t, other))
	})
}

// What needs no asking is not asked, and what may not be asked is refused before anything is spent.
func TestWhatMayBeAsked(t *testing.T) {
	withDemo(t, func(data string, d *demo) {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		code := showOf(t, citizen, identifier)
		for name, c := range map[string]struct {
			more []any
			want string
		}{
			"not registered":        {[]any{"fields", []string{"birth_date"}}, "field-not-registered"},
			"one of them is not":    {[]any{"fields", []string{"address", "birth_date"}}, "field-not-registered"},
			"no such field":         {[]any{"fields", []string{"shoe_size"}}, "field-not-registered"},
			"purpose missing":       {[]any{"purpose", ""}, "purpose-missing"},
			"purpose not allowed":   {[]any{"purpose", "traffic-inspection"}, "purpose-not-registered"},
			"waiting for ever":      {[]any{"wait", 61}, "field-invalid"},
			"waiting backwards":     {[]any{"wait", -1}, "field-invalid"},
			"without a code":        {[]any{"code", "", "facts", map[string]any{"identifier": identifier, "type": "resident-id", "claims": map[string]any{"name": "x"}}}, "fields-need-code"},
			"more than can be read": {[]any{"fields", make([]string, 65)}, "field-not-registered"},
		} {
			_, err := wantMore(t, bank, code, "", c.more...)
			require.Equal(t, c.want, codeOf(err), name)
		}
		_, err := await(bank, "nosuch", "0")
		require.Equal(t, "verification-unknown", codeOf(err))
		_, err = await(bank, "nosuch", "-1")
		require.Equal(t, "parameter-invalid", codeOf(err))
		got, err := wantMore(t, bank, code, "", "fields", []string{"name", "id_number"})
		require.NoError(t, err)
		require.Equal(t, "valid", got.Outcome, "all of it is shown: nobody is asked")
		require.Nil(t, got.Consent)
		require.Empty(t, receiptsOf(t, citizen))
	})
}

// One request that waits: the answer comes in it.
func TestWaitingInTheRequest(t *testing.T) {
	withDemo(t, func(data string, d *demo) {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		events := listen(t, d.base, citizen.bearer)
		nextEvent(t, events, "snapshot")
		code := showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id"))
		done := make(chan asked, 2)
		for range 2 { // the request was sent twice at once
			go func() {
				got, err := wantMore(t, bank, code, "once", "wait", 60)
				if err != nil {
					got.State = err.Error()
				}
				done <- got
			}()
		}
		id := nextEvent(t, events, "ask")["id"].(string)
		require.NoError(t, say(citizen, id, "yes"))
		one, two := <-done, <-done
		require.Equal(t, "valid", one.Outcome, one)
		require.NotEmpty(t, one.Claims["address"])
		require.Equal(t, one, two)
	})
}

// Yes and no at once, from two phones: one counts, and what is disclosed is what it says.
func TestYesAndNoAtOnce(t *testing.T) {
	withDemo(t, func(data string, d *demo) {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		for range 5 {
			pending, err := wantMore(t, bank, showOf(t, citizen, identifier), "")
			require.NoError(t, err)
			var wg sync.WaitGroup
			var mu sync.Mutex
			counted := []string{}
			for i := range 10 {
				wg.Go(func() {
					answer := []string{"yes", "no"}[i%2]
					err := say(citizen, pending.ID, answer)
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						counted = append(counted, answer)
					} else if codeOf(err) != "consent-answered" {
						t.Error(err)
					}
				})
			}
			var got asked
			wg.Go(func() { got, err = await(bank, pending.ID, "30") })
			wg.Wait()
			require.NoError(t, err)
			require.Len(t, counted, 1)
			require.Equal(t, counted[0], got.Consent.Answer)
			require.Equal(t, counted[0] == "yes", got.Claims["address"] != nil)
		}
	})
}

// While she is asked the show is the asker's; others are told so. Closing it, withdrawing, or the
// party's suspension ends it: nothing is disclosed, whatever she said.
func TestWhilePending(t *testing.T) {
	withDemo(t, func(data string, d *demo) {
		citizen := citizenOf(t, d.base, "person-01")
		bank, hall := clientOf(t, data, d.base, "demo-bank"), clientOf(t, data, d.base, "changsha-service-hall")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		show := func() (id, code string) {
			var got struct{ Show, Code string }
			require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/wallet/shows", map[string]any{"identifier": identifier, "view": "identity"}, "", &got))
			return got.Show, got.Code
		}
		pend := func() (asked, string, string) {
			id, code := show()
			pending, err := wantMore(t, bank, code, "")
			require.NoError(t, err)
			require.Equal(t, "pending", pending.State)
			return pending, id, code
		}

		pending, id, code := pend()
		var got asked
		require.NoError(t, hall.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": "government-service"}, "", &got))
		require.Equal(t, "code-reserved", got.reason())
		require.NoError(t, citizen.call(t.Context(), http.MethodDelete, "/v1/wallet/shows/"+id, nil, "", nil))
		require.Equal(t, "show-closed", codeOf(say(citizen, pending.ID, "yes")))
		got, err := await(bank, pending.ID, "20")
		require.NoError(t, err)
		require.Equal(t, "code-closed", got.reason())
		require.Empty(t, got.Claims)
		require.Equal(t, receiptOf{ID: pending.ID, Answer: "closed", Mine: true}, receiptsOf(t, citizen)[0])

		// Said yes, then closed before the scanner came back.
		pending, id, _ = pend()
		require.NoError(t, say(citizen, pending.ID, "yes"))
		require.NoError(t, citizen.call(t.Context(), http.MethodDelete, "/v1/wallet/shows/"+id, nil, "", nil))
		got, err = await(bank, pending.ID, "20")
		require.NoError(t, err)
		require.Equal(t, "code-closed", got.reason())
		require.Empty(t, got.Claims)

		// Withdrawn while pending, and yes said before: nothing.
		pending, _, _ = pend()
		require.NoError(t, say(citizen, pending.ID, "yes"))
		var withdrawn struct {
			ID          string
			ClosedShows int `json:"closed_shows"`
			ClosedAsks  int `json:"closed_asks"`
		}
		require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/wallet/consents/withdraw", map[string]any{"party": "demo-bank"}, "", &withdrawn))
		require.Equal(t, 1, withdrawn.ClosedShows)
		got, err = await(bank, pending.ID, "20")
		require.NoError(t, err)
		require.Equal(t, "code-closed", got.reason())
		require.Empty(t, got.Claims)

		// From now on the answer is no by itself, and the code still works for what it shows.
		_, code = show()
		got, err = wantMore(t, bank, code, "")
		require.NoError(t, err)
		require.Equal(t, "valid", got.Outcome)
		require.Equal(t, "refused", got.Consent.Answer)
		require.Empty(t, got.Claims["address"])
		require.NoError(t, citizen.call(t.Context(), http.MethodPost, "/v1/wallet/consents/withdraw", map[string]any{"party": "demo-bank", "block": true}, "", nil))
		_, code = show()
		_, err = wantMore(t, bank, code, "")
		require.Equal(t, "holder-refuses", codeOf(err))
		_, err = wantMore(t, bank, code, "", "fields", []string{})
		require.Equal(t, "holder-refuses", codeOf(err))
		require.NoError(t, hall.call(t.Context(), http.MethodPost, "/v1/verifications", map[string]any{"code": code, "purpose": "government-service"}, "", &got))
		require.Equal(t, "valid", got.Outcome, "others are not shut out")
		require.NoError(t, citizen.call(t.Context(), http.MethodDelete, "/v1/wallet/withdrawals/"+withdrawn.ID, nil, "", nil))
		require.Equal(t, "withdrawal-unknown", codeOf(citizen.call(t.Context(), http.MethodDelete, "/v1/wallet/withdrawals/"+withdrawn.ID, nil, "", nil)))

		// The party is suspended while she thinks.
		pending, _, _ = pend()
		require.NoError(t, d.registry.Update(t.Context(), "test", "test", func(draft *registry.Draft) error {
			p, err := d.registry.Party("demo-bank")
			p.State = registry.PartySuspended
			draft.PutParty(p)
			return err
		}))
		require.NoError(t, say(citizen, pending.ID, "yes"))
		_, err = await(bank, pending.ID, "20")
		require.Error(t, err)
		require.Contains(t, []string{"party-suspended", "client-suspended", "token-invalid", "invalid_client"}, codeOf(err))
		require.Equal(t, receiptOf{ID: pending.ID, Answer: "yes", Mine: true}, receiptsOf(t, citizen)[0], "she said yes, and nothing was disclosed")
	})
}

func TestWithdrawIsParticular(t *testing.T) {
	withDemo(t, func(data string, d *demo) {
		citizen := citizenOf(t, d.base, "person-01")
		for name, c := range map[string]struct {
			body map[string]any
			want string
		}{
			"nothing":            {map[string]any{}, "withdrawal-ambiguous"},
			"two things":         {map[string]any{"party": "demo-bank", "all": true}, "withdrawal-ambiguous"},
			"block of all":       {map[string]any{"all": true, "block": true}, "withdrawal-ambiguous"},
			"another's":          {map[string]any{"certificate": holdingOf(t, data, "person-02", "resident-id")}, "holding-unknown"},
			"an unknown field":   {map[string]any{"everything": true}, "field-unknown"},
			"a name without end": {map[string]any{"party": strings.Repeat("x", 300)}, "withdrawal-ambiguous"},
		} {
			require.Equal(t, c.want, codeOf(citizen.call(t.Context(), http.MethodPost, "/v1/wallet/consents/withdraw", c.body, "", nil)), name)
		}
		var list struct{ Withdrawals []struct{ ID string } }
		require.NoError(t, citizen.call(t.Context(), http.MethodGet, "/v1/wallet/withdrawals", nil, "", &list))
		require.Empty(t, list.Withdrawals)
	})
}

// Two processes share a database and a Redis. She is asked at one and answers at the other; then
// the one where she was asked is killed, and the other finishes.
func TestAskedAcrossProcesses(t *testing.T) {
	redis := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	a := startDemo(t, data, "--volatile", redis.URL)
	b := startDemo(t, data, "--volatile", redis.URL)
	identifier := holdingOf(t, data, "person-01", "resident-id")
	here, there := citizenOf(t, a.base, "person-01"), citizenOf(t, b.base, "person-01")
	bankHere, bankThere := clientOf(t, data, a.base, "demo-bank"), clientOf(t, data, b.base, "demo-bank")
	events := listen(t, b.base, there.bearer)
	nextEvent(t, events, "snapshot")

	done := make(chan asked, 1)
	code := showOf(t, here, identifier)
	go func() {
		got, err := wantMore(t, bankHere, code, "k", "wait", 60)
		if err != nil {
			got.State = err.Error()
		}
		done <- got
	}()
	id := nextEvent(t, events, "ask")["id"].(string)
	require.NoError(t, say(there, id, "yes"))
	got := <-done
	require.Equal(t, "valid", got.Outcome, got)
	require.NotEmpty(t, got.Claims["address"])
	nextEvent(t, events, "ask-closed")
	require.Equal(t, id, nextEvent(t, events, "scanned")["verification"])

	pending, err := wantMore(t, bankHere, showOf(t, here, identifier), "k2")
	require.NoError(t, err)
	nextEvent(t, events, "ask")
	_ = a.stop(syscall.SIGKILL)
	require.NoError(t, say(there, pending.ID, "yes"))
	got, err = await(bankThere, pending.ID, "20")
	require.NoError(t, err)
	require.Equal(t, "valid", got.Outcome)
	require.NotEmpty(t, got.Claims["address"])

	// A server that goes down lets its events end at once.
	require.NoError(t, b.stop(syscall.SIGTERM))
	nextEvent(t, events, "ask-closed")
	nextEvent(t, events, "scanned")
	_, open := <-events
	require.False(t, open)
}

// Killed between ask and answer, and what may be lost is lost: nothing is disclosed.
func TestKilledWhilePending(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startDemo(t, data)
	citizen, bank := citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	pending, err := wantMore(t, bank, showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id")), "k")
	require.NoError(t, err)
	_ = p.stop(syscall.SIGKILL)
	p = startDemo(t, data)
	citizen, bank = citizenOf(t, p.base, "person-01"), clientOf(t, data, p.base, "demo-bank")
	require.Equal(t, "show-unknown", codeOf(say(citizen, pending.ID, "yes")))
	require.NoError(t, say(citizen, pending.ID, "no"))
	got, err := await(bank, pending.ID, "1")
	require.NoError(t, err)
	require.Equal(t, "code-unknown", got.reason())
	require.Empty(t, got.Claims)
	require.Equal(t, receiptOf{ID: pending.ID, Answer: "no", Mine: true}, receiptsOf(t, citizen)[0])
}
