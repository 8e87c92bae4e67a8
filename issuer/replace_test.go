package issuer_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

func TestReplace(t *testing.T) {
	f := newFixture(t)
	old := f.issueOne("k1")
	next := licence(t)
	next.Key, next.Claims["address"] = "k2", "湖南省长沙市岳麓区新虚构路1号"
	out, err := f.Replace(t.Context(), order(police), old.Identifier, next)
	require.NoError(t, err)
	was, err := schemas.ParseIdentifier(old.Identifier)
	require.NoError(t, err)
	is, err := schemas.ParseIdentifier(out.Identifier)
	require.NoError(t, err)
	require.Equal(t, was.Next(), is)
	require.Equal(t, 2, is.Version())

	c := f.certificate(old.Identifier)
	require.Equal(t, issuer.Lapsed, c.State)
	require.Equal(t, out.Identifier, c.ReplacedBy)
	status, _, known := f.lookup(c.Slot)
	require.True(t, known)
	require.EqualValues(t, 1, status, "the old version is out at once")

	again, err := f.Replace(t.Context(), order(police), old.Identifier, next)
	require.NoError(t, err)
	require.True(t, again.Existing)
	require.Equal(t, out.Identifier, again.Identifier)

	other := next
	other.Key = "k3"
	_, err = f.Replace(t.Context(), order(police), old.Identifier, other)
	require.Equal(t, issuer.CodeReplacedAlready, refusal(t, err)[0].Code)

	// A key that stands for a certificate which replaced nothing is no replacement.
	plain := f.issueOne("k4")
	r := licence(t)
	r.Key = "k4"
	_, err = f.Replace(t.Context(), order(police), out.Identifier, r)
	require.Equal(t, issuer.CodeRowKeyReused, refusal(t, err)[0].Code)

	stranger := row(t, "vehicle-licence")
	stranger.Key = "k5"
	_, err = f.Replace(t.Context(), order(police), plain.Identifier, stranger)
	require.Equal(t, issuer.CodeReplaceContradict, refusal(t, err)[0].Code)

	_, err = f.Suspend(t.Context(), issuer.StateChange{Authority: police, Identifier: plain.Identifier})
	require.NoError(t, err)
	r.Key = "k6"
	_, err = f.Replace(t.Context(), order(police), plain.Identifier, r)
	require.ErrorIs(t, err, issuer.ErrTransition)
	_, err = f.End(t.Context(), issuer.StateChange{Authority: police, Identifier: plain.Identifier}, issuer.Revoked)
	require.NoError(t, err)
	_, err = f.Replace(t.Context(), order(police), plain.Identifier, r)
	require.Equal(t, issuer.CodeStateRefused, refusal(t, err)[0].Code)
	_, err = f.Replace(t.Context(), order(market), out.Identifier, r)
	require.ErrorIs(t, err, issuer.ErrUnknown)
}

// Two clerks replace the same certificate: one of them does.
func TestReplaceRace(t *testing.T) {
	f := newFixture(t)
	old := f.issueOne("k1")
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		r := licence(t)
		r.Key = fmt.Sprintf("r%d", i)
		wg.Go(func() { _, errs[i] = f.Replace(t.Context(), order(police), old.Identifier, r) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			require.Equal(t, issuer.CodeReplacedAlready, refusal(t, err)[0].Code)
		}
	}
	require.Equal(t, 1, won)
}
