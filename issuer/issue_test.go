package issuer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/schemas"
)

// Every row of the demo becomes a certificate that says what the row says, in both profiles.
func TestIssueBothProfiles(t *testing.T) {
	f := newFixture(t)
	for _, authority := range []string{police, market, "hunan-hrss", "hunan-medical-insurance"} {
		t.Run(authority, func(t *testing.T) {
			a := f.registry.authorities[authority]
			for _, l := range lines(t, authority) {
				r, problems := schemas.DecodeRow(l)
				require.Empty(t, problems)
				out, err := f.Issue(t.Context(), order(authority), r)
				require.NoError(t, err)
				require.False(t, out.Existing)
				require.Empty(t, out.Warnings)
				checkOriginal(t, f, a, r, out)
			}
		})
	}
}

func checkOriginal(t *testing.T, f *fixture, a issuer.Authority, r schemas.Row, out issuer.Issued) {
	typ, err := f.catalogue.Type(r.Type)
	require.NoError(t, err)
	id, err := schemas.ParseIdentifier(out.Identifier)
	require.NoError(t, err)
	require.Equal(t, typ.Code, id.TypeCode())
	require.Equal(t, a.USCC, id.IssuerCode())
	require.Equal(t, 1, id.Version())
	require.Len(t, id.Serial(), 20)

	c := f.certificate(out.Identifier)
	require.Equal(t, out.Credential, c.Credential)
	require.Equal(t, issuer.Valid, c.State)
	require.Equal(t, holderID(r.Holder), c.HolderID)

	vc, claims := f.verified(a.ID, out.Credential)
	require.Equal(t, a.Signer.Public().ID(), vc.Token.Header.KeyID)
	require.Equal(t, string(a.Signer.Public().Algorithm()), vc.Token.Header.Algorithm)
	hash, digest := "sm3", func(b []byte) []byte { s := sm.Sum(b); return s[:] }
	if a.Signer.Public().Algorithm() == key.ES256 {
		hash, digest = "sha-256", func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
	}
	require.Equal(t, hash, string(vc.Hash))

	var open map[string]any
	require.NoError(t, json.Unmarshal(vc.Token.Payload, &open))
	require.NotContains(t, open, "cnf")
	require.Equal(t, a.ISS, open["iss"])
	require.Equal(t, baseURL+typ.Path(), open["vct"])
	require.Equal(t, r.Region, open["region"])
	require.EqualValues(t, start.Truncate(time.Hour).Unix(), open["iat"])
	from, err := time.Parse("2006-01-02 -0700", r.ValidFrom+" +0800")
	require.NoError(t, err)
	require.EqualValues(t, from.Unix(), open["nbf"])
	if r.ValidUntil == "" || r.ValidUntil == schemas.LongTerm {
		require.NotContains(t, open, "exp")
	} else {
		last, err := time.Parse("2006-01-02 -0700", r.ValidUntil+" +0800")
		require.NoError(t, err)
		require.EqualValues(t, last.AddDate(0, 0, 1).Unix(), open["exp"], "the day after the last")
	}
	status := open["status"].(map[string]any)["status_list"].(map[string]any)
	require.Equal(t, f.StatusPrefix()+c.Slot.List, status["uri"])
	require.EqualValues(t, c.Slot.Index, status["idx"])
	for name := range open {
		require.Contains(t, []string{"iss", "vct", "region", "iat", "nbf", "exp", "status", "_sd", "_sd_alg"}, name, "nothing personal is open")
	}

	require.Equal(t, out.Identifier, claims[issuer.ClaimIdentifier])
	all := typ.ClaimsOf(r)
	want, err := json.Marshal(all)
	require.NoError(t, err)
	got := map[string]any{}
	for name := range all {
		got[name] = claims[name]
	}
	said, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(said))
	predicates, _ := typ.Evaluate(all, f.now())
	for name, value := range predicates {
		require.Equal(t, value, claims[name], name)
	}
	if len(r.Portrait) == 0 {
		require.NotContains(t, claims, issuer.ClaimPortrait)
		return
	}
	image, salt, err := f.Portrait(t.Context(), out.Identifier)
	require.NoError(t, err)
	require.Equal(t, r.Portrait, image)
	require.Len(t, salt, 16)
	require.Equal(t, hash+":"+base64.RawURLEncoding.EncodeToString(digest(append(bytes.Clone(salt), image...))), claims[issuer.ClaimPortrait])
}

// A verifier refuses an iat from before the key may sign, and rounding down must not cause that.
func TestIssuedAtIsNeverBeforeTheKey(t *testing.T) {
	f := newFixture(t)
	for since, want := range map[time.Duration]time.Duration{
		-2 * time.Hour: -30 * time.Minute, -10 * time.Minute: -10 * time.Minute, -10*time.Minute + time.Millisecond: -10*time.Minute + time.Second,
	} {
		f.registry.change(police, func(a *issuer.Authority) { a.SignerFrom = start.Add(since) })
		_, claims := f.verified(police, f.issueOne("k"+since.String()).Credential)
		require.Equal(t, fmt.Sprint(start.Add(want).Unix()), fmt.Sprint(claims["iat"]))
	}
}

// The row's key is the department's promise: the same content, the same certificate.
func TestRowKey(t *testing.T) {
	f := newFixture(t)
	first := f.issueOne("k1")
	f.pass(30 * 24 * time.Hour)
	again := f.issueOne("k1")
	require.True(t, again.Existing)
	require.Equal(t, first.Identifier, again.Identifier)
	require.Equal(t, first.Credential, again.Credential)

	same := licence(t)
	same.Key, same.Issuer = "k1", police // saying what goes without saying
	out, err := f.Issue(t.Context(), order(police), same)
	require.NoError(t, err)
	require.True(t, out.Existing)

	for name, change := range map[string]func(*schemas.Row){
		"claim":    func(r *schemas.Row) { r.Claims["address"] = "湖南省长沙市岳麓区虚构路1号" },
		"number":   func(r *schemas.Row) { r.Number = "4300000000001" },
		"portrait": func(r *schemas.Row) { r.Portrait = append([]byte("\xff\xd8\xff\xe0x"), r.Portrait[5:]...) },
		"region":   func(r *schemas.Row) { r.Region = "430100" },
	} {
		t.Run(name, func(t *testing.T) {
			r := licence(t)
			r.Key = "k1"
			before := r.Region
			change(&r)
			if name == "region" && before == r.Region {
				r.Region = "430200"
			}
			_, err := f.Issue(t.Context(), order(police), r)
			problems := refusal(t, err)
			require.Equal(t, issuer.CodeRowKeyReused, problems[len(problems)-1].Code)
			require.Equal(t, "/key", problems[len(problems)-1].Pointer)
		})
	}

	// Another authority's keys are its own.
	r := row(t, "business-licence")
	r.Key = "k1"
	out, err = f.Issue(t.Context(), order(market), r)
	require.NoError(t, err)
	require.False(t, out.Existing)
}

func TestRowKeyRace(t *testing.T) {
	f := newFixture(t)
	const n = 8
	var wg sync.WaitGroup
	got := make([]issuer.Issued, n)
	errs := make([]error, n)
	r := licence(t)
	r.Key = "race"
	for i := range n {
		wg.Go(func() { got[i], errs[i] = f.Issue(t.Context(), order(police), r) })
	}
	wg.Wait()
	fresh := 0
	for i := range n {
		require.NoError(t, errs[i])
		require.Equal(t, got[0].Identifier, got[i].Identifier)
		require.Equal(t, got[0].Credential, got[i].Credential)
		if !got[i].Existing {
			fresh++
		}
	}
	require.Equal(t, 1, fresh)
}

// Pushing what is there already must not use up the status lists.
func TestRepetitionBurnsNoSlots(t *testing.T) {
	f := newFixture(t)
	f.issueOne("k1")
	for range 50 {
		require.True(t, f.issueOne("k1").Existing)
	}
	before, err := f.store.Reserve(t.Context(), police, nil, 1)
	require.NoError(t, err)
	require.LessOrEqual(t, before.Counters[0], uint64(3))
}

func TestIssueMany(t *testing.T) {
	f := newFixture(t, func(c *issuer.Config) { c.BatchRows = 4 })
	var rows []schemas.Row
	for i := range 11 {
		r := licence(t)
		r.Key = fmt.Sprintf("m%d", i)
		rows = append(rows, r)
	}
	rows[2].Claims["vehicle_classes"] = "Z9"
	rows[5].Key = "m1" // again, the same
	rows[6].Key, rows[6].Claims["address"] = "m1", "别处1号"
	out, err := f.IssueMany(t.Context(), order(police), rows)
	require.NoError(t, err)
	require.Len(t, out, len(rows))
	slots := map[issuer.Slot]bool{}
	for i, o := range out {
		require.Equal(t, rows[i].Key, o.Key)
		switch i {
		case 2:
			require.Equal(t, schemas.CodeVehicleClass, refusal(t, o.Err)[0].Code)
		case 5:
			require.True(t, o.Existing)
			require.Equal(t, out[1].Identifier, o.Identifier)
		case 6:
			require.Equal(t, issuer.CodeRowKeyReused, refusal(t, o.Err)[0].Code)
		default:
			require.NoError(t, o.Err)
			slot := f.certificate(o.Identifier).Slot
			require.False(t, slots[slot])
			slots[slot] = true
		}
	}
}

// Everything that is wrong with a row is told at once, with its place.
func TestRefusedRows(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		change  func(*schemas.Row)
		code    string
		pointer string
	}{
		"ID number's check digit": {func(r *schemas.Row) { spoilNumber(r) }, schemas.CodeIDNumberChecksum, "/holder/number"},
		"birth date":              {func(r *schemas.Row) { r.Claims["birth_date"] = "1988-03-13" }, schemas.CodeBirthDate, "/claims/birth_date"},
		"unknown type":            {func(r *schemas.Row) { r.Type = "fishing-licence" }, schemas.CodeTypeUnknown, "/type"},
		"field not in type":       {func(r *schemas.Row) { r.Claims["shoe_size"] = "42" }, schemas.CodeFieldUnknown, "/claims/shoe_size"},
		"missing field":           {func(r *schemas.Row) { delete(r.Claims, "file_number") }, schemas.CodeFieldMissing, "/claims/file_number"},
		"type without the right":  {func(r *schemas.Row) { *r = row(t, "business-licence") }, issuer.CodeIssuerType, "/type"},
		"region without right":    {func(r *schemas.Row) { r.Region = "110101" }, issuer.CodeIssuerRegion, "/region"},
		"another issuer":          {func(r *schemas.Row) { r.Issuer = market }, issuer.CodeIssuerNotYours, "/issuer"},
		"key":                     {func(r *schemas.Row) { r.Key = "钥匙" }, schemas.CodeKeyFormat, "/key"},
		"no portrait":             {func(r *schemas.Row) { r.Portrait = nil }, schemas.CodePortraitMissing, "/portrait"},
	} {
		t.Run(name, func(t *testing.T) {
			r := licence(t)
			r.Key = "refused"
			c.change(&r)
			_, err := f.Issue(t.Context(), order(police), r)
			problems := refusal(t, err)
			require.NotContains(t, err.Error(), r.Holder.Number)
			found := false
			for _, p := range problems {
				found = found || p.Code == c.code && p.Pointer == c.pointer
			}
			require.True(t, found, "%v", problems)
			_, err = f.store.Held(t.Context(), []string{holderID(r.Holder)}, 10)
			require.NoError(t, err)
		})
	}
	held, err := f.Held(t.Context(), []string{holderID(licence(t).Holder)})
	require.NoError(t, err)
	require.Empty(t, held, "nothing was issued")
}

func spoilNumber(r *schemas.Row) {
	n := []byte(r.Holder.Number)
	n[17] = '0' + (n[17]-'0'+1)%10
	r.Holder.Number = string(n)
	r.Claims["id_number"] = string(n)
}

// What genuine old records are known to have passes in import mode, and is told.
func TestImportMode(t *testing.T) {
	f := newFixture(t)
	r := licence(t)
	r.Key, r.Portrait = "old", nil
	o := order(police)
	o.Mode = schemas.Import
	out, err := f.Issue(t.Context(), o, r)
	require.NoError(t, err)
	require.Len(t, out.Warnings, 1)
	require.Equal(t, schemas.CodePortraitMissing, out.Warnings[0].Code)
	_, claims := f.verified(police, out.Credential)
	require.NotContains(t, claims, issuer.ClaimPortrait)
	_, _, err = f.Portrait(t.Context(), out.Identifier)
	require.ErrorIs(t, err, issuer.ErrNoPortrait)
}

func TestFreezesBiteAtOnce(t *testing.T) {
	f := newFixture(t)
	first := f.issueOne("k1")
	f.registry.frozenTypes["drivers-licence"] = true
	r := licence(t)
	r.Key = "k2"
	_, err := f.Issue(t.Context(), order(police), r)
	require.Equal(t, issuer.CodeTypeFrozen, refusal(t, err)[0].Code)
	_, err = f.Collect(t.Context(), first.Identifier, holderID(r.Holder), generate(t, key.SM2).Public())
	require.ErrorIs(t, err, issuer.ErrTypeFrozen)

	delete(f.registry.frozenTypes, "drivers-licence")
	f.registry.change(police, func(a *issuer.Authority) { a.Frozen = true })
	_, err = f.Issue(t.Context(), order(police), r)
	require.ErrorIs(t, err, issuer.ErrIssuerFrozen)
	_, err = f.Push(t.Context(), issuer.Upload{Order: order(police), Job: "j"}, strings.NewReader(""))
	require.ErrorIs(t, err, issuer.ErrIssuerFrozen)
	_, err = f.Collect(t.Context(), first.Identifier, holderID(r.Holder), generate(t, key.SM2).Public())
	require.ErrorIs(t, err, issuer.ErrIssuerFrozen)
	_, err = f.Metadata(t.Context(), police)
	require.ErrorIs(t, err, issuer.ErrIssuerFrozen)
	_, err = f.Issue(t.Context(), order("nobody"), r)
	require.ErrorIs(t, err, issuer.ErrIssuerUnknown)

	f.registry.change(police, func(a *issuer.Authority) {
		a.Frozen, a.StoppedRegions = false, []string{"440000", r.Region[:2] + "0000"}
	})
	_, err = f.Issue(t.Context(), order(police), r)
	require.Equal(t, issuer.CodeRegionFrozen, refusal(t, err)[0].Code)
	_, err = f.Collect(t.Context(), first.Identifier, holderID(r.Holder), generate(t, key.SM2).Public())
	require.ErrorIs(t, err, issuer.ErrRegionFrozen)
	f.registry.change(police, func(a *issuer.Authority) { a.StoppedAll = true })
	_, err = f.Issue(t.Context(), order(police), r)
	require.Equal(t, issuer.CodeAllFrozen, refusal(t, err)[0].Code)
	_, err = f.Collect(t.Context(), first.Identifier, holderID(r.Holder), generate(t, key.SM2).Public())
	require.ErrorIs(t, err, issuer.ErrAllFrozen)
	f.registry.change(police, func(a *issuer.Authority) { a.StoppedAll, a.StoppedRegions = false, []string{"440000"} })
	_, err = f.Issue(t.Context(), order(police), r)
	require.NoError(t, err)
}

func TestNewRefuses(t *testing.T) {
	f := newFixture(t)
	for name, spoil := range map[string]func(*issuer.Config){
		"no record":       func(c *issuer.Config) { c.Record = nil },
		"no registry":     func(c *issuer.Config) { c.Registry = nil },
		"no URL":          func(c *issuer.Config) { c.BaseURL = "" },
		"relative URL":    func(c *issuer.Config) { c.BaseURL = "/cards" },
		"URL with query":  func(c *issuer.Config) { c.BaseURL += "?a=b" },
		"short key":       func(c *issuer.Config) { c.PermutationKey = c.PermutationKey[:8] },
		"negative lease":  func(c *issuer.Config) { c.Lease = -1 },
		"ttl beyond life": func(c *issuer.Config) { c.StatusLife = time.Second },
	} {
		cfg := f.cfg
		spoil(&cfg)
		_, err := issuer.New(cfg)
		require.Error(t, err, name)
	}
}
