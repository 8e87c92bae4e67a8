package qr

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	sample = [16]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF}
	token  = []byte("\xd2\x84\x58\x20 a signed token stands here, as long as it likes to be")
)

func ticketText(t testing.TB) string {
	s, err := FormatTicket("44A0", sample)
	require.NoError(t, err)
	return s
}

// wide writes s as a Chinese input method in full-width mode types it.
func wide(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' {
			return 0x3000
		}
		return r + 0xFEE0
	}, s)
}

func TestFormat(t *testing.T) {
	s := ticketText(t)
	// Python: base64.b32encode(bytes(0x11*i for i in range(16))).
	require.Equal(t, "SC144A0AAISEM2EKVTHPCEZVK54ZXPO74"+string(checkCharacter([]byte(s[:33]))), s)
	require.Len(t, s, TicketLength)

	require.Equal(t, "SC2MZXW6YTBOI", FormatOffline([]byte("foobar")), "RFC 4648 §10")
	require.Len(t, FormatOffline(make([]byte, MaxOfflineToken)), MaxOfflineLength)
	require.Equal(t, 1451, MaxOfflineLength)

	for _, domain := range []string{"", "440", "44000", "44a0", "44 0", "44-0", "４４００", "4４"} {
		_, err := FormatTicket(domain, sample)
		require.ErrorIs(t, err, ErrAlphabet, domain)
	}
	_, err := Format(Code{Kind: Offline})
	require.ErrorIs(t, err, ErrTruncated)
	_, err = Format(Code{Kind: Offline, Offline: make([]byte, MaxOfflineToken+1)})
	require.ErrorIs(t, err, ErrTooLong)
	_, err = Format(Code{})
	require.ErrorIs(t, err, ErrNotOurs)
}

// The good identifiers of GB/T 36904 carry the same check character; they are from published certificates, the bad
// one has its last character changed.
func TestCheckCharacter(t *testing.T) {
	for _, id := range []string{
		"11100000000013338W011.11430000006122244L.20230000403.001.U",
		"11100000000013338W009.11330105002500287C.2025052201.002.0",
		"11100000000013338W032.11220000013544541J.2430599.001.F",
	} {
		s := strings.ReplaceAll(id, ".", "")
		require.Equal(t, s[len(s)-1], checkCharacter([]byte(s[:len(s)-1])), id)
	}
	const bad = "11100000000013661B006113700000045046442209FA4E88F9E4C878F3E9BED2CE7EA49001M"
	require.NotEqual(t, bad[len(bad)-1], checkCharacter([]byte(bad[:len(bad)-1])))
}

func TestFormatURL(t *testing.T) {
	s := ticketText(t)
	for base, want := range map[string]string{
		"https://show.example.gov.cn":      "HTTPS://SHOW.EXAMPLE.GOV.CN/S/" + s,
		"https://show.example.gov.cn/":     "HTTPS://SHOW.EXAMPLE.GOV.CN/S/" + s,
		"HTTPS://Show.Example.Gov.CN:8443": "HTTPS://SHOW.EXAMPLE.GOV.CN:8443/S/" + s,
		"http://localhost:8080":            "HTTP://LOCALHOST:8080/S/" + s,
	} {
		got, err := FormatURL(base, s)
		require.NoError(t, err, base)
		require.Equal(t, want, got)
		code, err := Parse(got)
		require.NoError(t, err)
		require.Equal(t, Code{Kind: Ticket, Domain: "44A0", Ticket: sample}, code)
	}
	for _, base := range []string{
		"", "show.example.cn", "https://", "https:///", "https://:80", "ftp://show.example.cn", "https://show.example.cn/wallet",
		"https://show.example.cn?x=", "https://show.example.cn#", "https://me@show.example.cn", "https://[::1]", "https://政务.cn",
		"https://ſhow.example.cn", "https://show_er.example.cn", "https://a.cn//", "https://" + strings.Repeat("a", maxHost+1),
	} {
		_, err := FormatURL(base, s)
		require.ErrorIs(t, err, ErrBase, base)
	}
	_, err := FormatURL("https://a.cn", FormatOffline(token))
	require.ErrorIs(t, err, ErrNotOurs)
	_, err = FormatURL("https://a.cn", strings.ToLower(s))
	require.ErrorIs(t, err, ErrNotOurs)
	_, err = FormatURL("https://a.cn", s[:33])
	require.ErrorIs(t, err, ErrTruncated)
}

// What scanners and input methods do to a code that can be undone.
func TestParseUndoesScanners(t *testing.T) {
	s, o := ticketText(t), FormatOffline(token)
	garble := map[string]func(string) string{
		"as written":              func(s string) string { return s },
		"Enter":                   func(s string) string { return s + "\r" },
		"Enter, both":             func(s string) string { return s + "\r\n" },
		"Tab":                     func(s string) string { return s + "\t" },
		"blanks around":           func(s string) string { return "  " + s + " \n" },
		"byte order mark":         func(s string) string { return "\uFEFF" + s },
		"byte order mark, blank":  func(s string) string { return "\uFEFF \r\n" + s + "\n" },
		"STX and ETX":             func(s string) string { return "\x02" + s + "\x03" },
		"NUL":                     func(s string) string { return s + "\x00" },
		"ideographic blank":       func(s string) string { return "\u3000" + s + "\u3000" },
		"zero width and no break": func(s string) string { return "\u200B\u00A0" + s + "\u200E" },
		"lower case":              strings.ToLower,
		"caps lock, half of it":   func(s string) string { return strings.ToLower(s[:9]) + s[9:] },
		"full width":              wide,
		"full width, lower case":  func(s string) string { return wide(strings.ToLower(s)) },
		"full width, in part":     func(s string) string { return s[:5] + wide(s[5:11]) + s[11:] },
		"AIM identifier":          func(s string) string { return "]Q1" + s + "\r" },
		"AIM, full width":         func(s string) string { return wide("]q3" + s) },
	}
	for name, f := range garble {
		t.Run(name, func(t *testing.T) {
			c, err := Parse(f(s))
			require.NoError(t, err)
			require.Equal(t, Code{Kind: Ticket, Domain: "44A0", Ticket: sample}, c)
			c, err = Parse(f(o))
			require.NoError(t, err)
			require.Equal(t, Code{Kind: Offline, Offline: token}, c)

			for _, base := range []string{"https://show.example.gov.cn", "http://127.0.0.1:8080"} {
				u, err := FormatURL(base, s)
				require.NoError(t, err)
				c, err = Parse(f(u))
				require.NoError(t, err)
				require.Equal(t, Code{Kind: Ticket, Domain: "44A0", Ticket: sample}, c)
			}
		})
	}
	c, err := Parse("https：、、show。example。cn、s、" + strings.ToLower(s))
	require.NoError(t, err, "Chinese punctuation")
	require.Equal(t, sample, c.Ticket)
}

// withCheck puts the right check character behind the first 33 characters.
func withCheck(s string) string { return s[:33] + string(checkCharacter([]byte(s[:33]))) }

func TestParseRefuses(t *testing.T) {
	s, o := ticketText(t), FormatOffline(token)
	at := func(s string, i int, c string) string { return s[:i] + c + s[i+1:] }
	url := "https://show.example.cn/s/"
	cases := []struct {
		name, in string
		want     error
	}{
		{"nothing", "", ErrNotOurs},
		{"only the suffix key", "\r\n", ErrNotOurs},
		{"prefix cut", "SC", ErrNotOurs},
		{"first character lost", s[1:], ErrNotOurs},
		{"version to come", "SC3" + s[3:], ErrNotOurs},
		{"payment code", "https://qr.alipay.com/fkx12345", ErrNotOurs},
		{"EAN", "6901234567892", ErrNotOurs},
		{"Chinese text", "国徽面", ErrNotOurs},
		{"bad UTF-8", "\xff\xfe\x00S\x00C", ErrNotOurs},
		{"long s and Kelvin sign", "\u017fC1" + s[3:], ErrNotOurs},
		{"other base32 after input method", "SC1四四" + s[7:], ErrTruncated},
		{"huge and foreign", strings.Repeat("A", 1<<16), ErrNotOurs},

		{"ticket prefix only", "SC1", ErrTruncated},
		{"ticket cut", s[:33], ErrTruncated},
		{"ticket cut, Enter", s[:20] + "\r\n", ErrTruncated},
		{"ticket with more behind", s + "A", ErrTooLong},
		{"ticket twice", s + s, ErrTooLong},
		{"ticket twice, Enter between", s + "\r\n" + s + "\r\n", ErrTooLong},
		{"two tickets", s + "\t" + withCheck(at(s, 10, "A")), ErrTooLong},
		{"huge ticket", "SC1" + strings.Repeat("A", 1<<16), ErrTooLong},
		{"wrong check character", s[:33] + "Z", ErrCheckCharacter},
		{"wrong letter", at(s, 12, "Q"), ErrCheckCharacter},
		{"wrong domain", at(s, 3, "5"), ErrCheckCharacter},
		{"0 for O", at(s, 30, "0"), ErrAlphabet},
		{"1 for I", at(s, 9, "1"), ErrAlphabet},
		{"8", withCheck(at(s, 9, "8")), ErrAlphabet},
		{"blank inside", at(s, 9, " "), ErrAlphabet},
		{"line end inside", at(s, 9, "\n"), ErrAlphabet},
		{"hyphen in the domain", at(s, 4, "-"), ErrAlphabet},
		{"check character not in the alphabet", at(s, 33, "*"), ErrAlphabet},
		{"padding", s[:33] + "=", ErrAlphabet},
		{"high byte", at(s, 9, "\xc1"), ErrAlphabet},
		{"circled letter", at(s, 9, "\u24b6"), ErrAlphabet},
		{"bits left over", withCheck(at(s, 32, "5")), ErrAlphabet},

		{"URL of another", "https://show.example.cn/t/" + s, ErrNotOurs},
		{"URL deeper", "https://show.example.cn/x/s/" + s, ErrNotOurs},
		{"URL with user", "https://me@show.example.cn/s/" + s, ErrNotOurs},
		{"URL in a query", "https://evil.example/?u=/s/" + s, ErrNotOurs},
		{"URL without host", "https:///s/" + s, ErrNotOurs},
		{"URL without code", url, ErrNotOurs},
		{"URL of another scheme", "ftp://show.example.cn/s/" + s, ErrNotOurs},
		{"URL with an offline code", url + o, ErrNotOurs},
		{"URL in a URL", url + url + s, ErrNotOurs},
		{"URL with a long host", "https://" + strings.Repeat("a", 1000) + "/s/" + s, ErrNotOurs},
		{"URL cut", url + s[:12], ErrTruncated},
		{"URL with a query behind", url + s + "?from=chat", ErrTooLong},
		{"URL twice", url + s + url + s, ErrTooLong},
		{"URL, wrong check character", url + s[:33] + "Z", ErrCheckCharacter},
		{"AIM identifier twice", "]Q1]Q1" + s, ErrNotOurs},
		{"AIM identifier of Data Matrix", "]d2" + s, ErrNotOurs},

		{"offline prefix only", "SC2", ErrTruncated},
		{"offline, impossible length", "SC2AAA", ErrTruncated},
		{"offline cut inside a byte", o[:len(o)-1], ErrTruncated},
		{"offline, bits left over", "SC2MZXW6YTBOJ", ErrTruncated},
		{"offline twice", o + o, ErrTooLong},
		{"offline three times", o + o + o, ErrTooLong},
		{"offline twice, the second cut", o + o + o[:7], ErrTooLong},
		{"offline twice, Enter between", o + "\r\n" + o, ErrTooLong},
		{"offline over the cap", "SC2" + strings.Repeat("A", MaxOfflineLength-2), ErrTooLong},
		{"huge offline", "SC2" + strings.Repeat("A", 1<<16), ErrTooLong},
		{"offline, 0 for O", at(o, 9, "0"), ErrAlphabet},
		{"offline, blank inside", at(o, 9, " "), ErrAlphabet},
		{"offline, padding", "SC2MZXW6YQ=", ErrAlphabet},
		{"offline, URL alphabet", at(o, 9, "-"), ErrAlphabet},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, err := Parse(c.in)
			require.ErrorIs(t, err, c.want)
			require.Zero(t, code)
			if len(c.in) > 12 {
				require.NotContains(t, err.Error(), c.in[4:12], "an error never repeats the text")
			}
		})
	}
}

// Every single wrong character is refused, wherever it stands.
func TestParseFindsEveryWrongCharacter(t *testing.T) {
	s := ticketText(t)
	for i := prefixLength; i < TicketLength; i++ {
		for _, c := range []byte(alphabet36) {
			if c == s[i] {
				continue
			}
			b := []byte(s)
			b[i] = c
			_, err := Parse(string(b))
			require.Error(t, err, "%d %c", i, c)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= MaxOfflineToken; n++ {
		c := Code{Kind: Offline, Offline: make([]byte, n)}
		for i := range c.Offline {
			c.Offline[i] = byte(r.Uint32())
		}
		s, err := Format(c)
		require.NoError(t, err)
		got, err := Parse(s)
		require.NoError(t, err, n)
		require.Equal(t, c, got)
	}
	for range 2000 {
		c := Code{Kind: Ticket}
		for i := range c.Ticket {
			c.Ticket[i] = byte(r.Uint32())
		}
		for range DomainLength {
			c.Domain += string(alphabet36[r.IntN(36)])
		}
		s, err := Format(c)
		require.NoError(t, err)
		got, err := Parse(s)
		require.NoError(t, err)
		require.Equal(t, c, got)
	}
}

// A token that repeats itself could not be told from a double scan, so neither side takes it.
func TestTokenThatRepeatsItself(t *testing.T) {
	const text = "SC2AASC2AA" // "SC2AA" scanned twice, and at the same time the base32 of four bytes
	repeats := make([]byte, 4)
	bad, spareZero := decodeBase32(repeats, []byte(text[3:]))
	require.Equal(t, -1, bad)
	require.True(t, spareZero)
	require.Equal(t, text, FormatOffline(repeats))
	_, err := Format(Code{Kind: Offline, Offline: repeats})
	require.ErrorIs(t, err, ErrTooLong)
	_, err = Parse(text)
	require.ErrorIs(t, err, ErrTooLong)
}

func TestCodeRedactsItself(t *testing.T) {
	for _, c := range []Code{{Kind: Ticket, Domain: "44A0", Ticket: sample}, {Kind: Offline, Offline: token}, {}} {
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("scanned", "code", c)
		out := b.String() + fmt.Sprintf("%v %+v %#v %s %x %q %d", c, c, c, c, c, c, c)
		require.Contains(t, out, "[redacted]")
		require.NotContains(t, out, "signed")
		require.NotContains(t, out, "1122")
		require.NotContains(t, out, "17 34")
	}
}

func TestParseAllocates(t *testing.T) {
	s, o := ticketText(t), FormatOffline(token)
	u, err := FormatURL("https://show.example.gov.cn", s)
	require.NoError(t, err)
	for in, most := range map[string]float64{s: 1, u: 1, s + "\r\n": 1, o: 1, "6901234567892": 0} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = Parse(in) }), most, in)
	}
}
