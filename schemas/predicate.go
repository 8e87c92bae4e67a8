package schemas

import "time"

// Evaluate computes the predicates of a type over the claims of a certificate,
// at a moment. A predicate whose field is absent is absent from the answer:
// unknown is not false. changesAt is the next moment at which an answer turns
// over, zero when none ever does: a certificate that carries predicates has to
// be signed anew by then. Days begin in Beijing.
func (t *Type) Evaluate(c Claims, now time.Time) (predicates map[string]bool, changesAt time.Time) {
	predicates = make(map[string]bool, len(t.Predicates))
	for _, p := range t.Predicates {
		value, ok := c[p.Field].(string)
		if !ok {
			continue
		}
		answer, turns, ok := t.evaluate(p, value, now)
		if !ok {
			continue
		}
		predicates[p.Name] = answer
		if turns.After(now) && (changesAt.IsZero() || turns.Before(changesAt)) {
			changesAt = turns
		}
	}
	return predicates, changesAt
}

// evaluate answers one predicate, and when the answer turns over.
func (t *Type) evaluate(p Predicate, value string, now time.Time) (answer bool, turns time.Time, ok bool) {
	switch p.Op {
	case OpAgeAtLeast:
		birth, err := parseDate(value)
		if err != nil {
			return false, time.Time{}, false
		}
		turns = birthday(birth, p.Years)
		return !now.Before(turns), turns, true
	case OpNotPassed:
		if value == LongTerm {
			return true, time.Time{}, true
		}
		day, err := parseDate(value)
		if err != nil {
			return false, time.Time{}, false
		}
		turns = day.AddDate(0, 0, 1)
		return now.Before(turns), turns, true
	case OpCovers:
		f, _ := t.Field(p.Field)
		table, err := t.index.tables.Table(f.Table)
		if err != nil {
			return false, time.Time{}, false
		}
		answer, err = table.Covers(value, p.Value)
		return answer, time.Time{}, err == nil
	case OpEquals:
		return value == p.Value, time.Time{}, true
	default:
		return false, time.Time{}, false
	}
}
