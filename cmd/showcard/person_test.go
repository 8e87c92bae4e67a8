package main

import (
	"bytes"
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/verifier"
)

// A clerk who finds somebody else in front of her says so: the check is invalid from then on, for
// the party, for the holder and in the receipt; and the log has both.
func TestClerkFindsAnother(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	underDemo(t, data, func(ctx context.Context, d *demo) {
		citizen, bank := citizenOf(t, d.base, "person-01"), clientOf(t, data, d.base, "demo-bank")
		var first, after struct {
			ID, Outcome, Receipt string
			Person               struct{ State, Method, Reason string }
			Reasons              []struct {
				Code        string
				Title, Next map[string]string
			}
			Claims map[string]any
		}
		require.NoError(t, bank.call(ctx, http.MethodPost, "/v1/verifications",
			map[string]any{"code": showOf(t, citizen, holdingOf(t, data, "person-01", "resident-id")), "purpose": "account-opening", "receipt": true}, "", &first))
		require.Equal(t, "valid", first.Outcome)
		path := "/v1/verifications/" + first.ID + "/person"
		say := func(c *client, same bool, into any) error {
			return c.call(ctx, http.MethodPost, path, map[string]any{"same": same}, "", into)
		}
		require.Equal(t, "field-missing", codeOf(bank.call(ctx, http.MethodPost, path, map[string]any{}, "", nil)), "a forgotten word is no yes")
		require.Equal(t, "verification-unknown", codeOf(say(clientOf(t, data, d.base, "changsha-service-hall"), true, nil)), "not another party's")
		require.NoError(t, say(bank, false, &after))
		require.Equal(t, "invalid", after.Outcome)
		require.Equal(t, "failed", after.Person.State)
		require.Equal(t, "clerk", after.Person.Method)
		require.Equal(t, "person-not-same", after.Reasons[0].Code)
		require.NotEmpty(t, after.Reasons[0].Title["zh"])
		require.NotEmpty(t, after.Reasons[0].Next["en"])
		require.Equal(t, "person-recorded", codeOf(say(bank, true, nil)))
		require.NoError(t, say(bank, false, nil))

		// The receipt of before stays what it was; the one of afterwards says what came of it.
		var fetched struct{ Receipt string }
		require.NoError(t, bank.call(ctx, http.MethodGet, "/v1/verifications/"+first.ID+"/receipt", nil, "", &fetched))
		list, err := d.registry.Current(ctx)
		require.NoError(t, err)
		old, err := verifier.VerifyReceipt(list, first.Receipt)
		require.NoError(t, err)
		require.Equal(t, "valid", old.Outcome)
		now, err := verifier.VerifyReceipt(list, fetched.Receipt)
		require.NoError(t, err)
		require.Equal(t, "invalid", now.Outcome)
		require.Equal(t, []string{"person-not-same"}, now.Reasons)
		require.Equal(t, "failed", now.Person.State)

		// Each is in the log, with the digest of its receipt; and the record agrees with the log.
		_, err = d.audit.Build(ctx)
		require.NoError(t, err)
		for kind, digest := range map[string]string{"verification.recorded": old.Digest(), "person.compared": now.Digest()} {
			found, err := d.audit.Query(ctx, audit.Query{Kind: kind, Subject: first.ID})
			require.NoError(t, err)
			require.Len(t, found.Entries, 1, kind)
			require.Equal(t, digest, found.Entries[0].Event.Detail["receipt"], kind)
		}
		_, err = d.store.CheckRows(ctx, time.Now().AddDate(-1, 0, 0), func(f audit.Finding) { t.Errorf("%+v", f) })
		require.NoError(t, err)

		var history struct {
			Looks []struct {
				ID, Outcome string
				Reasons     []string
				Person      *struct {
					Same *bool
					At   time.Time
				}
			}
		}
		require.NoError(t, citizen.call(ctx, http.MethodGet, "/v1/wallet/history", nil, "", &history))
		require.Equal(t, "invalid", history.Looks[0].Outcome)
		require.Equal(t, []string{"person-not-same"}, history.Looks[0].Reasons)
		require.False(t, *history.Looks[0].Person.Same)
		require.WithinDuration(t, time.Now(), history.Looks[0].Person.At, time.Minute)
		require.True(t, bytes.Contains(bodyOf(t, citizen, "/v1/wallet/export", "application/json"), []byte(`"person_same":false`)))
		var usage struct {
			Reasons []struct {
				Name  string
				Count int
			}
		}
		require.NoError(t, clientOf(t, data, d.base, "demo-operator").call(ctx, http.MethodGet, "/v1/registry/parties/demo-bank/usage?days=1", nil, "", &usage))
		require.Equal(t, "person-not-same", usage.Reasons[0].Name)
	})
}
