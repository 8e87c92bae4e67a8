package schemas

import "time"

// CheckPerson says what is wrong with the name and number of a natural person that somebody else
// gives, such as whoever appoints an agent: nothing, or problems with pointers into the
// reference. It knows the form only, never whether there is such a person.
func (c *Catalogue) CheckPerson(h HolderRef, now time.Time) []Problem {
	table, err := c.tables.Table("holder-code-types")
	if err != nil {
		return []Problem{{Code: CodeHolderType, Pointer: "/type", Detail: "no table of holders"}}
	}
	v := validation{t: &Type{index: &typeIndex{tables: c.tables}}, row: &Row{}, today: now.In(beijing), bad: map[string]bool{}}
	v.holder("", h, natural(table))
	return v.problems
}

// natural are the code types of natural persons.
func natural(table *Table) []string {
	var codes []string
	for _, c := range table.Codes {
		if c.Code != HolderUSCC && c.Code != "099" {
			codes = append(codes, c.Code)
		}
	}
	return codes
}

// Standing says whether a certificate with these dates is in force at a moment: from the
// beginning of the first day to the end of the last one, in Beijing. Dates that cannot be read
// are in force never.
func Standing(validFrom, validUntil string, now time.Time) bool {
	from, err := time.ParseInLocation(time.DateOnly, validFrom, beijing)
	if err != nil || now.Before(from) {
		return false
	}
	if validUntil == "" || validUntil == LongTerm {
		return true
	}
	last, err := time.ParseInLocation(time.DateOnly, validUntil, beijing)
	return err == nil && now.Before(last.AddDate(0, 0, 1))
}
