package schemas

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed tables/regions.txt
var regionsText []byte

// Region is an administrative division under one code in one span of years.
type Region struct {
	Code string
	Name string // the division's own name: 芙蓉区
	From int    // first year; 0: since before 1980, when the code began, or not known
	To   int    // last year; 0: still in force
}

// In says whether the region was in force in a year.
func (r Region) In(year int) bool { return year >= r.From && (r.To == 0 || year <= r.To) }

// RegionTable holds the codes of GB/T 2260 with all that were abolished since
// 1980. People keep the code of the county that they were first registered in,
// so that a citizen's number may name a county that is long gone.
type RegionTable struct {
	spans map[string][]Region // oldest first
}

// Regions is the embedded table; see tables/README.md for its sources.
func Regions() *RegionTable { return regions() }

var regions = sync.OnceValue(func() *RegionTable {
	table, err := parseRegions(regionsText)
	if err != nil {
		// The text is part of the binary and covered by a test.
		panic("schemas: embedded regions: " + err.Error())
	}
	return table
})

// parseRegions reads lines "430102 东区 1983-1995"; a missing year is open, a
// missing span means always.
func parseRegions(text []byte) (*RegionTable, error) {
	t := &RegionTable{spans: make(map[string][]Region, 8<<10)}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(line, " ")
		if len(parts) < 2 || len(parts) > 3 || !sixDigits(parts[0]) || parts[1] == "" {
			return nil, fmt.Errorf("line %d: want code, name and years", n)
		}
		r := Region{Code: parts[0], Name: parts[1]}
		if len(parts) == 3 {
			from, to, ok := strings.Cut(parts[2], "-")
			var errFrom, errTo error
			if from != "" {
				r.From, errFrom = strconv.Atoi(from)
			}
			if to != "" {
				r.To, errTo = strconv.Atoi(to)
			}
			if !ok || errFrom != nil || errTo != nil || r.To != 0 && r.To < r.From {
				return nil, fmt.Errorf("line %d: years", n)
			}
		}
		t.spans[r.Code] = append(t.spans[r.Code], r)
	}
	return t, lines.Err()
}

// Len is how many codes there are.
func (t *RegionTable) Len() int { return len(t.spans) }

// History is every span of a code, oldest first; none if it never was a code.
func (t *RegionTable) History(code string) []Region { return append([]Region(nil), t.spans[code]...) }

// Known says whether the code is or ever was one of GB/T 2260. Four endings
// (市辖区 01, 城区 02, 郊区 11, 市区 20) occur in genuine citizen numbers of
// prefectures although no published list has them; they count as known where
// the prefecture does.
func (t *RegionTable) Known(code string) bool {
	if _, ok := t.spans[code]; ok {
		return true
	}
	if !sixDigits(code) {
		return false
	}
	switch code[4:] {
	case "01", "02", "11", "20":
		_, ok := t.spans[code[:4]+"00"]
		return ok
	}
	return false
}

// Lookup is the region that a code stood for on a date. The sources know years,
// not days; in a year of change the newer region wins.
func (t *RegionTable) Lookup(code string, on time.Time) (Region, bool) {
	spans := t.spans[code]
	year := on.In(beijing).Year()
	for i := len(spans) - 1; i >= 0; i-- {
		if spans[i].In(year) {
			return spans[i], true
		}
	}
	return Region{}, false
}

// FullName is a region's name with its province and prefecture as they were on
// a date (湖南省长沙市芙蓉区). Where the code was not in force on that date the
// nearest span names it; an unknown code has no name.
func (t *RegionTable) FullName(code string, on time.Time) string {
	if !sixDigits(code) {
		return ""
	}
	var b strings.Builder
	last := ""
	for _, c := range []string{code[:2] + "0000", code[:4] + "00", code} {
		if c == last {
			continue
		}
		last = c
		r, ok := t.Lookup(c, on)
		if !ok {
			if spans := t.spans[c]; len(spans) > 0 {
				r = spans[len(spans)-1]
				if on.In(beijing).Year() < spans[0].From {
					r = spans[0]
				}
			}
		}
		// Placeholders of the hierarchy say nothing: 北京市 市辖区 东城区.
		if r.Name == "市辖区" || r.Name == "县" || strings.Contains(r.Name, "直辖县级") {
			continue
		}
		b.WriteString(r.Name)
	}
	return b.String()
}

// RegionCovers says whether a region lies in another: trailing pairs of zeros
// of the first are wildcards, so that "430000" covers "430102" and "000000"
// everything. Both must be six digits.
func RegionCovers(prefix, region string) bool {
	if !sixDigits(prefix) || !sixDigits(region) {
		return false
	}
	for strings.HasSuffix(prefix, "00") {
		prefix = prefix[:len(prefix)-2]
	}
	return strings.HasPrefix(region, prefix)
}

func sixDigits(s string) bool {
	return len(s) == 6 && strings.Trim(s, "0123456789") == ""
}
