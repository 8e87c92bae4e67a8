package sdcwt_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/crypto/cose"
	"github.com/showcard/showcard/crypto/key"
	"github.com/showcard/showcard/crypto/sdcwt"
	"github.com/showcard/showcard/internal/qr"
)

var at = time.Unix(1800000000, 0)

func generate(t testing.TB, a key.Algorithm) *key.Private {
	t.Helper()
	k, err := key.Generate(a)
	require.NoError(t, err)
	return k
}

func claims(device *key.Public) sdcwt.Claims {
	return sdcwt.Claims{
		Serial: sdcwt.NewSerial(), IssuedAt: at.Add(-time.Hour), Expires: at.Add(23 * time.Hour), Device: device,
		View: sdcwt.View{Type: 1, Version: 1, View: 1, Region: "430102", Values: map[int64]any{
			1: "阿", 2: []any{"41", int64(16)}, 3: int64(25705), 4: true, 5: nil, 6: "Müller", 7: int64(-1), 8: "有限公司"}},
	}
}

// shown is a code as a device shows it, and the keys.
func shown(t testing.TB, issuer, device key.Algorithm) (data []byte, by, of *key.Private, c sdcwt.Claims) {
	t.Helper()
	by, of = generate(t, issuer), generate(t, device)
	c = claims(of.Public())
	cwt, err := sdcwt.Issue(t.Context(), by, c)
	require.NoError(t, err)
	data, err = sdcwt.Prove(t.Context(), of, cwt, sdcwt.Proof{Audience: "any", IssuedAt: at})
	require.NoError(t, err)
	return data, by, of, c
}

var here = sdcwt.Expect{Now: at, Audiences: []string{"any", "bank"}}

func TestRoundTrip(t *testing.T) {
	for _, issuer := range []key.Algorithm{key.SM2, key.ES256} {
		for _, device := range []key.Algorithm{key.SM2, key.ES256} {
			t.Run(fmt.Sprint(issuer, " ", device), func(t *testing.T) {
				data, by, of, c := shown(t, issuer, device)
				got, err := sdcwt.Parse(data)
				require.NoError(t, err)
				require.NoError(t, got.Verify(by.Public(), here))
				require.Equal(t, sdcwt.KeyID(by.Public()), got.KeyID)
				require.True(t, got.Claims.Device.Equal(of.Public()))
				require.Equal(t, c.View, got.Claims.View)
				require.Equal(t, c.Serial, got.Claims.Serial)
				require.True(t, c.IssuedAt.Equal(got.Claims.IssuedAt))
				require.True(t, c.Expires.Equal(got.Claims.Expires))
				require.Equal(t, "any", got.Proof.Audience)
				require.NotZero(t, got.Proof.Serial)
				require.Equal(t, 7*time.Second, got.Age(at.Add(7*time.Second)))

				again, err := sdcwt.Prove(t.Context(), of, cwtOf(t, data), sdcwt.Proof{Audience: "any", IssuedAt: at})
				require.NoError(t, err)
				second, err := sdcwt.Parse(again)
				require.NoError(t, err)
				require.NotEqual(t, got.Proof.Serial, second.Proof.Serial, "each proof has its own")
			})
		}
	}
}

// cwtOf takes the CWT out of a code.
func cwtOf(t testing.TB, data []byte) []byte {
	t.Helper()
	m, err := cose.Parse(data)
	require.NoError(t, err)
	return m.Protected[int64(13)]
}

func TestIssueRefuses(t *testing.T) {
	by, device := generate(t, key.SM2), generate(t, key.ES256).Public()
	for name, c := range map[string]struct {
		change func(c *sdcwt.Claims)
		want   error
	}{
		"no device":       {func(c *sdcwt.Claims) { c.Device = nil }, sdcwt.ErrDeviceKey},
		"no serial":       {func(c *sdcwt.Claims) { c.Serial = sdcwt.Serial{} }, sdcwt.ErrMalformed},
		"ends first":      {func(c *sdcwt.Claims) { c.Expires = c.IssuedAt }, sdcwt.ErrLifetime},
		"lives too long":  {func(c *sdcwt.Claims) { c.Expires = c.IssuedAt.Add(sdcwt.MaxLifetime + time.Second) }, sdcwt.ErrLifetime},
		"before 1970":     {func(c *sdcwt.Claims) { c.IssuedAt, c.Expires = time.Unix(-9, 0), time.Unix(9, 0) }, sdcwt.ErrMalformed},
		"type 0":          {func(c *sdcwt.Claims) { c.View.Type = 0 }, sdcwt.ErrMalformed},
		"view 256":        {func(c *sdcwt.Claims) { c.View.View = 256 }, sdcwt.ErrMalformed},
		"region of five":  {func(c *sdcwt.Claims) { c.View.Region = "43010" }, sdcwt.ErrMalformed},
		"region in words": {func(c *sdcwt.Claims) { c.View.Region = "Hunan" }, sdcwt.ErrMalformed},
		"region signed":   {func(c *sdcwt.Claims) { c.View.Region = "+43010" }, sdcwt.ErrMalformed},
		"nothing":         {func(c *sdcwt.Claims) { c.View.Values = nil }, sdcwt.ErrMalformed},
		"field 0":         {func(c *sdcwt.Claims) { c.View.Values = map[int64]any{0: true} }, sdcwt.ErrMalformed},
		"an int":          {func(c *sdcwt.Claims) { c.View.Values[9] = 1 }, sdcwt.ErrMalformed},
		"a float":         {func(c *sdcwt.Claims) { c.View.Values[9] = 1.5 }, sdcwt.ErrMalformed},
		"a wide integer":  {func(c *sdcwt.Claims) { c.View.Values[9] = int64(1) << 53 }, sdcwt.ErrMalformed},
		"bad UTF-8":       {func(c *sdcwt.Claims) { c.View.Values[9] = "\xff" }, sdcwt.ErrMalformed},
		"three":           {func(c *sdcwt.Claims) { c.View.Values[9] = []any{"a", int64(1), int64(1)} }, sdcwt.ErrMalformed},
		"hides nothing":   {func(c *sdcwt.Claims) { c.View.Values[9] = []any{"a", int64(0)} }, sdcwt.ErrMalformed},
		"too large":       {func(c *sdcwt.Claims) { c.View.Values[9] = strings.Repeat("长", 300) }, sdcwt.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			one := claims(device)
			c.change(&one)
			_, err := sdcwt.Issue(t.Context(), by, one)
			require.ErrorIs(t, err, c.want)
			require.NotEmpty(t, sdcwt.Code(err))
			require.Equal(t, c.want == sdcwt.ErrTooLarge, sdcwt.Code(err) == sdcwt.CodeTooLarge)
		})
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := sdcwt.Issue(over, by, claims(device))
	require.ErrorIs(t, err, context.Canceled)
}

func TestProveRefuses(t *testing.T) {
	by, device := generate(t, key.SM2), generate(t, key.SM2)
	cwt, err := sdcwt.Issue(t.Context(), by, claims(device.Public()))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		device *key.Private
		proof  sdcwt.Proof
		want   error
	}{
		"another device": {generate(t, key.SM2), sdcwt.Proof{Audience: "any", IssuedAt: at}, sdcwt.ErrProof},
		"no audience":    {device, sdcwt.Proof{IssuedAt: at}, sdcwt.ErrMalformed},
		"long audience":  {device, sdcwt.Proof{Audience: strings.Repeat("a", 65), IssuedAt: at}, sdcwt.ErrMalformed},
		"short nonce":    {device, sdcwt.Proof{Audience: "any", IssuedAt: at, Nonce: []byte{1}}, sdcwt.ErrMalformed},
		"before 1970":    {device, sdcwt.Proof{Audience: "any", IssuedAt: time.Unix(-1, 0)}, sdcwt.ErrMalformed},
	} {
		_, err := sdcwt.Prove(t.Context(), c.device, cwt, c.proof)
		require.ErrorIs(t, err, c.want, name)
	}
	_, err = sdcwt.Prove(t.Context(), device, cwt[1:], sdcwt.Proof{Audience: "any", IssuedAt: at})
	require.ErrorIs(t, err, sdcwt.ErrMalformed)
	token, err := sdcwt.ParseCWT(cwt)
	require.NoError(t, err)
	require.NoError(t, token.VerifyIssuer(by.Public()))
	require.ErrorIs(t, token.VerifyProof(here), sdcwt.ErrProof, "there is no proof")
}

// Whatever Issue gives Prove can show: the longest CWT fits under the longest proof.
func TestLongestFits(t *testing.T) {
	by, device := generate(t, key.SM2), generate(t, key.SM2)
	c := claims(device.Public())
	longest := 0
	for n := 1; ; n++ {
		c.View.Values[9] = strings.Repeat("x", n)
		cwt, err := sdcwt.Issue(t.Context(), by, c)
		if err != nil {
			require.ErrorIs(t, err, sdcwt.ErrTooLarge)
			require.Greater(t, n, 300)
			break
		}
		longest = len(cwt)
		if n < 350 {
			n += 20
			continue
		}
		data, err := sdcwt.Prove(t.Context(), device, cwt, sdcwt.Proof{Audience: strings.Repeat("a", 64), IssuedAt: at, Nonce: make([]byte, 32)})
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), sdcwt.MaxSize)
	}
	require.InDelta(t, sdcwt.MaxSize-206, longest, 1)
}

func TestFlipAnyByte(t *testing.T) {
	for _, a := range []key.Algorithm{key.SM2, key.ES256} {
		data, by, _, _ := shown(t, a, a)
		for i := range data {
			for bit := range 8 {
				b := bytes.Clone(data)
				b[i] ^= 1 << bit
				got, err := sdcwt.Parse(b)
				if err == nil {
					err = got.Verify(by.Public(), here)
				}
				require.Error(t, err, "byte %d bit %d", i, bit)
				require.NotEmpty(t, sdcwt.Code(err), "byte %d bit %d: %v", i, bit, err)
			}
		}
		for n := range data {
			_, err := sdcwt.Parse(data[:n])
			require.ErrorIs(t, err, sdcwt.ErrLength, n)
		}
	}
}

func TestParseDoesNotKeepTheBuffer(t *testing.T) {
	data, by, _, c := shown(t, key.SM2, key.ES256)
	got, err := sdcwt.Parse(data)
	require.NoError(t, err)
	clear(data)
	require.NoError(t, got.Verify(by.Public(), here))
	require.Equal(t, c.View, got.Claims.View)
}

// The worst that 905 bytes can make of the reader: as many items as fit.
func TestParseAllocates(t *testing.T) {
	data, _, _, _ := shown(t, key.SM2, key.SM2)
	items := append([]byte{0x99, 0x03, 0x80}, bytes.Repeat([]byte{0x80}, 900)...)
	items = items[:3+0x380]
	pairs := append([]byte{0x99, 0x01, 0xc0}, bytes.Repeat([]byte{0x81, 0x00}, 0x1c0)...)
	for name, in := range map[string][]byte{"a good one": data, "many items": items, "many arrays": pairs, "too long": make([]byte, 1<<20)} {
		require.Less(t, testing.AllocsPerRun(20, func() { _, _ = sdcwt.Parse(in) }), 1500.0, name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 20 {
			_, _ = sdcwt.Parse(in)
		}
		runtime.ReadMemStats(&after)
		require.Less(t, (after.TotalAlloc-before.TotalAlloc)/20, uint64(512<<10), name)
	}
}

func TestRedacts(t *testing.T) {
	data, _, _, _ := shown(t, key.SM2, key.SM2)
	got, err := sdcwt.Parse(data)
	require.NoError(t, err)
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "t", got, "c", got.Claims, "v", got.Claims.View)
	out := b.String() + fmt.Sprintf("%v %+v %#v %s %v %+v %v %#v", got, *got, got, got, got.Claims, got.Claims, got.Claims.View, got.Claims.View)
	require.Contains(t, out, "redacted")
	for _, secret := range []string{"有限公司", "25705", "Müller", "430102"} {
		require.NotContains(t, out, secret)
	}
}

func TestKeyID(t *testing.T) {
	k := generate(t, key.SM2)
	require.Len(t, sdcwt.KeyID(k.Public()), 8)
	require.Equal(t, sdcwt.KeyID(k.Public()), sdcwt.KeyID(k.WithID("another name").Public()))
	require.Len(t, sdcwt.NewSerial().String(), 16)
	first, second := sdcwt.NewSerial(), sdcwt.NewSerial()
	require.NotEqual(t, first, second)
	require.Empty(t, sdcwt.Code(context.Canceled))
	require.Equal(t, qr.MaxOfflineToken, sdcwt.MaxSize)
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors(f) {
		if data, err := tokenOf(v); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := sdcwt.Parse(data)
		if err != nil {
			require.Nil(t, got)
			require.NotEmpty(t, sdcwt.Code(err), "%v", err)
			return
		}
		// One spelling, by another reader and writer: what it decodes to is encoded as it was.
		cwt := cwtOf(t, data)
		for _, part := range [][]byte{data, cwt, payload(t, data), payload(t, cwt)} {
			var all any
			require.NoError(t, cose.Unmarshal(part, &all))
			require.Equal(t, part, marshal(t, all))
		}
		again, err := sdcwt.ParseCWT(cwt)
		require.NoError(t, err)
		require.Equal(t, got.Claims, again.Claims)
		require.Error(t, got.Verify(generate(t, key.SM2).Public(), here))
	})
}

func payload(t testing.TB, data []byte) []byte {
	t.Helper()
	m, err := cose.Parse(data)
	require.NoError(t, err)
	return m.Payload
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := cose.Marshal(v)
	require.NoError(t, err)
	return data
}

// FuzzVerify mutates the text of good codes: whatever differs in what it says is refused.
func FuzzVerify(f *testing.F) {
	c := catalogue(f)
	var good []sharedVector
	for _, v := range vectors(f) {
		f.Add(v.Code)
		if v.Expect == "valid" && v.Nonce == "" {
			good = append(good, v)
		}
	}
	f.Fuzz(func(t *testing.T, code string) {
		for _, v := range []sharedVector{good[0], good[len(good)-1]} {
			v.Code = code
			_, reading, err := v.read(c)
			if err != nil {
				require.NotEmpty(t, codeOf(err), "%v", err)
				continue
			}
			require.NotEmpty(t, reading.Fields)
			token, _ := tokenOf(v)
			known := false
			for _, g := range good {
				same, _ := tokenOf(g)
				known = known || bytes.Equal(same, token)
			}
			require.True(t, known, "a code was accepted that nobody signed")
		}
	})
}

func BenchmarkParseAndVerify(b *testing.B) {
	data, by, _, _ := shown(b, key.SM2, key.ES256)
	b.ReportAllocs()
	for b.Loop() {
		t, err := sdcwt.Parse(data)
		if err == nil {
			err = t.Verify(by.Public(), here)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
