package qr

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParse(f *testing.F) {
	s, o := ticketText(f), FormatOffline(token)
	for _, seed := range []string{
		s, o, s + "\r\n", "\uFEFF " + s, strings.ToLower(s), wide(s), s[:20], s + s, o + o, s[:33] + "Z",
		"https://show.example.cn/s/" + s, "HTTPS://SHOW.EXAMPLE.CN/S/" + s, "]Q1" + s, "SC2MZXW6YTBOJ", "SC1", "SC2", "", "6901234567892",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		c, err := Parse(in)
		if err != nil {
			require.Zero(t, c)
			return
		}
		text, err := Format(c)
		require.NoError(t, err, "whatever Parse reads Format writes")
		again, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, c, again)
		rewritten, err := Format(again)
		require.NoError(t, err)
		require.Equal(t, text, rewritten, "one canonical spelling")
		// What was accepted differs from the canonical spelling in nothing but the dress: undressed, it contains it.
		require.Contains(t, undress(in), text)
	})
}

// undress is an independent, slow telling of what Parse may overlook.
func undress(s string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r >= 0xFF01 && r <= 0xFF5E {
			return r - 0xFEE0
		}
		return r
	}, s))
}

func FuzzFormat(f *testing.F) {
	f.Add("44A0", sample[:])
	f.Add("", token)
	f.Add("0000", make([]byte, 16))
	f.Fuzz(func(t *testing.T, domain string, payload []byte) {
		codes := []Code{{Kind: Offline, Offline: payload}}
		if len(payload) == 16 {
			codes = append(codes, Code{Kind: Ticket, Domain: domain, Ticket: [16]byte(payload)})
		}
		for _, c := range codes {
			text, err := Format(c)
			if err != nil {
				continue
			}
			got, err := Parse(text)
			require.NoError(t, err)
			require.Equal(t, c, got)
		}
	})
}

func BenchmarkParseTicket(b *testing.B) {
	s := ticketText(b) + "\r\n"
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Parse(s)
	}
}

func BenchmarkParseURL(b *testing.B) {
	s, err := FormatURL("https://show.example.gov.cn", ticketText(b))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Parse(s)
	}
}

func BenchmarkParseOffline(b *testing.B) {
	s := FormatOffline(make([]byte, 408)) // 656 characters, 16-M
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Parse(s)
	}
}

func BenchmarkFormatTicket(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = FormatTicket("44A0", sample)
	}
}
