package registry_test

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/registry"
)

// Fresh moves with every look at the store that shows what is in force, and stands still while
// the store cannot be seen or is not to be believed.
func TestFresh(t *testing.T) {
	f := newFixture(t)
	shared := f.store()
	writer := f.filled(shared)
	store := &edited{Store: shared}
	r := f.open(store)
	require.Equal(t, start, r.Fresh())

	f.clock.add(time.Second)
	require.Equal(t, start, r.Fresh())
	require.NoError(t, registry.Follow(r, t.Context()))
	require.Equal(t, start.Add(time.Second), r.Fresh(), "nothing new, and known to be so")

	f.clock.add(time.Second)
	require.NoError(t, writer.Freeze(t.Context(), "operator", "stolen", registry.Freeze{Kind: "client", ID: "counter-1", Frozen: true}))
	require.Equal(t, start.Add(2*time.Second), writer.Fresh(), "who writes has seen")
	require.NoError(t, registry.Follow(r, t.Context()))
	require.Equal(t, start.Add(2*time.Second), r.Fresh())
	c, err := r.Client("counter-1")
	require.NoError(t, err)
	require.True(t, c.Suspended)

	f.clock.add(time.Second)
	store.edit = func(s *registry.Snapshot) { s.Revision++ }
	require.ErrorIs(t, registry.Follow(r, t.Context()), registry.ErrTampered)
	require.Equal(t, start.Add(2*time.Second), r.Fresh(), "not to be believed")
	store.edit = nil
	require.NoError(t, registry.Follow(r, t.Context()))
	require.Equal(t, start.Add(3*time.Second), r.Fresh())

	f.clock.add(-time.Hour)
	require.NoError(t, registry.Follow(r, t.Context()))
	require.Equal(t, start.Add(3*time.Second), r.Fresh(), "never backwards")
}

func TestClientCertificates(t *testing.T) {
	f := newFixture(t)
	r := f.filled(f.store())
	sum := sha256.Sum256([]byte("certificate"))
	thumbprint := base64.RawURLEncoding.EncodeToString(sum[:])
	put := func(id string, certificates ...string) error {
		c := f.client(id)
		c.Keys, c.Certificates = nil, certificates
		return r.Update(t.Context(), "test", "test", func(d *registry.Draft) error {
			d.PutClient(c)
			return nil
		})
	}
	require.ErrorIs(t, put("machine"), registry.ErrInvalid, "neither key nor certificate")
	for _, bad := range []string{"", "x", thumbprint + "=", thumbprint[:42] + "Z", base64.StdEncoding.EncodeToString(sum[:]), thumbprint + thumbprint} {
		require.ErrorIs(t, put("machine", bad), registry.ErrInvalid, bad)
	}
	require.NoError(t, put("machine", thumbprint))
	require.ErrorIs(t, put("other", thumbprint), registry.ErrInvalid, "it would speak for two")
	c, err := f.open(f.store()).Client("machine")
	require.NoError(t, err)
	require.Equal(t, []string{thumbprint}, c.Certificates)
	require.Empty(t, c.Keys)
}
