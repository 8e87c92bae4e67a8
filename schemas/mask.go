package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const hidden = "***"

// Mask is a value as it is shown in lists and offline views. It never shows
// more than the field's rule says: a value too short for its rule is hidden,
// and so is a field that the type does not know. Predicates and flags are
// answers, not identifying values, and are shown unless hidden.
func (t *Type) Mask(field string, v any) any {
	if v == nil {
		return nil
	}
	if _, ok := t.Predicate(field); ok {
		return v
	}
	f, ok := t.Field(field)
	if !ok {
		if f, ok = t.LiveField(field); !ok {
			return hidden
		}
	}
	if f.Mask.Rule == MaskNone {
		return v
	}
	return f.Mask.apply(v)
}

func (m Mask) apply(v any) any {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case float64, int, int64:
		s = fmt.Sprint(v)
	default:
		return hidden
	}
	runes := []rune(s)
	switch m.Rule {
	case MaskKeep:
		// Something must stay hidden, or the mask would be none.
		if len(runes) <= m.Start+m.End {
			return hidden
		}
		return string(runes[:m.Start]) + strings.Repeat("*", len(runes)-m.Start-m.End) + string(runes[len(runes)-m.End:])
	case MaskName:
		// Two stars whatever the length: the length of a long name gives it away.
		if len(runes) < 2 {
			return hidden
		}
		return string(runes[:1]) + "**"
	case MaskYear:
		if len(s) != len("2006-01-02") || utf8.RuneCountInString(s) != len(s) {
			return hidden
		}
		return s[:4] + "-**-**"
	default:
		return hidden
	}
}
