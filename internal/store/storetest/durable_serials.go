package storetest

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

// serialsOfCompany gives codes of a company's certificates to its people, and takes the right from each.
func serialsOfCompany(t *testing.T, open OpenDurable) {
	for name, tc := range map[string]struct {
		do   func(s DurableStore, ctx context.Context, licence issuer.NewCertificate) error
		gone []string
	}{
		"an agent is removed": {func(s DurableStore, ctx context.Context, _ issuer.NewCertificate) error {
			return s.ChangeAppointment(ctx, "of-agent", []wallet.AppointmentState{wallet.Accepted}, wallet.Removed, "boss", durableStart)
		}, []string{"agent"}},
		"an administrator leaves": {func(s DurableStore, ctx context.Context, _ issuer.NewCertificate) error {
			return s.ChangeAppointment(ctx, "of-admin", []wallet.AppointmentState{wallet.Accepted}, wallet.Left, "admin", durableStart)
		}, []string{"boss", "admin", "agent"}},
		"an offer is declined": {func(s DurableStore, ctx context.Context, _ issuer.NewCertificate) error {
			a := appointment("offer")
			a.CompanyID, a.PersonID = "firm", "agent"
			if err := s.PutAppointment(ctx, a); err != nil {
				return err
			}
			return s.ChangeAppointment(ctx, "offer", []wallet.AppointmentState{wallet.Offered}, wallet.Declined, "agent", durableStart)
		}, nil},
		"the licence is suspended": {func(s DurableStore, ctx context.Context, licence issuer.NewCertificate) error {
			_, err := s.ChangeState(ctx, change(licence, issuer.Suspended, issuer.Valid))
			return err
		}, nil}, // it goes on naming them
		"the licence ends, in bulk": {func(s DurableStore, ctx context.Context, licence issuer.NewCertificate) error {
			_, err := s.Commit(ctx, issuer.Batch{Authority: "hunan-police", Changes: []issuer.BulkChange{{Change: change(licence, issuer.Cancelled, issuer.Valid), Line: 1}}})
			return err
		}, []string{"boss", "admin", "agent"}},
		"the licence ends": {func(s DurableStore, ctx context.Context, licence issuer.NewCertificate) error {
			_, err := s.ChangeState(ctx, change(licence, issuer.Revoked, issuer.Valid))
			return err
		}, []string{"boss", "admin", "agent"}},
		"an administrator is erased": {func(s DurableStore, ctx context.Context, _ issuer.NewCertificate) error {
			if err := s.PrepareErasure(ctx, "admin", "token", durableStart.Add(time.Minute)); err != nil {
				return err
			}
			_, err := s.Erase(ctx, "admin", "token", durableStart)
			return err
		}, []string{"boss", "admin", "agent"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, ctx := openDurable(t, open).Store, t.Context()
			licence, van, other := person("licence", "firm"), person("van", "firm"), person("other", "firm-2")
			licence.RepresentativeIDs = []string{"boss"}
			store(t, s, licence, van, other)
			for id, role := range map[string]string{"admin": wallet.RoleAdministrator, "agent": wallet.RoleAgent} {
				a := appointment("of-" + id)
				a.CompanyID, a.PersonID, a.Role = "firm", id, role
				require.NoError(t, s.PutAppointment(ctx, a))
				require.NoError(t, s.ChangeAppointment(ctx, a.ID, []wallet.AppointmentState{wallet.Offered}, wallet.Accepted, id, durableStart))
			}
			given := map[string][]wallet.Serial{}
			for _, who := range []string{"boss", "admin", "agent"} {
				withDevice(t, s, who)
				w := stockOf("van-"+who, who, van, 2)
				require.NoError(t, s.PutStock(ctx, w, 10))
				given[who] = w.Serials
			}
			elsewhere := stockOf("elsewhere", "agent", other, 1)
			require.NoError(t, s.PutStock(ctx, elsewhere, 10))
			require.NoError(t, tc.do(s, ctx, licence))
			var gone []wallet.Serial
			for _, who := range tc.gone {
				gone = append(gone, given[who]...)
			}
			require.ElementsMatch(t, gone, revoked(t, s))
			require.Contains(t, standing(t, s, "agent"), elsewhere.Serials[0], "another company's")
		})
	}
}

// serialsAtOnce gives codes in two processes while devices are killed, certificates suspended and people
// signed out. In the end each serial that was given is revoked once, and whoever follows the sequence
// meanwhile sees no number before the one in front of it.
func serialsAtOnce(t *testing.T, open OpenDurable) {
	subject := openDurable(t, open)
	ctx := background(t)
	stores := []DurableStore{subject.Store, subject.Again(t)}
	const people = 9
	certificates := make([]issuer.NewCertificate, people)
	for i := range certificates {
		certificates[i] = person(numbered("row-", i), numbered("p", i))
	}
	store(t, stores[0], certificates...)
	for _, c := range certificates {
		withDevice(t, stores[0], c.HolderID)
	}
	var mu sync.Mutex
	var given []wallet.Serial
	done := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() {
		for after := uint64(0); ; {
			_, page, err := stores[1].RevokedSerials(ctx, after, durableStart, 5)
			if err != nil {
				t.Error(err)
				return
			}
			for _, r := range page {
				if r.Seq != after+1 {
					t.Errorf("%d after %d", r.Seq, after)
				}
				after = r.Seq
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	together(2*people, func(i int) {
		c, s := certificates[i/2], stores[i/2%2]
		if i%2 == 0 {
			for j := range 6 {
				w := stockOf(c.HolderID+"-"+strconv.Itoa(j), c.HolderID, c, 2)
				if err := s.PutStock(ctx, w, 100); err != nil {
					return // it is over
				}
				mu.Lock()
				given = append(given, w.Serials...)
				mu.Unlock()
			}
			return
		}
		var err error
		switch s = stores[(i/2+1)%2]; i / 2 % 3 {
		case 0:
			_, err = s.KillDevices(ctx, kill(c.HolderID, "d-"+c.HolderID))
		case 1:
			_, err = s.ChangeState(ctx, change(c, issuer.Suspended, issuer.Valid))
		case 2:
			_, err = s.EndSessions(ctx, c.HolderID)
		}
		if err != nil {
			t.Error(err)
		}
	})
	close(done)
	following.Wait()
	require.ElementsMatch(t, given, revoked(t, stores[0]))
	for _, c := range certificates {
		require.Empty(t, standing(t, stores[1], c.HolderID))
	}
}
