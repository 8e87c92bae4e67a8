package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Errors of offline views.
var (
	// ErrOfflineView says that a type has no such offline view: it is not to be issued.
	ErrOfflineView = errors.New("schemas: the type offers no such offline view")
	// ErrOfflineUnknown says that a number in a code stands for nothing in this catalogue.
	ErrOfflineUnknown = errors.New("schemas: offline code of a type, version or view that is not known")
	// ErrOfflineValue says that a value does not have the form that its field has in a code.
	ErrOfflineValue = errors.New("schemas: value of an offline code")
)

// Stable codes of the refusals (testdata/problems.json).
const (
	CodeOfflineView    = "offline-view-not-offered"
	CodeOfflineUnknown = "offline-view-unknown"
	CodeOfflineValue   = "offline-value"
)

// OfflineCode is the stable code of a refusal of an offline view, and "" for any other error.
func OfflineCode(err error) string {
	switch {
	case errors.Is(err, ErrOfflineView):
		return CodeOfflineView
	case errors.Is(err, ErrOfflineUnknown):
		return CodeOfflineUnknown
	case errors.Is(err, ErrOfflineValue):
		return CodeOfflineValue
	}
	return ""
}

// OfflineView is one view of one certificate as it stands in an offline code: by numbers, masked as
// the type wants it, and as short as it can be said exactly. crypto/sdcwt signs and reads it.
type OfflineView struct {
	Type, Version, View int64
	// Values by the number of the field: string, int64, bool, nil (hidden by its mask) or
	// []any{string, int64} (what the mask keeps, and how many characters it hides).
	Values map[int64]any
}

// OfflineReading is an offline view with its names again.
type OfflineReading struct {
	Type   *Type
	View   View
	Fields []OfflineField // in the order of the view; what the certificate does not have is not there
}

// OfflineField is one value as a checker shows it.
type OfflineField struct {
	Name  string
	Label Text
	Value any  // as in the certificate, or as [Type.Mask] shows it
	Text  Text // for people
}

const offlineRedacted = "[offline view redacted]"

// Format keeps values out of every fmt verb.
func (OfflineView) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, offlineRedacted) }

// LogValue keeps values out of logs.
func (OfflineView) LogValue() slog.Value { return slog.StringValue(offlineRedacted) }

// Format keeps values out of every fmt verb.
func (OfflineField) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, offlineRedacted) }

// LogValue keeps values out of logs.
func (OfflineField) LogValue() slog.Value { return slog.StringValue(offlineRedacted) }

// Claims are the values of a reading by name.
func (r OfflineReading) Claims() Claims {
	c := make(Claims, len(r.Fields))
	for _, f := range r.Fields {
		c[f.Name] = f.Value
	}
	return c
}

// offlineMask is how a field is masked in offline codes.
func (t *Type) offlineMask(f Field) Mask {
	if t.Offline.Masking == OfflinePlain {
		return Mask{Rule: MaskNone}
	}
	return f.Mask
}

// OfflineView writes the named view of a certificate's claims (see [Type.ClaimsOf]) for an offline
// code. Predicates are as of now; changesAt is the next moment at which one of the view turns over,
// zero when none does: the code must end by then.
func (t *Type) OfflineView(name string, c Claims, now time.Time) (out OfflineView, changesAt time.Time, err error) {
	view, err := t.View(name)
	if err != nil || !slices.Contains(t.Offline.Views, name) {
		return OfflineView{}, time.Time{}, fmt.Errorf("%w: %q of %s", ErrOfflineView, name, t.ID)
	}
	out = OfflineView{Type: int64(t.CWT), Version: int64(t.Version), View: int64(view.CWT), Values: map[int64]any{}}
	for _, name := range view.Fields {
		if p, ok := t.Predicate(name); ok {
			value, there := c[p.Field].(string)
			if !there {
				continue // unknown is not false
			}
			answer, turns, ok := t.evaluate(p, value, now)
			if !ok {
				continue
			}
			out.Values[int64(p.CWT)] = answer
			if turns.After(now) && (changesAt.IsZero() || turns.Before(changesAt)) {
				changesAt = turns
			}
			continue
		}
		f, _ := t.Field(name)
		value, there := c[name]
		if !there || value == nil {
			continue
		}
		short, err := t.shorten(f, value)
		if err != nil {
			return OfflineView{}, time.Time{}, fmt.Errorf("%w: field %s of %s: %w", ErrOfflineValue, name, t.ID, err)
		}
		out.Values[int64(f.CWT)] = short
	}
	if len(out.Values) == 0 {
		return OfflineView{}, time.Time{}, fmt.Errorf("%w: view %q of %s would be empty", ErrOfflineValue, name, t.ID)
	}
	return out, changesAt, nil
}

// ReadOffline gives an offline view its names again. The moment is for the names of regions.
func (c *Catalogue) ReadOffline(v OfflineView, now time.Time) (OfflineReading, error) {
	i := slices.IndexFunc(c.types, func(t *Type) bool {
		return t.CWT != 0 && int64(t.CWT) == v.Type && int64(t.Version) == v.Version && t.Published
	})
	if i < 0 {
		return OfflineReading{}, fmt.Errorf("%w: type %d version %d", ErrOfflineUnknown, v.Type, v.Version)
	}
	r := OfflineReading{Type: c.types[i]}
	j := slices.IndexFunc(r.Type.Views, func(view View) bool {
		return view.CWT != 0 && int64(view.CWT) == v.View && slices.Contains(r.Type.Offline.Views, view.Name)
	})
	if j < 0 {
		return OfflineReading{}, fmt.Errorf("%w: view %d of %s", ErrOfflineUnknown, v.View, r.Type.ID)
	}
	r.View = r.Type.Views[j]
	for _, name := range r.View.Fields {
		field, there, err := r.Type.readOffline(name, v.Values, now)
		if err != nil {
			return OfflineReading{}, fmt.Errorf("%w: field %s of %s: %w", ErrOfflineValue, name, r.Type.ID, err)
		}
		if there {
			r.Fields = append(r.Fields, field)
		}
	}
	if len(r.Fields) != len(v.Values) || len(r.Fields) == 0 {
		return OfflineReading{}, fmt.Errorf("%w: fields that view %s of %s does not have, or none", ErrOfflineValue, r.View.Name, r.Type.ID)
	}
	return r, nil
}

func (t *Type) readOffline(name string, values map[int64]any, now time.Time) (OfflineField, bool, error) {
	if p, ok := t.Predicate(name); ok {
		v, there := values[int64(p.CWT)]
		answer, isBool := v.(bool)
		if there && !isBool {
			return OfflineField{}, false, errShape
		}
		return OfflineField{Name: name, Label: p.Label, Value: answer, Text: t.sentence(Field{Kind: KindFlag}, answer, now)}, there, nil
	}
	f, _ := t.Field(name)
	short, there := values[int64(f.CWT)]
	if !there {
		return OfflineField{}, false, nil
	}
	v, err := t.restore(f, short)
	if err != nil {
		return OfflineField{}, false, err
	}
	return OfflineField{Name: name, Label: f.Label, Value: v, Text: t.sentence(f, v, now)}, true, nil
}

var errShape = errors.New("not the form of its kind and mask")

// shorten writes a value: masked first, then by mask or kind. restore(shorten(v)) is v, masked.
func (t *Type) shorten(f Field, v any) (any, error) {
	mask := t.offlineMask(f)
	if mask.Rule == MaskNone {
		return shortenPlain(f, v)
	}
	masked, ok := mask.apply(v).(string)
	if !ok || masked == hidden {
		return nil, nil // hidden altogether
	}
	switch mask.Rule {
	case MaskKeep:
		runes := []rune(masked)
		behind := len(runes) - mask.End
		return []any{string(runes[:mask.Start]) + string(runes[behind:]), int64(behind - mask.Start)}, nil
	case MaskName:
		return strings.TrimSuffix(masked, "**"), nil
	case MaskYear:
		year, err := strconv.ParseInt(masked[:4], 10, 64)
		if err != nil || year < 1000 {
			return nil, errShape
		}
		return year, nil
	}
	return nil, errShape
}

func shortenPlain(f Field, v any) (any, error) {
	switch f.Kind {
	case KindFlag:
		if b, ok := v.(bool); ok {
			return b, nil
		}
		return nil, errShape
	case KindInteger:
		return wholeNumber(v)
	}
	s, ok := v.(string)
	if !ok || s == "" {
		return nil, errShape
	}
	switch f.Kind {
	case KindDate, KindTerm:
		if f.Kind == KindTerm && s == LongTerm {
			return true, nil
		}
		day, err := parseDate(s)
		if err != nil {
			return nil, errShape
		}
		return dayNumber(day), nil
	case KindRegion:
		if !sixDigits(s) || s[0] == '0' {
			return nil, errShape
		}
		return strconv.ParseInt(s, 10, 64)
	}
	return s, nil
}

func wholeNumber(v any) (any, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case int:
		return int64(v), nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n, nil
		}
	}
	return nil, errShape
}

// dayNumber counts days from 1970-01-01, in the calendar alone.
func dayNumber(day time.Time) int64 {
	y, m, d := day.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// firstDay and lastDay are 0001-01-01 and 9999-12-31: dates have four digits of year.
const firstDay, lastDay = -719162, 2932896

func (t *Type) restore(f Field, short any) (any, error) {
	mask := t.offlineMask(f)
	if mask.Rule == MaskNone {
		return restorePlain(f, short)
	}
	if short == nil {
		return hidden, nil
	}
	switch mask.Rule {
	case MaskKeep:
		pair, ok := short.([]any)
		if !ok || len(pair) != 2 {
			return nil, errShape
		}
		kept, isText := pair[0].(string)
		n, isNumber := pair[1].(int64)
		runes := []rune(kept)
		if !isText || !isNumber || len(runes) != mask.Start+mask.End || n < 1 || n > 1000 {
			return nil, errShape
		}
		return string(runes[:mask.Start]) + strings.Repeat("*", int(n)) + string(runes[mask.Start:]), nil
	case MaskName:
		if s, ok := short.(string); ok && utf8.RuneCountInString(s) == 1 {
			return s + "**", nil
		}
	case MaskYear:
		if year, ok := short.(int64); ok && year >= 1000 && year <= 9999 {
			return strconv.FormatInt(year, 10) + "-**-**", nil
		}
	}
	return nil, errShape
}

func restorePlain(f Field, short any) (any, error) {
	switch f.Kind {
	case KindFlag:
		if b, ok := short.(bool); ok {
			return b, nil
		}
	case KindInteger:
		if n, ok := short.(int64); ok {
			return n, nil
		}
	case KindDate, KindTerm:
		if f.Kind == KindTerm && short == true {
			return LongTerm, nil
		}
		if n, ok := short.(int64); ok && n >= firstDay && n <= lastDay {
			return time.Unix(n*86400, 0).UTC().Format(time.DateOnly), nil
		}
	case KindRegion:
		if n, ok := short.(int64); ok && n >= 100000 && n <= 999999 {
			return strconv.FormatInt(n, 10), nil
		}
	default:
		if s, ok := short.(string); ok && s != "" {
			return s, nil
		}
	}
	return nil, errShape
}

// sentence is a value as people read it.
func (t *Type) sentence(f Field, v any, now time.Time) Text {
	switch v := v.(type) {
	case bool:
		if v {
			return Text{"是", "Yes"}
		}
		return Text{"否", "No"}
	case int64:
		s := strconv.FormatInt(v, 10)
		return withUnit(s, f.Unit)
	case string:
		switch {
		case v == hidden:
			return Text{hidden, hidden}
		case f.Kind == KindTerm && v == LongTerm:
			return Text{"长期", "Long-term"}
		case f.Kind == KindCode || f.Kind == KindLetters || f.Kind == KindClasses:
			return t.index.tables.Name(f.Table, v)
		case f.Kind == KindRegion:
			if name := t.index.tables.regions.FullName(v, now); name != "" {
				return Text{name, v}
			}
		}
		return withUnit(v, f.Unit)
	}
	return Text{}
}

func withUnit(s string, unit *Text) Text {
	if unit == nil {
		return Text{s, s}
	}
	return Text{s + unit.ZH, s + " " + unit.EN}
}
