package storetest

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/internal/access"
	"github.com/showcard/showcard/wallet"
)

func deviceOf(t *testing.T, id, person string) wallet.Device {
	t.Helper()
	k, err := key.Generate(key.ES256)
	require.NoError(t, err)
	return wallet.Device{ID: id, PersonID: person, Key: k.Public(), Name: "我的手机", Session: "session-" + person, CreatedAt: durableStart}
}

// signedIn opens the session in which deviceOf registers.
func signedIn(t *testing.T, s DurableStore, person string) {
	t.Helper()
	require.NoError(t, s.OpenSession(t.Context(), session("session-"+person, person)))
}

func kill(person, id string) wallet.DeviceKill {
	return wallet.DeviceKill{ID: id, PersonID: person, By: wallet.KilledByHolder, Actor: "person:" + person, At: durableStart.Add(time.Hour)}
}

func durableDevices(t *testing.T, open OpenDurable) {
	t.Run("kept and killed", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		a := deviceOf(t, "a", "p")
		require.ErrorIs(t, s.AddDevice(ctx, a, 2), wallet.ErrSessionOver)
		signedIn(t, s, "p")
		signedIn(t, s, "q")
		foreign := a
		foreign.PersonID = "q"
		require.ErrorIs(t, s.AddDevice(ctx, foreign, 2), wallet.ErrSessionOver, "of another person's session")
		require.NoError(t, s.AddDevice(ctx, a, 2))
		foreign.ID, foreign.Session = "z", "session-q"
		require.ErrorIs(t, s.AddDevice(ctx, foreign, 2), wallet.ErrDeviceExists)
		b := deviceOf(t, "b", "p")
		b.CreatedAt = durableStart.Add(time.Second)
		sm2, err := key.Generate(key.SM2)
		require.NoError(t, err)
		b.Key = sm2.Public()
		require.NoError(t, s.AddDevice(ctx, b, 2))
		require.ErrorIs(t, s.AddDevice(ctx, deviceOf(t, "c", "p"), 2), wallet.ErrDeviceLimit)
		got, err := subject.Again(t).Devices(ctx, "p")
		require.NoError(t, err)
		require.Len(t, got, 2)
		for i, want := range []wallet.Device{a, b} {
			require.True(t, want.Key.Equal(got[i].Key))
			want.Key, got[i].Key = nil, nil
			require.Equal(t, want, got[i])
		}

		for _, k := range []wallet.DeviceKill{kill("q", "a"), kill("p", "none"), kill("", "none"), kill("", "")} {
			_, err = s.KillDevices(ctx, k)
			require.ErrorIs(t, err, wallet.ErrDeviceUnknown)
		}
		n, err := s.KillDevices(ctx, kill("p", "a"))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		n, err = s.KillDevices(ctx, kill("p", "a"))
		require.NoError(t, err)
		require.Zero(t, n, "it was dead")
		got, err = s.Devices(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, durableStart.Add(time.Hour), got[0].KilledAt)
		require.Equal(t, wallet.KilledByHolder, got[0].KilledBy)
		require.Zero(t, got[1].KilledAt)
		again := a
		again.ID = "again"
		require.ErrorIs(t, s.AddDevice(ctx, again, 2), wallet.ErrDeviceExists, "a killed key does not come back")
		require.NoError(t, s.AddDevice(ctx, deviceOf(t, "c", "p"), 2), "the dead make room")

		// An operator kills one of whoever has it, or all.
		n, err = s.KillDevices(ctx, wallet.DeviceKill{ID: "b", By: wallet.KilledByOperator, Actor: "op", Reason: "lost", At: durableStart})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.NoError(t, s.AddDevice(ctx, deviceOf(t, "d", "p"), 2))
		n, err = s.KillDevices(ctx, wallet.DeviceKill{PersonID: "p", By: wallet.KilledByOperator, Actor: "op", Reason: "lost", At: durableStart})
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.NoError(t, s.RefusedDevice(ctx, "p", "proof"))

		swept, err := s.SweepDevices(ctx, durableStart.Add(time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 3, swept, "the one that was killed later stays")
		got, err = s.Devices(ctx, "p")
		require.NoError(t, err)
		require.Len(t, got, 1)
	})

	t.Run("signed out", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		for _, id := range []string{"s1", "s2", "s3"} {
			require.NoError(t, s.OpenSession(ctx, session(id, "p")))
		}
		for i, in := range []string{"s1", "s2", "s3"} {
			d := deviceOf(t, "d"+strconv.Itoa(i+1), "p")
			d.Session = in
			require.NoError(t, s.AddDevice(ctx, d, 9))
		}
		signedIn(t, s, "q")
		require.NoError(t, s.AddDevice(ctx, deviceOf(t, "other", "q"), 9))
		living := func() (ids []string) {
			for _, person := range []string{"p", "q"} {
				all, err := s.Devices(ctx, person)
				require.NoError(t, err)
				for _, d := range all {
					if d.KilledAt.IsZero() {
						ids = append(ids, d.ID)
					} else {
						require.Equal(t, wallet.KilledBySignOut, d.KilledBy)
					}
				}
			}
			return ids
		}
		require.NoError(t, s.EndSession(ctx, "s2"))
		require.Equal(t, []string{"d1", "d3", "other"}, living())
		n, err := s.EndSessions(ctx, "p")
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Equal(t, []string{"other"}, living())
	})

	t.Run("at once", func(t *testing.T) {
		subject := openDurable(t, open)
		ctx := background(t)
		signedIn(t, subject.Store, "p")
		stores := []DurableStore{subject.Store, subject.Again(t)}
		// One key, told twice.
		same := deviceOf(t, "", "p")
		var fates tally
		together(8, func(i int) {
			d := same
			d.ID = "same-" + strconv.Itoa(i)
			fates.add(fmt.Sprint(stores[i%2].AddDevice(ctx, d, 100)))
		})
		require.Equal(t, map[string]int{"<nil>": 1, wallet.ErrDeviceExists.Error(): 7}, fates.counts)
		// Two more, of eight that want to be.
		fates = tally{}
		more := make([]wallet.Device, 8)
		for i := range more {
			more[i] = deviceOf(t, "more-"+strconv.Itoa(i), "p")
		}
		together(8, func(i int) { fates.add(fmt.Sprint(stores[i%2].AddDevice(ctx, more[i], 3))) })
		require.Equal(t, map[string]int{"<nil>": 2, wallet.ErrDeviceLimit.Error(): 6}, fates.counts)
	})

	// A device that registers while she signs out everywhere is refused, or dead.
	t.Run("registered while signed out", func(t *testing.T) {
		subject := openDurable(t, open)
		ctx := background(t)
		stores := []DurableStore{subject.Store, subject.Again(t)}
		for i := range 12 {
			person := numbered("p", i)
			signedIn(t, stores[0], person)
			d := deviceOf(t, "d-"+person, person)
			together(2, func(j int) {
				if j == 0 {
					_ = stores[0].AddDevice(ctx, d, 9)
				} else if _, err := stores[1].EndSessions(ctx, person); err != nil {
					t.Error(err)
				}
			})
			all, err := stores[0].Devices(ctx, person)
			require.NoError(t, err)
			for _, d := range all {
				require.NotZero(t, d.KilledAt)
			}
			_, err = stores[1].Session(ctx, "session-"+person)
			require.ErrorIs(t, err, access.ErrSessionEnded)
		}
	})
}
