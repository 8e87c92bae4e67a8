package access_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
)

func TestPerson(t *testing.T) {
	f := newFixture(t, key.SM2)
	token, session := f.signIn("holder-1")
	require.Equal(t, f.clock().Add(8*time.Hour), session.Expires)
	want := who{
		ID: "person:holder-1", Role: "person", Holder: "holder-1", Name: "张三", Method: "oidc:demo", Scopes: []string{"wallet"},
		Assurance: access.AssuranceHigh, Session: session.ID,
	}
	status, w := f.bearer(token)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, want, w)
	status, w = f.whoami("Cookie", sessionCookie+"="+token)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, want, w)
	f.wait(8 * time.Hour)
	status, w = f.whoami("Cookie", sessionCookie+"="+token)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "token-expired", w.Code)
}

// The token travels through cookie jars and scripts: whoever reads one learns no name.
func TestPersonTokenSaysNothing(t *testing.T) {
	f := newFixture(t, key.SM2)
	token, session := f.signIn("holder-1")
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	require.NotContains(t, string(payload), "张三")
	require.NotContains(t, string(payload), "oidc:demo")
	require.Contains(t, string(payload), session.ID)
}

func TestEachSignInIsASessionOfItsOwn(t *testing.T) {
	f := newFixture(t, key.SM2)
	_, _, err := f.service.SignIn(t.Context(), access.Session{Name: "nobody", Method: "oidc:demo"})
	require.Error(t, err)
	one, first := f.signIn("holder-1")
	two, second := f.signIn("holder-1")
	require.NotEqual(t, first.ID, second.ID)
	planted, chosen, err := f.service.SignIn(t.Context(), access.Session{ID: first.ID, Holder: "holder-2", Method: "oidc:demo", Expires: f.clock().AddDate(9, 0, 0)})
	require.NoError(t, err)
	require.NotEqual(t, first.ID, chosen.ID, "whoever signs in does not choose the id")
	require.Equal(t, f.clock().Add(8*time.Hour), chosen.Expires)

	require.NoError(t, f.service.SignOut(t.Context(), first.ID))
	status, w := f.bearer(one)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "session-ended", w.Code)
	for _, token := range []string{two, planted} {
		status, _ = f.bearer(token)
		require.Equal(t, http.StatusOK, status)
	}
}

// Ending a session in another process bites within a second; in this one at once.
func TestSessionEnds(t *testing.T) {
	f := newFixture(t, key.SM2)
	elsewhere := f.newService(us) // another process on the same record
	ended := func(token string) bool {
		status, w := f.bearer(token)
		if status == http.StatusOK {
			return false
		}
		require.Equal(t, http.StatusUnauthorized, status)
		require.Equal(t, "session-ended", w.Code)
		return true
	}
	token, session := f.signIn("holder-1")
	require.False(t, ended(token))
	require.NoError(t, elsewhere.SignOut(t.Context(), session.ID))
	f.wait(time.Second)
	require.True(t, ended(token))

	token, _ = f.signIn("holder-1")
	other, _ := f.signIn("holder-1")
	foreign, last := f.signIn("holder-2")
	require.False(t, ended(token) || ended(other) || ended(foreign))
	n, err := f.service.SignOutEverywhere(t.Context(), "holder-1")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.True(t, ended(token) && ended(other))
	require.False(t, ended(foreign))

	// Ended by somebody else in this process, who says so.
	require.NoError(t, elsewhere.SignOut(t.Context(), last.ID))
	require.False(t, ended(foreign), "remembered for a moment")
	f.service.Forget("holder-2")
	require.True(t, ended(foreign))
}

func TestStepUpIsSeenAtOnce(t *testing.T) {
	f := newFixture(t, key.SM2)
	token, session := f.signIn("holder-1")
	_, w := f.bearer(token)
	require.Zero(t, w.StepUp)
	require.NoError(t, f.service.StepUp(t.Context(), session.ID, f.clock()))
	_, w = f.bearer(token)
	require.Equal(t, f.clock(), w.StepUp)
	require.ErrorIs(t, f.service.StepUp(t.Context(), "another", f.clock()), access.ErrSessionEnded)
}

// A token that we signed, but not for this session or not for this person.
func TestSessionOfAnother(t *testing.T) {
	f := newFixture(t, key.SM2)
	_, session := f.signIn("holder-1")
	claims := func(sub, sid string) map[string]any {
		c := map[string]any{"iss": us, "aud": us, "sub": sub, "client_id": "pages", "scope": "wallet", "role": "person", "exp": f.clock().Add(time.Minute).Unix()}
		if sid != "" {
			c["sid"] = sid
		}
		return c
	}
	status, _ := f.bearer(f.own("at+jwt", claims("holder-1", session.ID)))
	require.Equal(t, http.StatusOK, status)
	for name, token := range map[string]string{
		"of another person": f.own("at+jwt", claims("holder-2", session.ID)),
		"of no session":     f.own("at+jwt", claims("holder-1", "")),
		"of one that never": f.own("at+jwt", claims("holder-1", "x")),
	} {
		t.Run(name, func(t *testing.T) {
			status, w := f.bearer(token)
			require.Equal(t, http.StatusUnauthorized, status)
			require.Contains(t, []string{"session-ended", "token-invalid"}, w.Code)
		})
	}
}

func TestSessionsDoNotPrint(t *testing.T) {
	s := access.Session{ID: "secret-id", Holder: "holder-1", Name: "张三", Method: "oidc:demo"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "session", s)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %s %d", s, s, s, s), log.String()} {
		require.NotContains(t, text, "secret-id")
		require.NotContains(t, text, "holder-1")
		require.NotContains(t, text, "张三")
		require.Contains(t, text, "oidc:demo")
	}
}
