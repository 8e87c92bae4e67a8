package schemas

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Limits of a row's own members.
const (
	MaxPortrait        = 20 << 10
	maxKey             = 128
	maxNumber          = 64
	maxHolderName      = 200
	maxRepresentatives = 20
	maxProblems        = 100 // of one row; a hostile row is not worth more
)

// Validate looks the row's type up and validates the row against it. Unknown
// and unpublished types are problems of the row.
func (c *Catalogue) Validate(r Row, now time.Time, m Mode) (*Type, []Problem) {
	t, err := c.Type(r.Type)
	if err != nil {
		return nil, []Problem{TypeProblem(err)}
	}
	return t, t.Validate(r, now, m)
}

// TypeProblem is the problem of a row whose type was refused by a look-up.
func TypeProblem(err error) Problem {
	code := CodeTypeUnknown
	if isUnpublished(err) {
		code = CodeTypeUnpublished
	}
	return Problem{Code: code, Pointer: "/type", Detail: "the catalogue does not offer this type"}
}

// Validate checks everything about a row but its issuer's right to issue:
// schema, code tables, checksums, cross-checks, portrait. now is needed because
// nothing may have been issued in the future; days begin in Beijing.
func (t *Type) Validate(r Row, now time.Time, m Mode) []Problem {
	v := validation{t: t, row: &r, mode: m, today: now.In(beijing), bad: map[string]bool{}}
	v.members()
	v.holder("/holder", r.Holder, t.HolderTypes)
	v.representatives()
	v.portrait()
	v.claims()
	for _, rule := range t.Rules {
		v.rule(rule)
	}
	if len(v.problems) > maxProblems {
		v.problems = v.problems[:maxProblems]
	}
	return v.problems
}

// ValidateLive checks the live values that an authority answers with.
func (t *Type) ValidateLive(values Claims, now time.Time) []Problem {
	v := validation{t: t, row: &Row{}, today: now.In(beijing), bad: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f, ok := t.LiveField(name)
		if !ok {
			v.add(CodeFieldUnknown, pointer(name), "not a live field of "+t.ID, false)
			continue
		}
		if code, detail, warn := v.value(f, values[name]); code != "" {
			v.add(code, pointer(name), detail, warn)
		}
	}
	for _, f := range t.Live {
		if _, ok := values[f.Name]; !ok && f.Required {
			v.add(CodeFieldMissing, pointer(f.Name), "the field is required", false)
		}
	}
	return v.problems
}

type validation struct {
	t           *Type
	row         *Row
	mode        Mode
	today       time.Time
	all         Claims          // claims with those set from the row
	bad         map[string]bool // fields that failed on their own
	from, until time.Time       // zero: malformed, or long-term
	badUntil    bool
	problems    []Problem
}

func (v *validation) add(code, pointer, detail string, warning bool) {
	v.problems = append(v.problems, Problem{Code: code, Pointer: pointer, Detail: detail, Warning: warning})
}

// addAt reports at the place in the row that a field comes from.
func (v *validation) addAt(field, code, detail string, warning bool) {
	at := pointer("claims", field)
	if f, ok := v.t.Field(field); ok && f.From != "" {
		at = pointer(string(f.From))
	}
	v.add(code, at, detail, warning)
}

// members checks what every row has, whatever its type.
func (v *validation) members() {
	r := v.row
	if r.Key == "" || len(r.Key) > maxKey || !printableASCII(r.Key) {
		v.add(CodeKeyFormat, "/key", "1 to 128 printable ASCII characters are expected", false)
	}
	if r.Type != v.t.ID {
		v.add(CodeTypeUnknown, "/type", "the row is of another type", false)
	}
	if _, ok := v.t.index.from[FromNumber]; !ok && r.Number != "" {
		v.add(CodeFieldUnknown, "/number", "certificates of this type have no number", false)
	}
	if len(r.Number) > maxNumber {
		v.add(CodeFieldTooLong, "/number", "at most 64 bytes", false)
	}
	if !v.t.index.tables.regions.Known(r.Region) {
		v.add(CodeRegion, "/region", "not a region of GB/T 2260", v.mode == Import && sixDigits(r.Region))
	}
	v.dates()
}

// dates checks the row's own dates. A malformed one is marked, so that the
// rules over the claims that come from it keep silent.
func (v *validation) dates() {
	r, claim := v.row, v.t.index.from
	issued, err := parseDate(r.IssuedOn)
	if err != nil {
		v.bad[claim[FromIssuedOn]] = true
		v.add(CodeDateFormat, "/issued_on", "a date as 2006-01-02 is expected", false)
	} else if issued.After(v.today) {
		v.add(CodeDateFuture, "/issued_on", "in the future", false)
	}
	if v.from, err = parseDate(r.ValidFrom); err != nil {
		v.from, v.bad[claim[FromValidFrom]] = time.Time{}, true
		v.add(CodeDateFormat, "/valid_from", "a date as 2006-01-02 is expected", false)
	}
	if r.ValidUntil == "" || r.ValidUntil == LongTerm {
		return
	}
	if v.until, err = parseDate(r.ValidUntil); err != nil {
		v.until, v.badUntil, v.bad[claim[FromValidUntil]] = time.Time{}, true, true
		v.add(CodeDateFormat, "/valid_until", "a date as 2006-01-02, or long-term, is expected", false)
		return
	}
	if v.until.Before(v.from) || v.until.Before(issued) {
		v.add(CodeDatesOrder, "/valid_until", "before the certificate begins", false)
	}
}

func (v *validation) holder(at string, h HolderRef, types []string) {
	if !slices.Contains(types, h.Type) {
		v.add(CodeHolderType, at+"/type", "holders of this kind cannot have this", false)
	} else if code, detail, warn := v.holderNumber(h.Type, h.Number); code != "" {
		v.add(code, at+"/number", detail, warn)
	}
	if code, detail, warn := v.text(h.Name, maxHolderName); code != "" {
		v.add(code, at+"/name", detail, warn)
	}
}

// holderNumber checks a number by its GB/T 36903 code type.
func (v *validation) holderNumber(holderType, number string) (code, detail string, warning bool) {
	switch holderType {
	case HolderCitizenID:
		return v.citizenID(number)
	case HolderUSCC:
		return v.uscc(number)
	default:
		// Passports and passes of many issuers: letters, digits and hyphens.
		if number == "" || len(number) > 32 || !isDocumentNumber(number) {
			return CodeFieldFormat, "1 to 32 letters A-Z, digits and hyphens are expected", false
		}
		return "", "", false
	}
}

// representatives are natural persons who may hold a company's certificate.
func (v *validation) representatives() {
	list := v.row.Representatives
	if len(list) == 0 {
		return
	}
	if v.row.Holder.Type != HolderUSCC && v.row.Holder.Type != "099" {
		v.add(CodeRepresentatives, "/representatives", "only a company has representatives", false)
		return
	}
	if !v.t.NamesRepresentatives {
		v.add(CodeRepresentatives, "/representatives", "certificates of this type name no representatives", false)
		return
	}
	if len(list) > maxRepresentatives {
		v.add(CodeFieldTooLong, "/representatives", "at most 20", false)
		return
	}
	table, err := v.t.index.tables.Table("holder-code-types")
	if err != nil {
		return
	}
	people := natural(table)
	for i, h := range list {
		v.holder("/representatives/"+strconv.Itoa(i), h, people)
	}
}

func (v *validation) portrait() {
	p := v.row.Portrait
	switch {
	case len(p) == 0 && v.t.Portrait:
		v.add(CodePortraitMissing, "/portrait", "certificates of this type have a portrait", v.mode == Import)
	case len(p) == 0:
	case !v.t.Portrait:
		v.add(CodePortraitNotAllowed, "/portrait", "certificates of this type have no portrait", false)
	case len(p) > MaxPortrait:
		v.add(CodePortraitTooLarge, "/portrait", "at most 20 KiB", false)
	case !isJPEG(p) && !isWebP(p):
		v.add(CodePortraitFormat, "/portrait", "neither JPEG nor WebP", false)
	}
}

// claims checks every field on its own.
func (v *validation) claims() {
	v.all = v.t.ClaimsOf(*v.row)
	var odd []string
	for name := range v.row.Claims {
		if f, ok := v.t.Field(name); !ok || f.From != "" {
			odd = append(odd, name)
		}
	}
	slices.Sort(odd) // reports must not change from one push to the next
	for _, name := range odd {
		if f, ok := v.t.Field(name); ok {
			v.add(CodeFieldFromRow, pointer("claims", name), "taken from the row's "+string(f.From), false)
			v.bad[name] = true
			continue
		}
		v.add(CodeFieldUnknown, pointer("claims", name), "not a field of "+v.t.ID, false)
	}
	for _, f := range v.t.Fields {
		value, ok := v.all[f.Name]
		if !ok || value == "" {
			if f.Required {
				v.addAt(f.Name, CodeFieldMissing, "the field is required", false)
			} else if ok {
				v.addAt(f.Name, CodeFieldFormat, "an optional field without a value is left out", false)
			}
			v.bad[f.Name] = true
			continue
		}
		// Dates and region of the row have been checked with the row.
		if v.bad[f.Name] || f.From != "" && f.From != FromNumber {
			continue
		}
		if code, detail, warn := v.value(f, value); code != "" {
			v.addAt(f.Name, code, detail, warn)
			v.bad[f.Name] = !warn
		}
	}
}
