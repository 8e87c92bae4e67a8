package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
	"github.com/showcard/showcard/wallet"
)

func appointment(id string) wallet.Appointment {
	return wallet.Appointment{
		ID: id, CompanyID: "c", PersonID: "p", Role: wallet.RoleAgent, By: "boss", ByAppointment: "above",
		Matters: []wallet.Matter{{Type: "business-licence", Views: []string{"identity"}, Purposes: []string{"tendering"}}},
		From:    durableStart, Until: durableStart.AddDate(0, 6, 0), State: wallet.Offered, CreatedAt: durableStart,
		PersonName: "张示例", NumberEnd: "002X", CompanyName: "样例公司",
	}
}

func durableAppointments(t *testing.T, open OpenDurable) {
	t.Run("kept", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		_, err := s.Appointment(ctx, "a")
		require.ErrorIs(t, err, wallet.ErrAppointmentUnknown)
		a := appointment("a")
		require.NoError(t, s.PutAppointment(ctx, a))
		other := appointment("a")
		other.PersonID = "q"
		require.ErrorIs(t, s.PutAppointment(ctx, other), wallet.ErrAppointmentExists)
		got, err := subject.Again(t).Appointment(ctx, "a")
		require.NoError(t, err)
		require.Equal(t, a, got)

		b := appointment("b")
		b.CompanyID, b.CreatedAt = "c2", durableStart.Add(time.Second)
		require.NoError(t, s.PutAppointment(ctx, b))
		of, err := s.AppointmentsOf(ctx, "p", 10)
		require.NoError(t, err)
		require.Equal(t, []wallet.Appointment{b, a}, of)
		in, err := s.AppointmentsIn(ctx, "c", 10)
		require.NoError(t, err)
		require.Equal(t, []wallet.Appointment{a}, in)
		// What is in use comes before any number of offers.
		at := durableStart.Add(time.Minute)
		require.NoError(t, s.ChangeAppointment(ctx, "a", []wallet.AppointmentState{wallet.Offered}, wallet.Accepted, "p", at))
		of, err = s.AppointmentsOf(ctx, "p", 1)
		require.NoError(t, err)
		require.Len(t, of, 1)
		require.Equal(t, "a", of[0].ID)
		require.Equal(t, at, of[0].AnsweredAt)
	})

	t.Run("changes", func(t *testing.T) {
		subject := openDurable(t, open)
		s, ctx := subject.Store, t.Context()
		again := subject.Again(t)
		live := []wallet.AppointmentState{wallet.Offered, wallet.Accepted}
		require.ErrorIs(t, s.ChangeAppointment(ctx, "none", live, wallet.Removed, "boss", durableStart), wallet.ErrAppointmentUnknown)
		require.NoError(t, s.PutAppointment(ctx, appointment("a")))
		require.Error(t, s.ChangeAppointment(ctx, "a", live, wallet.Offered, "boss", durableStart))
		require.NoError(t, s.ChangeAppointment(ctx, "a", live, wallet.Removed, "boss", durableStart.Add(time.Hour)))
		got, err := again.Appointment(ctx, "a") // in another process, at once
		require.NoError(t, err)
		require.Equal(t, wallet.Removed, got.State)
		require.Equal(t, durableStart.Add(time.Hour), got.EndedAt)
		require.ErrorIs(t, again.ChangeAppointment(ctx, "a", []wallet.AppointmentState{wallet.Offered}, wallet.Accepted, "p", durableStart), wallet.ErrAppointmentOver)

		// One of accept and remove wins in the end: removed is the last word whoever is first.
		require.NoError(t, s.PutAppointment(ctx, appointment("b")))
		var wg sync.WaitGroup
		var accepted, removed error
		wg.Go(func() {
			accepted = s.ChangeAppointment(ctx, "b", []wallet.AppointmentState{wallet.Offered}, wallet.Accepted, "p", durableStart)
		})
		wg.Go(func() { removed = again.ChangeAppointment(ctx, "b", live, wallet.Removed, "boss", durableStart) })
		wg.Wait()
		require.NoError(t, removed)
		require.True(t, accepted == nil || errors.Is(accepted, wallet.ErrAppointmentOver))
		got, err = s.Appointment(ctx, "b")
		require.NoError(t, err)
		require.Equal(t, wallet.Removed, got.State)
	})

	t.Run("licences", func(t *testing.T) {
		s, ctx := openDurable(t, open).Store, t.Context()
		r, err := s.Reserve(ctx, "register", nil, 1)
		require.NoError(t, err)
		row := schemas.Row{
			Key: "l", Type: "business-licence", Holder: schemas.HolderRef{Type: "001", Number: "91110000100000000X", Name: "样例公司"}, ValidFrom: "2020-01-01", ValidUntil: "2030-12-31",
			Representatives: []schemas.HolderRef{{Type: "111", Number: "11010519491231002X", Name: "张示例"}},
		}
		_, err = s.Commit(ctx, issuer.Batch{Authority: "register", Certificates: []issuer.NewCertificate{{
			Certificate:       issuer.Certificate{Identifier: "licence", TypeVer: 1, HolderID: "company", Row: row, Credential: "x", State: issuer.Valid, Slot: issuer.Slot{List: r.List, Index: r.Counters[0]}},
			RepresentativeIDs: []string{"boss"},
		}}})
		require.NoError(t, err)
		got, err := s.Licences(ctx, "boss")
		require.NoError(t, err)
		require.Equal(t, []wallet.Licence{{Identifier: "licence", CompanyID: "company", CompanyName: "样例公司", ValidFrom: "2020-01-01", ValidUntil: "2030-12-31",
			Representatives: row.Representatives}}, got)
		got, err = s.Licences(ctx, "stranger")
		require.NoError(t, err)
		require.Empty(t, got)
		_, err = s.ChangeState(ctx, issuer.Change{Authority: "register", Identifier: "licence", From: []issuer.State{issuer.Valid}, To: issuer.Revoked, At: durableStart})
		require.NoError(t, err)
		got, err = s.Licences(ctx, "boss")
		require.NoError(t, err)
		require.Empty(t, got)
	})
}
