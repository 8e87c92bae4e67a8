package verifier_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/receipt"
	"github.com/showcard/showcard/verifier"
)

func (s *service) checked() *verifier.Answer {
	s.t.Helper()
	a, err := s.Check(s.t.Context(), bank, s.presented(identifier))
	require.NoError(s.t, err)
	require.Equal(s.t, verifier.Valid, a.Outcome, a.Reasons)
	return a
}

func TestSamePerson(t *testing.T) {
	s := newService(t)
	s.original()
	first := s.checked()
	s.now = s.now.Add(10 * time.Second)
	a, err := s.Person(t.Context(), bank, first.ID, true)
	require.NoError(t, err)
	require.Equal(t, verifier.Valid, a.Outcome)
	require.Equal(t, verifier.Passed, a.Person.State)
	require.Equal(t, "clerk", a.Person.Method)
	require.True(t, a.Person.At.Equal(s.now))
	require.Equal(t, first.Claims, a.Claims)

	again, err := s.Person(t.Context(), bank, first.ID, true)
	require.NoError(t, err)
	require.Equal(t, a, again, "the same word is the same answer")
	_, err = s.Person(t.Context(), bank, first.ID, false)
	require.ErrorIs(t, err, verifier.ErrPersonRecorded)
	a, err = s.Await(t.Context(), bank, first.ID, nil)
	require.NoError(t, err)
	require.Equal(t, again, a)

	// What she showed is kept for a minute, the word as long as the record.
	s.now = s.now.Add(time.Minute)
	a, err = s.Person(t.Context(), bank, first.ID, true)
	require.NoError(t, err)
	require.Nil(t, a.Claims)
	require.Equal(t, verifier.Valid, a.Outcome)
	require.Equal(t, again.Person, a.Person)
	for _, state := range []verifier.State{a.Signature.State, a.Issuer.State, a.Validity.State, a.Holder.State} {
		require.Equal(t, verifier.Passed, state)
	}
	require.Equal(t, again.Status.AsOf.Unix(), a.Status.AsOf.Unix())
	require.Equal(t, again.Holder.Bound, a.Holder.Bound)
	require.Equal(t, again.Issuer.Authority, a.Issuer.Authority)
	s.now = s.now.Add(time.Hour)
	_, err = s.Person(t.Context(), bank, first.ID, true)
	require.NoError(t, err, "the same word, lost on its way")
}

func TestNotTheSamePerson(t *testing.T) {
	s := newService(t)
	s.original()
	first := s.checked()
	before, _, err := s.Receipt(t.Context(), bank, first.ID)
	require.NoError(t, err)
	s.now = s.now.Add(2 * time.Minute)
	a, err := s.Person(t.Context(), bank, first.ID, false)
	require.NoError(t, err)
	require.Equal(t, verifier.Invalid, a.Outcome)
	require.Equal(t, []string{verifier.CodePersonNotSame}, a.Reasons)
	require.Equal(t, verifier.Check{State: verifier.Failed, Reason: verifier.CodePersonNotSame}, a.Person.Check)
	require.Equal(t, verifier.Passed, a.Signature.State, "that was not what was wrong")

	v, err := s.store.ByID(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, "invalid", v.Outcome)
	require.Equal(t, "valid", v.Found)
	after, _, err := s.Receipt(t.Context(), bank, first.ID)
	require.NoError(t, err)
	one, two := said(t, before), said(t, after)
	require.Equal(t, "valid", one.Outcome, "what was given out stays what it was")
	require.Equal(t, "invalid", two.Outcome)
	require.Equal(t, []string{verifier.CodePersonNotSame}, two.Reasons)
	require.Equal(t, &receipt.Person{State: "failed", Method: "clerk", At: s.now.Unix()}, two.Person)
	require.Equal(t, one.Fields, two.Fields)
	require.NotEqual(t, one.Digest(), two.Digest())
}

// said is what a receipt says; that it is signed well, other tests look at.
func said(t *testing.T, text string) *receipt.Receipt {
	t.Helper()
	part := strings.Split(text, ".")
	require.Len(t, part, 3)
	payload, err := base64.RawURLEncoding.DecodeString(part[1])
	require.NoError(t, err)
	var r receipt.Receipt
	require.NoError(t, json.Unmarshal(payload, &r))
	return &r
}

func TestPersonIsRefused(t *testing.T) {
	s := newService(t)
	s.original()
	first := s.checked()
	for name, c := range map[string]struct {
		caller verifier.Caller
		id     string
		want   error
	}{
		"another client of the party": {verifier.Caller{Client: "other", Party: party}, first.ID, verifier.ErrNoRecord},
		"another party":               {verifier.Caller{Client: "other", Party: "hall"}, first.ID, verifier.ErrNoRecord},
		"no such check":               {bank, "nothing", verifier.ErrNoRecord},
	} {
		_, err := s.Person(t.Context(), c.caller, c.id, true)
		require.ErrorIs(t, err, c.want, name)
	}
	s.may.Suspended = true
	_, err := s.Person(t.Context(), bank, first.ID, true)
	require.ErrorIs(t, err, verifier.ErrPartySuspended)
	s.may.Suspended = false
	s.now = s.now.Add(5*time.Minute + time.Second)
	_, err = s.Person(t.Context(), bank, first.ID, true)
	require.ErrorIs(t, err, verifier.ErrPersonLate)

	// Who said so with the check has said it.
	req := s.presented(identifier)
	req.ClerkCompared = true
	a, err := s.Check(t.Context(), bank, req)
	require.NoError(t, err)
	_, err = s.Person(t.Context(), bank, a.ID, false)
	require.ErrorIs(t, err, verifier.ErrPersonRecorded)
	again, err := s.Person(t.Context(), bank, a.ID, true)
	require.NoError(t, err)
	require.Equal(t, "clerk", again.Person.Method)
}

// Two words at once: one stands, and both hear of it.
func TestTwoWordsAtOnce(t *testing.T) {
	s := newService(t)
	s.original()
	for range 8 {
		first := s.checked()
		var errs [2]error
		var answers [2]*verifier.Answer
		var both sync.WaitGroup
		for i := range 2 {
			both.Go(func() { answers[i], errs[i] = s.Person(context.WithoutCancel(t.Context()), bank, first.ID, i == 0) })
		}
		both.Wait()
		won := 0
		if errs[0] != nil {
			won = 1
		}
		require.NoError(t, errs[won])
		require.ErrorIs(t, errs[1-won], verifier.ErrPersonRecorded)
		v, err := s.store.ByID(t.Context(), first.ID)
		require.NoError(t, err)
		require.Equal(t, won == 0, v.PersonSame)
		require.Equal(t, string(answers[won].Outcome), v.Outcome)
	}
}
