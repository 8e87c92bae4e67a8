package bundles_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/bundle"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/crypto/statuslist"
	"github.com/showcard/showcard/internal/bundles"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/wallet"
)

// record is the tables that bundles are made of: cmd/showcard tests it with the real ones.
type record struct {
	lists   map[string]*[]issuer.StatusChange
	swept   uint64 // changes up to that number are gone
	size    uint64
	serials []wallet.RevokedSerial
	asked   []string
	failing error
}

func (r *record) Lists(context.Context) ([]issuer.ListHead, error) {
	var out []issuer.ListHead
	for name, changes := range r.lists {
		out = append(out, issuer.ListHead{Name: name, Size: r.size, Seq: uint64(len(*changes))})
	}
	return out, r.failing
}

func (r *record) Changes(_ context.Context, list string, after uint64, limit int) ([]issuer.StatusChange, error) {
	r.asked = append(r.asked, "changes")
	all := (*r.lists[list])[max(after, r.swept):]
	return all[:min(limit, len(all))], r.failing
}

func (r *record) Snapshot(_ context.Context, list string) (issuer.ListHead, []issuer.StatusChange, error) {
	r.asked = append(r.asked, "snapshot")
	now := map[uint64]statuslist.Status{}
	for _, c := range *r.lists[list] {
		now[c.Index] = c.Status
	}
	var out []issuer.StatusChange
	for i, s := range now {
		if s != 0 {
			out = append(out, issuer.StatusChange{Index: i, Status: s})
		}
	}
	return issuer.ListHead{Name: list, Size: r.size, Seq: uint64(len(*r.lists[list]))}, out, r.failing
}

func (r *record) RevokedSerials(_ context.Context, after uint64, _ time.Time, limit int) (uint64, []wallet.RevokedSerial, error) {
	i, _ := slices.BinarySearchFunc(r.serials, after+1, func(s wallet.RevokedSerial, n uint64) int { return int(s.Seq) - int(n) })
	page := r.serials[i:]
	return uint64(len(r.serials)), page[:min(limit, len(page))], r.failing
}

func (r *record) change(list string, index uint64, s statuslist.Status) {
	all := r.lists[list]
	*all = append(*all, issuer.StatusChange{Seq: uint64(len(*all)) + 1, Index: index, Status: s})
}

func (r *record) revoke(n int) {
	for range n {
		seq := uint64(len(r.serials)) + 1
		r.serials = append(r.serials, wallet.RevokedSerial{Seq: seq, Serial: wallet.Serial(fmt.Appendf(nil, "%08d", seq)), ExpiresAt: time.Unix(1800003600, 0)})
	}
}

type office struct {
	t     *testing.T
	rec   *record
	maker *bundles.Maker
	key   *key.Private
	list  int64
}

func newOffice(t *testing.T) *office {
	k, err := key.Generate(key.SM2)
	require.NoError(t, err)
	o := &office{t: t, key: k, list: 4, rec: &record{size: 1000, lists: map[string]*[]issuer.StatusChange{"1": {}, "2": {}}}}
	o.maker, err = bundles.New(bundles.Config{Issuer: "https://a.example", Statuses: o.rec, Serials: o.rec, Signer: func() (key.Signer, error) { return k, nil },
		Trust: func() (string, int64) { return fmt.Sprint("list ", o.list), o.list },
		Roots: func(v int64) ([]byte, error) {
			if v > 3 {
				return nil, errors.New("none")
			}
			return fmt.Append(nil, "roots ", v), nil
		}, Now: func() time.Time { return time.Unix(1800000000, 5e8) }})
	require.NoError(t, err)
	return o
}

func (o *office) make(r bundles.Request) *bundle.Bundle {
	o.t.Helper()
	o.rec.asked = nil
	data, err := o.maker.Make(o.t.Context(), r)
	require.NoError(o.t, err)
	u, err := bundle.Parse(data)
	require.NoError(o.t, err)
	b, err := u.Verify(o.key.Public())
	require.NoError(o.t, err)
	return b
}

func TestMake(t *testing.T) {
	o := newOffice(t)
	o.rec.change("1", 7, statuslist.Invalid)
	o.rec.change("1", 9, statuslist.Suspended)
	o.rec.revoke(25_000) // more than a page
	b := o.make(bundles.Request{Statuses: bundles.All})
	require.Equal(t, time.Unix(1800000000, 0), b.IssuedAt, "not after what was read")
	require.Equal(t, &bundle.Trust{List: "list 4", Roots: [][]byte{[]byte("roots 2"), []byte("roots 3")}}, b.Trust)
	require.EqualValues(t, 25_000, b.Serials.Head)
	require.Len(t, b.Serials.Revoked, 25_000)
	require.Equal(t, map[string]bundle.List{"1": {Seq: 2, Size: 1000, Sets: [4][]uint32{nil, {7}, {9}, nil}}, "2": {Size: 1000}}, b.Lists)
	state, err := (&bundle.State{}).Apply(b)
	require.NoError(t, err)

	// Nothing new costs no list.
	have := bundles.Request{Roots: 3, List: 4, Serials: state.Head(), Statuses: bundles.All, Lists: state.Lists()}
	have.Lists["2"] = 0
	b = o.make(have)
	require.Nil(t, b.Trust)
	require.Empty(t, b.Serials.Revoked)
	require.Equal(t, bundle.List{From: 2, Seq: 2, Size: 1000}, b.Lists["1"])
	require.Empty(t, o.rec.asked)

	// Changes, for who has some; the last one of an entry counts.
	o.rec.change("1", 7, statuslist.Valid)
	o.rec.change("1", 8, statuslist.Suspended)
	o.rec.change("1", 8, statuslist.Invalid)
	o.rec.revoke(1)
	o.list = 5
	b = o.make(have)
	require.Equal(t, &bundle.Trust{List: "list 5", Roots: [][]byte{}}, b.Trust)
	require.Equal(t, bundle.List{From: 2, Seq: 5, Size: 1000, Sets: [4][]uint32{{7}, {8}, nil, nil}}, b.Lists["1"])
	require.Len(t, b.Serials.Revoked, 1)
	next, err := state.Apply(b)
	require.NoError(t, err)
	require.True(t, next.Revoked(sdcwt.Serial([]byte("00025001"))))

	// Whole, for who has none: what was read before goes on by its changes, and is not read again.
	b = o.make(bundles.Request{Statuses: bundles.Named, Lists: map[string]uint64{"1": 0}})
	require.Equal(t, map[string]bundle.List{"1": {Seq: 5, Size: 1000, Sets: [4][]uint32{nil, {8}, {9}, nil}}}, b.Lists)
	require.Equal(t, []string{"changes"}, o.rec.asked)
	require.Empty(t, o.make(bundles.Request{Statuses: bundles.None}).Lists)
	require.Empty(t, o.rec.asked)

	// Changes that are not kept any more.
	o.rec.change("1", 1, statuslist.Invalid)
	o.rec.change("1", 2, statuslist.Invalid)
	o.rec.swept = 6
	b = o.make(have)
	require.Equal(t, bundle.List{Seq: 7, Size: 1000, Sets: [4][]uint32{nil, {1, 2, 8}, {9}, nil}}, b.Lists["1"])
	require.Equal(t, []string{"changes", "changes", "snapshot"}, o.rec.asked)

	// More than was ever given out: another record, or a lie. All of it; the checker says rolled back.
	b = o.make(bundles.Request{Serials: 1 << 40, Statuses: bundles.Named, Lists: map[string]uint64{"1": 1 << 40}})
	require.Zero(t, b.Serials.From)
	require.Zero(t, b.Lists["1"].From)

	_, err = o.maker.Make(t.Context(), bundles.Request{Statuses: bundles.All, Lists: map[string]uint64{"3": 0}})
	require.ErrorIs(t, err, bundles.ErrNames)
	o.rec.size = bundle.MaxEntries
	_, err = o.maker.Make(t.Context(), bundles.Request{Statuses: bundles.All})
	require.ErrorIs(t, err, bundle.ErrTooLarge)
	o.rec.failing = errors.New("database away")
	_, err = o.maker.Make(t.Context(), bundles.Request{Statuses: bundles.None})
	require.ErrorIs(t, err, o.rec.failing)
	_, err = bundles.New(bundles.Config{})
	require.Error(t, err)
}

// A list that moves on by more than a bundle says in changes is sent whole.
func TestMakeMuch(t *testing.T) {
	o := newOffice(t)
	o.rec.size = 100_000
	for i := range uint64(30_000) {
		o.rec.change("1", 3*i, statuslist.Invalid)
	}
	b := o.make(bundles.Request{Statuses: bundles.Named, Lists: map[string]uint64{"1": 5}})
	require.Zero(t, b.Lists["1"].From)
	require.Len(t, b.Lists["1"].Sets[1], 30_000)
	b = o.make(bundles.Request{Statuses: bundles.Named, Lists: map[string]uint64{"1": 15_000}})
	require.EqualValues(t, 15_000, b.Lists["1"].From)
	require.Len(t, b.Lists["1"].Sets[1], 15_000)
}
