package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/crypto/trustlist"
	"github.com/showcard/showcard/verifier"
)

// underDemo runs a test against a demo in this process.
func underDemo(t *testing.T, data string, do func(ctx context.Context, d *demo)) {
	t.Helper()
	c := demoCommand{Addr: "127.0.0.1:0", Data: data, Profile: "sm2", Volatile: "memory"}
	require.NoError(t, c.start(t.Context(), func(ctx context.Context, d *demo) error {
		do(ctx, d)
		return nil
	}, &env{ctx: t.Context(), stdout: io.Discard, stderr: io.Discard}))
}

func fetchText(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	return string(body)
}

func fileOf(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

// The bank checks, files the answer with the receipt, and proves years later what it was shown.
func TestReceiptEndToEnd(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	underDemo(t, data, func(ctx context.Context, d *demo) {
		citizen, bank, hall := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank"), clientOf(t, data, d.base, "changsha-service-hall")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		var answer map[string]any
		ask := map[string]any{"code": showOf(t, citizen, identifier), "purpose": "account-opening", "receipt": true}
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications", ask, "k", &answer))
		require.Equal(t, "valid", answer["outcome"])
		id := answer["id"].(string)
		require.NotEmpty(t, answer["receipt"])

		// The repeated request, the fetched one and the holder's say the same; every signature is fresh.
		var again map[string]any
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications", ask, "k", &again))
		require.Equal(t, answer["openings"], again["openings"])
		var fetched struct {
			Receipt  string
			Openings receipt.Openings
		}
		require.NoError(t, bank.call(ctx, http.MethodGet, "/v1/verifications/"+id+"/receipt", nil, "", &fetched))
		var hers map[string]any
		require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history/"+id+"/receipt", nil, "", &hers))
		require.Len(t, hers, 1, "no salts for the holder")
		list, err := d.registry.Current(ctx)
		require.NoError(t, err)
		first, err := verifier.VerifyReceipt(list, answer["receipt"].(string))
		require.NoError(t, err)
		for _, text := range []string{again["receipt"].(string), fetched.Receipt, hers["receipt"].(string)} {
			other, err := verifier.VerifyReceipt(list, text)
			require.NoError(t, err)
			other.SignedAt = first.SignedAt
			require.Equal(t, first, other)
		}
		require.Equal(t, "demo-bank", first.Party.ID)
		require.NotEmpty(t, first.Fields)

		// To nobody else: not to another party, not to another person.
		require.Equal(t, "verification-unknown", codeOf(hall.call(ctx, http.MethodGet, "/v1/verifications/"+id+"/receipt", nil, "", nil)))
		stranger := citizenOf(t, d.base, "person-02")
		require.Equal(t, "verification-unknown", codeOf(stranger.call(ctx, http.MethodGet, "/v1/wallet/history/"+id+"/receipt", nil, "", nil)))

		// As a tool, with a saved list and without a network.
		saved := fileOf(t, "list.jws", []byte(fetchText(t, d.base+"/v1/trust-list")))
		filed, err := json.Marshal(answer)
		require.NoError(t, err)
		offline := []string{"--trust-list", saved, "--roots", filepath.Join(data, rootsFile)}
		tool := func(want int, args ...string) string {
			return toolOf(t, want, append(append([]string{"verify"}, args...), offline...)...)
		}
		out := tool(0, fileOf(t, "answer.json", filed))
		require.Contains(t, out, "回执属实   GENUINE RECEIPT")
		require.Contains(t, out, "姓名 Name: ✔ 一致 matches")
		alone := fileOf(t, "receipt.jws", []byte(answer["receipt"].(string)))
		out = tool(0, alone)
		require.NotContains(t, out, "张示例")
		require.NotContains(t, out, identifier)
		require.Contains(t, tool(0, alone, "--values", fileOf(t, "answer.json", filed)), "matches")
		answer["claims"].(map[string]any)["name"] = "李四"
		changed, err := json.Marshal(answer)
		require.NoError(t, err)
		require.Contains(t, tool(1, fileOf(t, "answer.json", changed)), "✘ 不一致 DIFFERS")
		text := answer["receipt"].(string)
		broken := strings.Replace(text, text[len(text)-10:len(text)-5], "AAAAA", 1)
		require.Contains(t, tool(1, fileOf(t, "receipt.jws", []byte(broken))), "receipt-invalid")
		require.Contains(t, toolOf(t, 0, "verify", alone, "--data", data), "GENUINE")
		require.Contains(t, toolOf(t, 0, "inspect", alone), "A receipt of a verification")
		require.Contains(t, tool(0, alone, "--json"), `"genuine": true`)

		// The key is stolen: what it signed counts no more, and a fresh receipt comes from the next.
		old, err := receipt.Parse(text)
		require.NoError(t, err)
		next := newKeyOf(t, data, "receipt/2")
		require.NoError(t, d.keys.Reload())
		require.NoError(t, ensureServiceKeys(ctx, d.cfg, d.registry, d.keys, time.Now()))
		frozen := toolOf(t, 0, "freeze", "propose", "service-key", "DEMO", "--kid", old.KeyID, "--urgent", "--reason", "stolen", "--data", data, "--server", d.base)
		require.Contains(t, frozen, "bites already")
		// The list names the key of the audit log, too, and the next receipt key has not ended it.
		log, err := d.keys.Signer(keyAuditSM2)
		require.NoError(t, err)
		current, err := d.registry.Current(ctx)
		require.NoError(t, err)
		own, err := current.Domain("DEMO")
		require.NoError(t, err)
		named, err := own.ServiceKey(trustlist.UseAudit, log.Public().ID(), time.Now())
		require.NoError(t, err)
		require.True(t, named.Equal(log.Public()))
		saved = fileOf(t, "list.jws", []byte(fetchText(t, d.base+"/v1/trust-list")))
		offline[1] = saved
		require.Contains(t, tool(1, alone), "receipt-key-frozen")
		require.NoError(t, bank.call(ctx, http.MethodGet, "/v1/verifications/"+id+"/receipt", nil, "", &fetched))
		u, err := receipt.Parse(fetched.Receipt)
		require.NoError(t, err)
		require.Equal(t, next.ID(), u.KeyID)
		tool(0, fileOf(t, "receipt.jws", []byte(fetched.Receipt)))
	})
}

// Facts, portraits, requests that were turned away, and facts about a certificate that she does
// not hold are all in her history; a cursor finds every look though many share a moment.
func TestHistoryHasEveryLook(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	underDemo(t, data, func(ctx context.Context, d *demo) {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		post := func(c *client, body map[string]any) (map[string]any, error) {
			var got map[string]any
			err := c.call(ctx, http.MethodPost, "/v1/verifications", body, "", &got)
			return got, err
		}
		code := showOf(t, citizen, identifier)
		_, err := post(bank, map[string]any{"code": code, "purpose": "not-registered"})
		require.Equal(t, "purpose-not-registered", codeOf(err))
		hospital := clientOf(t, data, d.base, "demo-hotel")
		_, err = post(hospital, map[string]any{"code": code, "purpose": "account-opening"})
		require.Error(t, err)
		shown, err := post(bank, map[string]any{"code": code, "purpose": "account-opening"}) // still good
		require.NoError(t, err)
		require.Equal(t, "valid", shown["outcome"])
		require.NotEmpty(t, bodyOf(t, bank, "/v1/verifications/"+shown["id"].(string)+"/portrait", "image/jpeg"))
		number := d.people[0].holder
		login, without := "", ""
		for i, p := range d.people {
			for _, typ := range []string{"social-security-card", "business-licence"} {
				if without == "" && i > 0 && !holds(t, data, p.Login, typ) {
					login, without = p.Login, typ
				}
			}
		}
		require.NotEmpty(t, without)
		_, err = post(bank, map[string]any{"purpose": "account-opening", "facts": map[string]any{
			"holder": map[string]any{"type": number.Type, "number": number.Number}, "type": "resident-id", "claims": map[string]any{"name": number.Name}}})
		require.NoError(t, err)
		for _, p := range d.people {
			if p.Login == login {
				_, err = post(bank, map[string]any{"purpose": "account-opening", "facts": map[string]any{
					"holder": map[string]any{"type": p.holder.Type, "number": p.holder.Number}, "type": without, "claims": map[string]any{"name": "x"}}})
				require.NoError(t, err)
			}
		}
		var asked struct{ Looks []struct{ Type string } }
		require.NoError(t, citizenOf(t, d.base, login).call(ctx, http.MethodGet, "/v1/wallet/history", nil, "", &asked))
		require.Len(t, asked.Looks, 1, "she holds none, and yet sees who asked")
		require.Equal(t, without, asked.Looks[0].Type)

		var all, page struct {
			Looks []struct {
				ID, Outcome, Via, Type string
				Reasons                []string
				Portrait               string `json:"portrait_fetched_at"`
			}
			Next string
		}
		require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history", nil, "", &all))
		seen := map[string]bool{}
		for _, l := range all.Looks {
			seen[l.Via+" "+l.Outcome+" "+strings.Join(l.Reasons, ",")] = true
			if l.ID == shown["id"] {
				require.NotEmpty(t, l.Portrait)
			}
		}
		for _, want := range []string{"code valid ", "code refused purpose-not-registered", "facts valid "} {
			require.True(t, seen[want], "%q is missing in %v", want, seen)
		}
		var ids []string
		for next := ""; ; {
			page.Looks, page.Next = nil, ""
			require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history?limit=1&cursor="+next, nil, "", &page))
			for _, l := range page.Looks {
				ids = append(ids, l.ID)
			}
			if next = page.Next; next == "" {
				break
			}
		}
		require.Len(t, ids, len(all.Looks))
		for i, l := range all.Looks {
			require.Equal(t, l.ID, ids[i])
		}
		require.Equal(t, "parameter-invalid", codeOf(citizen.call(ctx, http.MethodGet, "/v1/wallet/history?cursor=nonsense", nil, "", nil)))
	})
}

func holds(t *testing.T, data, login, typ string) bool {
	for _, p := range demoFileOf(t, data).People {
		for _, h := range p.Holdings {
			if p.Login == login && h.Type == typ {
				return true
			}
		}
	}
	return false
}

// What she takes along is all there is; what she has erased is gone, and the party's receipt stays.
func TestExportAndErasure(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	underDemo(t, data, func(ctx context.Context, d *demo) {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		identifier := holdingOf(t, data, "person-01", "resident-id")
		var answer struct{ ID string }
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications", map[string]any{"code": showOf(t, citizen, identifier), "purpose": "account-opening"}, "", &answer))
		dispute := map[string]any{"reason": "我没有去过银行 " + d.people[0].Name}
		require.NoError(t, citizen.call(ctx, http.MethodPost, "/v1/wallet/history/"+answer.ID+"/disputes", dispute, "", nil))
		require.Equal(t, "dispute-open", codeOf(citizen.call(ctx, http.MethodPost, "/v1/wallet/history/"+answer.ID+"/disputes", dispute, "", nil)))
		var theirs struct{ Disputes []map[string]any }
		require.NoError(t, bank.call(ctx, http.MethodGet, "/v1/verifications/"+answer.ID+"/disputes", nil, "", &theirs))
		require.Len(t, theirs.Disputes, 1)
		require.NotContains(t, theirs.Disputes[0], "reason", "her words are not for the bank")

		exported := bodyOf(t, citizen, "/v1/wallet/export", "application/json")
		var document struct {
			Complete     bool
			Certificates []struct {
				Identifier string
				Fields     map[string]any
				Portrait   []byte
				Events     []any
			}
			History, Disputes, Sessions []map[string]any
		}
		require.NoError(t, json.Unmarshal(exported, &document))
		require.True(t, document.Complete)
		require.NotEmpty(t, document.Sessions)
		require.Equal(t, answer.ID, document.History[0]["id"])
		require.Equal(t, dispute["reason"], document.Disputes[0]["reason"])
		whole := false
		for _, c := range document.Certificates {
			whole = whole || c.Identifier == identifier && c.Fields["id_number"] == d.people[0].holder.Number && len(c.Portrait) > 0 && len(c.Events) > 0
		}
		require.True(t, whole)
		require.False(t, bytes.Contains(exported, []byte(d.people[1].holder.Number)), "nobody else's")
		for range 4 {
			bodyOf(t, citizen, "/v1/wallet/export", "application/json")
		}
		require.Equal(t, "export-limit", codeOf(citizen.call(ctx, http.MethodGet, "/v1/wallet/export", nil, "", nil)))

		var first, second struct{ Confirm string }
		erase := func(confirm string, into any) error {
			body := map[string]any{}
			if confirm != "" {
				body["confirm"] = confirm
			}
			return citizen.call(ctx, http.MethodPost, "/v1/wallet/erasure", body, "", into)
		}
		require.NoError(t, erase("", &first))
		require.NoError(t, erase("", &second))
		require.Equal(t, "erasure-confirmation", codeOf(erase(first.Confirm, nil)), "only the last counts")
		other := citizenOf(t, d.base, "person-02")
		require.Equal(t, "erasure-confirmation", codeOf(other.call(ctx, http.MethodPost, "/v1/wallet/erasure", map[string]any{"confirm": second.Confirm}, "", nil)), "not another's")
		inFlight := showOf(t, citizen, identifier)
		require.NoError(t, erase(second.Confirm, nil))
		var late asked
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications", map[string]any{"code": inFlight, "purpose": "account-opening"}, "", &late))
		require.Equal(t, "code-closed", late.reason(), "what she was showing ends with her")
		require.Equal(t, "session-ended", codeOf(citizen.call(ctx, http.MethodGet, "/v1/wallet/holdings", nil, "", nil)), "signed out everywhere, at once")

		citizen = citizenOf(t, d.base, "person-01")
		var history struct{ Looks []any }
		require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history", nil, "", &history))
		require.Empty(t, history.Looks)
		var kept struct{ Receipt string }
		require.NoError(t, bank.call(ctx, http.MethodGet, "/v1/verifications/"+answer.ID+"/receipt", nil, "", &kept))
		require.NoError(t, bank.call(ctx, http.MethodGet, "/v1/verifications/"+answer.ID+"/disputes", nil, "", &theirs))
		require.Empty(t, theirs.Disputes[0]["reason"])
		require.Equal(t, "withdrawn", theirs.Disputes[0]["state"])
		showOf(t, citizen, identifier) // the certificate is the department's record, and still hers
	})
}
