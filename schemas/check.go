package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// checker proves a type's JSON file: every name leads somewhere, everything a
// citizen reads is in two languages.
type checker struct {
	t      *Type
	file   string
	faults []error
}

var (
	typeName  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	colour    = regexp.MustCompile(`^#[0-9a-f]{6}$`)
)

// PortraitClaim is the name of the claim under which an issuer signs the salted
// digest of the portrait; no field may have it.
const PortraitClaim = "portrait_digest"

// Names that the credential format uses itself (SD-JWT VC §2.2.2, RFC 9901 §4).
var reservedNames = []string{"iss", "iat", "nbf", "exp", "cnf", "vct", "status", "sub", "aud", "jti",
	"_sd", "_sd_alg", "vct_integrity", "region", IdentifierClaim, PortraitClaim}

func (c *checker) fail(pointer, format string, args ...any) {
	c.faults = append(c.faults, fault(c.file, pointer, format, args...))
}

func (c *checker) text(pointer string, t Text) {
	if !t.Complete() {
		c.fail(pointer, "both zh and en are required")
	}
}

func (c *checker) check() {
	t := c.t
	if !typeName.MatchString(t.ID) {
		c.fail("/id", "lower-case words joined by hyphens are expected")
	}
	if t.Version < 1 {
		c.fail("/version", "must be 1 or more")
	}
	if err := checkTypeCode(t.Code); err != nil {
		c.fail("/code", "%v", err)
	} else if err := CheckUSCC(t.Code[:usccLength]); err != nil {
		c.fail("/code", "%v", err)
	}
	c.text("/name", t.Name)
	c.text("/short_name", t.ShortName)
	c.text("/description", t.Description)
	c.entry()
	if len(t.HolderTypes) == 0 {
		c.fail("/holder_types", "at least one is required")
	}
	for i, h := range t.HolderTypes {
		c.code("/holder_types/"+strconv.Itoa(i), "holder-code-types", h)
	}
	if len(t.Fields) == 0 {
		c.fail("/fields", "at least one is required")
	}
	for i, f := range t.Fields {
		at := "/fields/" + strconv.Itoa(i)
		if _, twice := t.index.fields[f.Name]; twice {
			c.fail(at+"/name", "field %q stands twice", f.Name)
		}
		t.index.fields[f.Name] = i
		c.field(at, f)
	}
	for i, f := range t.Live {
		at := "/live/" + strconv.Itoa(i)
		_, signed := t.index.fields[f.Name]
		_, twice := t.index.live[f.Name]
		if signed || twice {
			c.fail(at+"/name", "%q is already a field; what is live is never signed", f.Name)
		}
		if f.From != "" {
			c.fail(at+"/from", "live fields do not come from the row")
		}
		t.index.live[f.Name] = i
		c.field(at, f)
	}
	c.predicates()
	c.rules()
	c.views()
	c.offline()
	c.card()
}

func (c *checker) entry() {
	e := c.t.Entry
	c.text("/catalogue/defining_authority", e.DefiningAuthority)
	if err := CheckUSCC(e.DefiningAuthorityCode); err != nil {
		c.fail("/catalogue/defining_authority_code", "%v", err)
	}
	c.code("/catalogue/defining_level", "authority-levels", e.DefiningLevel)
	c.code("/catalogue/directory_type", "directory-types", e.DirectoryType)
	c.code("/catalogue/holder_category", "holder-categories", e.HolderCategory)
	for i, l := range e.IssuingLevels {
		c.code("/catalogue/issuing_levels/"+strconv.Itoa(i), "authority-levels", l)
	}
	if len(e.ValidityRange) == 0 {
		c.fail("/catalogue/validity_range", "at least one is required")
	}
	for i, item := range e.Items {
		c.text("/catalogue/items/"+strconv.Itoa(i)+"/name", item.Name)
	}
}

func (c *checker) code(pointer, table, code string) {
	t, err := c.t.index.tables.Table(table)
	if err != nil {
		c.fail(pointer, "%v", err)
		return
	}
	if _, ok := t.Lookup(code); !ok {
		c.fail(pointer, "%q is not in table %s", code, table)
	}
}

func (c *checker) field(at string, f Field) {
	if !fieldName.MatchString(f.Name) || slices.Contains(reservedNames, f.Name) {
		c.fail(at+"/name", "%q is not a free snake_case name", f.Name)
	}
	c.text(at+"/label", f.Label)
	if f.Unit != nil {
		c.text(at+"/unit", *f.Unit)
	}
	usesTable := false
	switch f.Kind {
	case KindCode, KindLetters, KindClasses:
		usesTable = true
		if _, err := c.t.index.tables.Table(f.Table); err != nil {
			c.fail(at+"/table", "%v", err)
		}
	case KindText:
		if f.MaxLength < 1 {
			c.fail(at+"/max_length", "text needs a maximal length")
		}
	case KindDate, KindTerm, KindInteger, KindAmount, KindFlag, KindRegion, KindCitizenID,
		KindHolderNumber, KindUSCC, KindVIN, KindPlate:
	default:
		c.fail(at+"/kind", "unknown kind %q", f.Kind)
	}
	if f.Table != "" && !usesTable {
		c.fail(at+"/table", "kind %s has no table", f.Kind)
	}
	if f.Pattern != "" {
		re, err := regexp.Compile(`^(?:` + f.Pattern + `)$`)
		switch {
		case f.Kind != KindText:
			c.fail(at+"/pattern", "only text has a pattern")
		case err != nil:
			c.fail(at+"/pattern", "%v", err)
		default:
			c.t.index.patterns[f.Name] = re
		}
	}
	if (f.Min != nil || f.Max != nil) && f.Kind != KindInteger {
		c.fail(at, "only integers have bounds")
	}
	if f.Min != nil && f.Max != nil && *f.Min > *f.Max {
		c.fail(at, "min is above max")
	}
	if f.Past && f.Kind != KindDate {
		c.fail(at+"/past", "only dates can be past")
	}
	c.from(at, f)
	switch f.Mask.Rule {
	case MaskNone, MaskHide, MaskName, MaskYear, MaskKeep:
	default:
		c.fail(at+"/mask/rule", "unknown rule %q", f.Mask.Rule)
	}
	if f.Mask.Rule != MaskKeep && (f.Mask.Start != 0 || f.Mask.End != 0) || f.Mask.Start < 0 || f.Mask.End < 0 {
		c.fail(at+"/mask", "start and end belong to the rule keep and are not negative")
	}
}

func (c *checker) from(at string, f Field) {
	want := map[RowMember]Kind{FromNumber: "", FromRegion: KindRegion, FromIssuedOn: KindDate,
		FromValidFrom: KindDate, FromValidUntil: KindTerm}
	if f.From == "" {
		return
	}
	kind, ok := want[f.From]
	if !ok {
		c.fail(at+"/from", "unknown member %q", f.From)
		return
	}
	if kind != "" && f.Kind != kind {
		c.fail(at+"/kind", "%s is of kind %s", f.From, kind)
	}
	if _, twice := c.t.index.from[f.From]; twice {
		c.fail(at+"/from", "%s is already taken", f.From)
	}
	c.t.index.from[f.From] = f.Name
}

// kindOf finds a field of one of the given kinds; none given means any.
func (c *checker) kindOf(at, name string, kinds ...Kind) {
	i, ok := c.t.index.fields[name]
	if !ok {
		c.fail(at, "unknown field %q", name)
		return
	}
	if k := c.t.Fields[i].Kind; len(kinds) > 0 && !slices.Contains(kinds, k) {
		c.fail(at, "field %q is of kind %s, not %v", name, k, kinds)
	}
}

func (c *checker) predicates() {
	seen := map[string]bool{}
	for i, p := range c.t.Predicates {
		at := "/predicates/" + strconv.Itoa(i)
		_, field := c.t.index.fields[p.Name]
		_, live := c.t.index.live[p.Name]
		if field || live || seen[p.Name] || !fieldName.MatchString(p.Name) || slices.Contains(reservedNames, p.Name) {
			c.fail(at+"/name", "%q is not a free snake_case name", p.Name)
		}
		seen[p.Name] = true
		c.text(at+"/label", p.Label)
		switch p.Op {
		case OpAgeAtLeast:
			c.kindOf(at+"/field", p.Field, KindDate)
			if p.Years < 1 || p.Years > 150 {
				c.fail(at+"/years", "must be 1 to 150")
			}
		case OpCovers:
			c.kindOf(at+"/field", p.Field, KindClasses)
			if f, ok := c.t.Field(p.Field); ok && f.Table != "" {
				c.code(at+"/value", f.Table, p.Value)
			}
		case OpNotPassed:
			c.kindOf(at+"/field", p.Field, KindDate, KindTerm)
		case OpEquals:
			c.kindOf(at+"/field", p.Field, KindText, KindCode, KindRegion, KindUSCC)
			if f, ok := c.t.Field(p.Field); ok && f.Kind == KindCode {
				c.code(at+"/value", f.Table, p.Value)
			}
			if p.Value == "" {
				c.fail(at+"/value", "is required")
			}
		default:
			c.fail(at+"/op", "unknown operation %q", p.Op)
		}
		if p.Op != OpAgeAtLeast && p.Years != 0 || (p.Op == OpAgeAtLeast || p.Op == OpNotPassed) && p.Value != "" {
			c.fail(at, "an argument does not belong to operation %s", p.Op)
		}
	}
}

func (c *checker) views() {
	seen := map[string]bool{}
	if len(c.t.Views) == 0 {
		c.fail("/views", "at least one is required")
	}
	for i, v := range c.t.Views {
		at := "/views/" + strconv.Itoa(i)
		if seen[v.Name] || !typeName.MatchString(v.Name) {
			c.fail(at+"/name", "%q is not a free name of words joined by hyphens", v.Name)
		}
		seen[v.Name] = true
		c.text(at+"/label", v.Label)
		if len(v.Fields) == 0 {
			c.fail(at+"/fields", "at least one is required")
		}
		for j, name := range v.Fields {
			_, field := c.t.Field(name)
			_, predicate := c.t.Predicate(name)
			if !field && !predicate {
				c.fail(fmt.Sprintf("%s/fields/%d", at, j), "unknown field %q", name)
			}
			if slices.Index(v.Fields, name) != j {
				c.fail(fmt.Sprintf("%s/fields/%d", at, j), "field %q stands twice", name)
			}
		}
		if v.Portrait && !c.t.Portrait {
			c.fail(at+"/portrait", "the type has no portrait")
		}
	}
}

func (c *checker) card() {
	k := c.t.Card
	c.text("/card/logo_text", k.LogoText)
	for _, part := range []struct{ name, value string }{
		{"background", k.Background}, {"background_end", k.BackgroundEnd}, {"text_color", k.TextColor},
	} {
		if !colour.MatchString(part.value) && (part.value != "" || part.name != "background_end") {
			c.fail("/card/"+part.name, "a colour #rrggbb in lower case is expected")
		}
	}
}
