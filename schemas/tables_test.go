package schemas

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func catalogue(t testing.TB) *Catalogue {
	c, err := Embedded()
	require.NoError(t, err)
	return c
}

func table(t testing.TB, name string) *Table {
	found, err := catalogue(t).Tables().Table(name)
	require.NoError(t, err)
	return found
}

func TestVehicleClasses(t *testing.T) {
	classes := table(t, "vehicle-classes")
	require.Len(t, classes.Codes, 17)
	for combined, want := range map[string][]string{
		"A1A2D": {"A1", "A2", "D"}, "C1E": {"C1", "E"}, "C1": {"C1"}, "DEF": {"D", "E", "F"}, "A3N": {"A3", "N"},
	} {
		got, err := classes.Split(combined)
		require.NoError(t, err, combined)
		require.Equal(t, want, got)
	}
	for combined, want := range map[string]error{
		"": ErrCodeUnknown, "C": ErrCodeUnknown, "C7": ErrCodeUnknown, "c1": ErrCodeUnknown, "C1,D": ErrCodeUnknown,
		"C1C1": ErrCodeTwice, "C1 D": ErrCodeUnknown, "A4": ErrCodeUnknown,
	} {
		_, err := classes.Split(combined)
		require.ErrorIs(t, err, want, combined)
	}
	// 公安部令162号 annex 1, as a table of closures.
	for class, covered := range map[string][]string{
		"A1": {"A1", "A3", "B1", "B2", "C1", "C2", "C3", "C4", "M"},
		"A2": {"A2", "B1", "B2", "C1", "C2", "C3", "C4", "C6", "M"},
		"A3": {"A3", "C1", "C2", "C3", "C4"},
		"B1": {"B1", "C1", "C2", "C3", "C4", "M"},
		"B2": {"B2", "C1", "C2", "C3", "C4", "M"},
		"C1": {"C1", "C2", "C3", "C4"}, "C2": {"C2"}, "C3": {"C3", "C4"}, "C4": {"C4"}, "C5": {"C5"}, "C6": {"C6"},
		"D": {"D", "E", "F"}, "E": {"E", "F"}, "F": {"F"}, "M": {"M"}, "N": {"N"}, "P": {"P"},
		"C2E": {"C2", "E", "F"},
	} {
		got, err := classes.Closure(class)
		require.NoError(t, err)
		require.Equal(t, covered, got, class)
	}
	covers, err := classes.Covers("A2D", "C1")
	require.NoError(t, err)
	require.True(t, covers)
	covers, err = classes.Covers("C2", "C1")
	require.NoError(t, err)
	require.False(t, covers)
}

func TestStateLetters(t *testing.T) {
	licence := table(t, "licence-states")
	got, err := licence.Split("BDJ")
	require.NoError(t, err)
	require.Equal(t, []string{"B", "D", "J"}, got)
	require.Equal(t, Text{"超分、暂扣、停止使用", "too many points, suspended, use stopped"}, licence.Describe("BDJ"))
	_, err = licence.Split("AB")
	require.ErrorIs(t, err, ErrCodeAlone, "正常 with another state")
	_, err = table(t, "vehicle-states").Split("GZ")
	require.ErrorIs(t, err, ErrCodeUnknown)
}

func TestTables(t *testing.T) {
	for name, size := range map[string]int{"sex": 4, "ethnicities": 58, "holder-code-types": 19, "certificate-states": 8,
		"licence-states": 19, "vehicle-states": 16} {
		require.Len(t, table(t, name).Codes, size, name)
	}
	tables := catalogue(t).Tables()
	require.Equal(t, Text{"土家族", "Tujia"}, tables.Name("ethnicities", "15"))
	require.Equal(t, Text{"女", "female"}, tables.Name("sex", "2"))
	require.Equal(t, Text{"7", "7"}, tables.Name("sex", "7"))
	require.Equal(t, Text{"吊销", "revoked"}, tables.Name("certificate-states", "07"))
	_, err := tables.Table("none")
	require.ErrorIs(t, err, ErrTableUnknown)
	require.Contains(t, tables.Names(), "nationalities")
}

func year(y int) time.Time { return time.Date(y, 6, 1, 0, 0, 0, 0, time.UTC) }

func TestRegions(t *testing.T) {
	r := Regions()
	require.Greater(t, r.Len(), 7000)
	for _, c := range []struct {
		code string
		year int
		name string
	}{
		{"430102", 1990, "东区"}, {"430102", 2020, "芙蓉区"}, {"430102", 1981, "城东区"},
		{"110103", 2000, "崇文区"}, {"110103", 2015, ""}, // merged into 东城区 in 2010
		{"430123", 1990, "浏阳县"}, {"430123", 2000, ""},
		{"500000", 1990, ""}, {"500000", 2000, "重庆市"},
		{"330113", 2024, "临平区"}, {"330113", 2019, ""},
		{"999999", 2000, ""},
	} {
		got, ok := r.Lookup(c.code, year(c.year))
		require.Equal(t, c.name != "", ok, c)
		require.Equal(t, c.name, got.Name, c)
	}
	require.Equal(t, "湖南省长沙市芙蓉区", r.FullName("430102", year(2020)))
	require.Equal(t, "北京市东城区", r.FullName("110101", year(2020)))
	require.Equal(t, "湖南省", r.FullName("430000", year(2020)))
	require.Equal(t, "湖南省长沙市浏阳县", r.FullName("430123", year(2020)), "abolished: the nearest span names it")
	require.Empty(t, r.FullName("4301", year(2020)))
	require.Len(t, r.History("430102"), 3)
	require.True(t, r.Known("430123"))
	require.True(t, r.Known("450111"), "a total that no list has")
	require.False(t, r.Known("340524"), "a famous sample number, and no region")
	require.False(t, r.Known("43010x"))
	for code, spans := range r.spans {
		for i := range spans {
			require.True(t, spans[i].To == 0 || spans[i].To >= spans[i].From, code)
		}
	}
	for _, bad := range []string{"43010 x", "430102", "430102 东区 1990", "430102 东区 1990-1980", "430102 东区 a-b", "430102 东 区 1-2"} {
		_, err := parseRegions([]byte(bad))
		require.Error(t, err, bad)
	}
}

func TestRegionCovers(t *testing.T) {
	for _, c := range []struct {
		prefix, region string
		want           bool
	}{
		{"430000", "430102", true}, {"430100", "430102", true}, {"430102", "430102", true}, {"000000", "430102", true},
		{"430000", "440102", false}, {"430100", "430202", false}, {"430102", "430103", false}, {"430102", "430100", false},
		{"430100", "430000", false}, {"43", "430102", false}, {"430000", "43010", false}, {"", "430102", false}, {"43000x", "430001", false},
		// 430010 ends in one zero only: no wildcard.
		{"430010", "430011", false},
	} {
		require.Equal(t, c.want, RegionCovers(c.prefix, c.region), c)
	}
}
