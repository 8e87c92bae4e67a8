package schemas

import (
	"slices"
	"strconv"
	"time"
)

// rules checks the rules of a type's JSON file.
func (c *checker) rules() {
	date := []Kind{KindDate, KindTerm}
	for i, r := range c.t.Rules {
		at := "/rules/" + strconv.Itoa(i)
		other, years, fields := false, false, false
		switch r.Op {
		case RuleBirthDate:
			c.kindOf(at+"/field", r.Field, KindDate)
			c.kindOf(at+"/other", r.Other, KindCitizenID, KindHolderNumber)
			other = true
		case RuleSex:
			c.kindOf(at+"/field", r.Field, KindCode)
			c.kindOf(at+"/other", r.Other, KindCitizenID, KindHolderNumber)
			other = true
		case RuleHolderNumber:
			c.kindOf(at+"/field", r.Field, KindCitizenID, KindHolderNumber, KindUSCC)
		case RuleHolderType:
			c.kindOf(at+"/field", r.Field, KindCode)
		case RuleHolderName:
			c.kindOf(at+"/field", r.Field, KindText)
		case RuleSame:
			c.kindOf(at+"/field", r.Field)
			c.kindOf(at+"/other", r.Other)
			other = true
		case RuleOrder:
			if len(r.Fields) < 2 {
				c.fail(at+"/fields", "at least two are required")
			}
			for j, name := range r.Fields {
				c.kindOf(at+"/fields/"+strconv.Itoa(j), name, date...)
			}
			fields = true
		case RuleIDValidity:
			c.kindOf(at+"/field", r.Field, KindDate)
		case RuleValidityYears:
			years = true
			if len(r.Years) == 0 {
				c.fail(at+"/years", "at least one is required")
			}
		case RulePlateType:
			c.kindOf(at+"/field", r.Field, KindPlate)
			c.kindOf(at+"/other", r.Other, KindCode)
			other = true
		default:
			c.fail(at+"/op", "unknown operation %q", r.Op)
			continue
		}
		if !other && r.Other != "" || !years && len(r.Years) > 0 || !fields && len(r.Fields) > 0 ||
			(fields || years) && r.Field != "" {
			c.fail(at, "an argument does not belong to operation %s", r.Op)
		}
	}
}

// rule applies one cross-check. A field that is absent or malformed has been
// reported already, or is optional: the rule then has nothing to say.
func (v *validation) rule(r Rule) {
	value := func(name string) (string, bool) {
		if v.bad[name] {
			return "", false
		}
		s, ok := v.all[name].(string)
		return s, ok && s != ""
	}
	field, ok := value(r.Field)
	if !ok && r.Field != "" {
		return
	}
	other, otherOK := value(r.Other)
	if !otherOK && r.Other != "" {
		return
	}
	switch r.Op {
	case RuleBirthDate:
		if id, err := ParseCitizenID(other); err == nil && id.Birth.Format(time.DateOnly) != field {
			v.addAt(r.Field, CodeBirthDate, "not the birth date in "+r.Other, false)
		}
	case RuleSex:
		if id, err := ParseCitizenID(other); err == nil && id.Sex != field {
			v.addAt(r.Field, CodeSex, "not the sex in "+r.Other, false)
		}
	case RuleHolderNumber:
		if field != v.row.Holder.Number {
			v.addAt(r.Field, CodeHolder, "not the number of the row's holder", false)
		}
	case RuleHolderType:
		if field != v.row.Holder.Type {
			v.addAt(r.Field, CodeHolder, "not the code type of the row's holder", false)
		}
	case RuleHolderName:
		if field != v.row.Holder.Name {
			v.addAt(r.Field, CodeHolder, "not the name of the row's holder", false)
		}
	case RuleSame:
		if field != other {
			v.addAt(r.Field, CodeFieldsDiffer, "differs from "+r.Other, false)
		}
	case RuleOrder:
		v.order(r.Fields, value)
	case RuleIDValidity:
		birth, err := parseDate(field)
		if err != nil || v.from.IsZero() || v.badUntil {
			return
		}
		if !v.validFor(residentIDYears(birth, v.from)) {
			v.add(CodeValidity, "/valid_until", "not the period of a resident identity card at that age (居民身份证法 §5)", v.mode == Import)
		}
	case RuleValidityYears:
		if !v.from.IsZero() && !v.badUntil && !slices.ContainsFunc(r.Years, v.validFor) {
			v.add(CodeValidity, "/valid_until", "not one of the periods of this type", v.mode == Import)
		}
	case RulePlateType:
		if !plateTypeFits(field, other) {
			v.addAt(r.Field, CodePlateFormat, "not the shape of plates of "+r.Other, false)
		}
	}
}

func (v *validation) order(fields []string, value func(string) (string, bool)) {
	last, lastName := "", ""
	for _, name := range fields {
		date, ok := value(name)
		if !ok || date == LongTerm {
			continue
		}
		// Dates are written so that they sort as text.
		if date < last {
			v.addAt(name, CodeDatesOrder, "before "+lastName, false)
		}
		last, lastName = date, name
	}
}

// residentIDYears is for how many years a resident identity card is valid by
// the holder's age on the first day; 0 is long-term (居民身份证法 §5).
func residentIDYears(birth, from time.Time) int {
	switch age := ageOn(birth, from); {
	case age < 16:
		return 5
	case age < 26:
		return 10
	case age < 46:
		return 20
	default:
		return 0
	}
}

// validFor says whether the row is valid for that many years; 0 is long-term.
// Authorities count both ways: the last day is the same day n years on, or the
// day before. Of 29 February, n years on is 28 February or 1 March.
func (v *validation) validFor(years int) bool {
	if v.until.IsZero() || years == 0 {
		return v.until.IsZero() && years == 0
	}
	end := v.from.AddDate(years, 0, 0)
	for _, last := range []time.Time{end, end.AddDate(0, 0, -1)} {
		if v.until.Equal(last) {
			return true
		}
	}
	return v.from.Day() == 29 && v.from.Month() == time.February && v.until.Equal(end.AddDate(0, 0, -2))
}

// ageOn is the age in whole years (周岁). Who was born on 29 February turns a
// year older on 1 March of ordinary years.
func ageOn(birth, on time.Time) int {
	age := on.Year() - birth.Year()
	if on.Before(birthday(birth, age)) {
		age--
	}
	return age
}

// birthday is when the person born on birth turns that many years.
func birthday(birth time.Time, years int) time.Time {
	return time.Date(birth.Year()+years, birth.Month(), birth.Day(), 0, 0, 0, 0, beijing)
}

func parseDate(s string) (time.Time, error) {
	return time.ParseInLocation(time.DateOnly, s, beijing)
}
