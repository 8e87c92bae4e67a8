package schemas

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCitizenIDVectors(t *testing.T) {
	v := vectors(t)
	for _, s := range v.CitizenID.Good {
		_, err := ParseCitizenID(s)
		require.NoError(t, err, s)
	}
	for _, s := range v.CitizenID.Bad {
		_, err := ParseCitizenID(s)
		require.ErrorIs(t, err, ErrCitizenIDChecksum, s)
	}
	id, err := ParseCitizenID("11010519491231002X")
	require.NoError(t, err)
	require.Equal(t, "110105", id.Region)
	require.Equal(t, "1949-12-31", id.Birth.Format(time.DateOnly))
	require.Equal(t, "2", id.Sex)
}

// withCheck completes 17 digits.
func withCheck(body string) string {
	for _, c := range "0123456789X" {
		if _, err := ParseCitizenID(body + string(c)); err == nil || strings.Contains(err.Error(), "birth date") {
			return body + string(c)
		}
	}
	return body + "?"
}

func TestCitizenIDRefusals(t *testing.T) {
	for s, want := range map[string]error{
		"":                             ErrCitizenIDFormat,
		"110105194912310":              ErrCitizenIDFormat, // 15 digits, first generation
		"11010519491231002x":           ErrCitizenIDFormat,
		"1101051949123100２X":           ErrCitizenIDFormat,
		"1101051949123100 X":           ErrCitizenIDFormat,
		"110105194912310021":           ErrCitizenIDChecksum,
		withCheck("11010519490230002"): ErrCitizenIDDate,
		withCheck("11010519001301002"): ErrCitizenIDDate,
		withCheck("11010500000101002"): ErrCitizenIDDate,
		withCheck("11010519000229002"): ErrCitizenIDDate, // 1900 was no leap year
	} {
		_, err := ParseCitizenID(s)
		require.ErrorIs(t, err, want, s)
	}
	_, err := ParseCitizenID(withCheck("11010520000229002"))
	require.NoError(t, err)
}

func TestUSCCVectors(t *testing.T) {
	v := vectors(t)
	for _, s := range v.USCC.Good {
		require.NoError(t, CheckUSCC(s), s)
		require.False(t, earlyFujianUSCC(s))
	}
	require.Len(t, v.USCC.Genuine, 3)
	for _, s := range v.USCC.Genuine {
		require.ErrorIs(t, CheckUSCC(s), ErrUSCCChecksum, s)
		require.True(t, earlyFujianUSCC(s), s)
	}
}

func TestUSCCRefusals(t *testing.T) {
	for s, want := range map[string]error{
		"":                   ErrUSCCFormat,
		"1110000000001312":   ErrUSCCFormat,
		"11100000000013127d": ErrUSCCFormat,
		"1110000000001312ID": ErrUSCCFormat,
		"11100000000013127I": ErrUSCCFormat,
		"1110000A000013127D": ErrUSCCFormat,
		"11100000000013127E": ErrUSCCChecksum,
		"11100000000013137D": ErrUSCCChecksum,
	} {
		require.ErrorIs(t, CheckUSCC(s), want, s)
	}
	// The outer check digit is right and the organisation code inside is not.
	body := "11100000000013128"
	for _, c := range usccAlphabet {
		if err := CheckUSCC(body + string(c)); err != nil && strings.Contains(err.Error(), "inside") {
			return
		}
	}
	t.Fatal("the organisation code is not checked")
}

func TestVIN(t *testing.T) {
	for s, want := range map[string]error{
		"1M8GDM9AXKP042788": nil, // the usual sample of ISO 3779
		"11111111111111111": nil,
		"1M8GDM9A0KP042788": ErrVINChecksum,
		"1M8GDM9AXKPO42788": ErrVINFormat,
		"1M8GDM9AXKP04278":  ErrVINFormat,
		"1m8gdm9axkp042788": ErrVINFormat,
	} {
		require.ErrorIs(t, CheckVIN(s), want, s)
	}
}

func TestPlates(t *testing.T) {
	for s, want := range map[string]PlateShape{
		"湘A12345": PlateOrdinary, "京AD1234": PlateOrdinary, "粤B5K9X2": PlateOrdinary,
		"湘AD12345": PlateNewSmall, "湘AF56789": PlateNewSmall, "沪ADA1234": PlateNewSmall,
		"湘A12345D": PlateNewLarge, "湘A1234学": PlateSuffixed, "京A1234警": PlateSuffixed, "湘A123Z挂": PlateSuffixed,
		"粤Z1A23港": PlateBorder, "粤ZAB12澳": PlateBorder, "224578使": PlateEmbassy, "沪A0023领": PlateConsulate,
	} {
		got, err := ParsePlate(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got, s)
	}
	for _, s := range []string{"", "A12345", "湘I12345", "湘O12345", "湘A1234", "湘AABC12", "湘AL12345", "湘A123456", "湘AD1234I",
		"湘a12345", "湘A 1234", "国A12345", "湘A12345 ", "湘A1234港", "湘Z1234港", "224578 使", "湘A\xff2345", "湘AI2345"} {
		_, err := ParsePlate(s)
		require.ErrorIs(t, err, ErrPlate, s)
	}
	require.True(t, plateTypeFits("湘AD12345", "52"))
	require.False(t, plateTypeFits("湘A12345", "52"))
	require.False(t, plateTypeFits("湘AD12345", "02"))
	require.True(t, plateTypeFits("湘A12345D", "51"))
}

func FuzzParseCitizenID(f *testing.F) {
	for _, s := range append(vectors(f).CitizenID.Good, "110101197608056896", "", "11010519491231002x") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseCitizenID(s)
		if err != nil {
			return
		}
		if len(s) != 18 || id.Region != s[:6] || id.Birth.Format("20060102") != s[6:14] || id.Sex != "1" && id.Sex != "2" {
			t.Fatalf("%q gives %+v", s, id)
		}
		// One digit changed is always detected (ISO 7064 MOD 11-2).
		for i := range 17 {
			slip := []byte(s)
			slip[i] = '0' + (slip[i]-'0'+1)%10
			if _, err := ParseCitizenID(string(slip)); err == nil {
				t.Fatalf("%q and %q both pass", s, slip)
			}
		}
	})
}

func FuzzCheckUSCC(f *testing.F) {
	v := vectors(f)
	for _, s := range append(v.USCC.Good, v.USCC.Genuine...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckUSCC(s) != nil {
			_ = earlyFujianUSCC(s)
			return
		}
		if earlyFujianUSCC(s) && len(s) != 18 {
			t.Fatal(s)
		}
		for i := range 18 {
			slip := []byte(s)
			slip[i] = usccAlphabet[(strings.IndexByte(usccAlphabet, slip[i])+1)%31]
			if CheckUSCC(string(slip)) == nil {
				t.Fatalf("%q and %q both pass", s, slip)
			}
		}
	})
}

func FuzzPlatesAndClasses(f *testing.F) {
	for _, s := range []string{"湘A12345", "湘AD12345", "224578使", "A1A2D", "C1E", "BDJ", "", "1M8GDM9AXKP042788"} {
		f.Add(s)
	}
	c, err := Embedded()
	if err != nil {
		f.Fatal(err)
	}
	classes, _ := c.Tables().Table("vehicle-classes")
	f.Fuzz(func(t *testing.T, s string) {
		if shape, err := ParsePlate(s); (err == nil) == (shape == "") {
			t.Fatal("shape and error disagree")
		}
		_ = CheckVIN(s)
		codes, err := classes.Split(s)
		if err == nil && strings.Join(codes, "") != s {
			t.Fatalf("%q splits into %q", s, codes)
		}
		for _, code := range codes {
			if covers, err := classes.Covers(s, code); err != nil || !covers {
				t.Fatalf("%q does not cover its own %q", s, code)
			}
		}
	})
}
