package registry

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/showcard/showcard/schemas"
)

// UsageRow is a group of checks of one party that are alike. Checks are records, so it is counted
// from them; nothing personal is in it.
type UsageRow struct {
	Day     string // 2006-01-02 in China
	Purpose string
	Type    string
	Via     string // code, presentation, facts
	Outcome string
	Reasons []string
	Fields  []string // names of what was disclosed, or asked as facts
	Checks  int64
}

// Usage is what a party did in some days, for whoever watches over it.
type Usage struct {
	Party   string       `json:"party"`
	From    string       `json:"from"` // first day
	Checks  int64        `json:"checks"`
	Groups  []UsageGroup `json:"groups"`
	Reasons []Counted    `json:"reasons"` // why checks were not valid
	Fields  []Counted    `json:"fields"`  // how often each was seen or asked
	Flags   []UsageFlag  `json:"flags"`
}

// UsageGroup counts the checks of a day.
type UsageGroup struct {
	Day     string `json:"day"`
	Purpose string `json:"purpose"`
	Type    string `json:"type"`
	Via     string `json:"via"`
	Outcome string `json:"outcome"`
	Checks  int64  `json:"checks"`
}

// Counted is a name and how often it came.
type Counted struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// UsageFlag is something that a person should look at.
type UsageFlag struct {
	Code string       `json:"code"`
	Text schemas.Text `json:"text"`
}

// Fewer than so many checks are no pattern.
const flagFrom = 20

// Summarise counts rows together and says what stands out.
func Summarise(party, from string, rows []UsageRow) Usage {
	out := Usage{Party: party, From: from, Groups: []UsageGroup{}, Flags: []UsageFlag{}}
	groups, reasons, fields, days := map[UsageGroup]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	var facts, mismatches, unknown int64
	for _, r := range rows {
		out.Checks += r.Checks
		days[r.Day] += r.Checks
		groups[UsageGroup{Day: r.Day, Purpose: r.Purpose, Type: r.Type, Via: r.Via, Outcome: r.Outcome}] += r.Checks
		for _, one := range r.Reasons {
			reasons[one] += r.Checks
		}
		for _, one := range r.Fields {
			fields[one] += r.Checks
		}
		if r.Via == "facts" {
			facts += r.Checks
			if slices.Contains(r.Reasons, "facts-mismatch") {
				mismatches += r.Checks
			}
			if slices.Contains(r.Reasons, "certificate-unknown") {
				unknown += r.Checks
			}
		}
	}
	for g, n := range groups {
		g.Checks = n
		out.Groups = append(out.Groups, g)
	}
	slices.SortFunc(out.Groups, func(a, b UsageGroup) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Via, b.Via), cmp.Compare(a.Outcome, b.Outcome))
	})
	out.Reasons, out.Fields = byCount(reasons), byCount(fields)
	flag := func(code, zh, en string) {
		out.Flags = append(out.Flags, UsageFlag{code, schemas.Text{ZH: zh, EN: en}})
	}
	if facts >= flagFrom && mismatches*5 >= facts {
		flag("facts-mismatches", "不用码的核对有五分之一以上不符，可能在试探信息。", "One in five checks of facts or more did not match: somebody may be guessing.")
	}
	if facts >= flagFrom && unknown*5 >= facts {
		flag("facts-unknown", "不用码的核对有五分之一以上查无证照，可能在试探号码。", "One in five checks of facts or more found no certificate: somebody may be trying numbers.")
	}
	if busiest, others := peak(days); len(days) > 1 && busiest >= flagFrom && busiest > 5*others {
		flag("day-unusual", "有一天的核验次数是其他日子平均的五倍以上。", "One day had more than five times the checks of the others on average.")
	}
	return out
}

// peak is the busiest day and the average of the others.
func peak(days map[string]int64) (busiest, others int64) {
	var sum int64
	for _, n := range days {
		sum, busiest = sum+n, max(busiest, n)
	}
	if len(days) > 1 {
		others = (sum - busiest) / int64(len(days)-1)
	}
	return busiest, others
}

func byCount(counts map[string]int64) []Counted {
	out := make([]Counted, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, Counted{name, counts[name]})
	}
	slices.SortStableFunc(out, func(a, b Counted) int { return cmp.Compare(b.Count, a.Count) })
	return out
}

// China is the zone of days: there is one.
func China() *time.Location { return time.FixedZone("CST", 8*60*60) }
