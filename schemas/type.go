package schemas

import (
	"fmt"
	"strconv"
)

// Type is one version of a certificate type, as its JSON file says. Fields stand
// in display order.
type Type struct {
	ID      string `json:"id"`      // "resident-id"
	Version int    `json:"version"` // 1, 2, … of this description
	// CWT is the type's number in offline codes: see [Type.OfflineView]. Numbers are never given anew.
	CWT         int      `json:"cwt,omitempty"`
	Code        string   `json:"code"` // 证照类型代码, 21 characters (GB/T 36904)
	DemoCode    bool     `json:"demo_code,omitempty"`
	Published   bool     `json:"published"`
	Name        Text     `json:"name"`
	ShortName   Text     `json:"short_name"`
	Description Text     `json:"description"`
	Entry       Entry    `json:"catalogue"`
	HolderTypes []string `json:"holder_types"`
	// Portrait: certificates of this type have a portrait (相片).
	Portrait bool `json:"portrait,omitempty"`
	// NamesRepresentatives: a certificate of this type says who may act for its holder, in
	// everything. Only the register of companies may say that: were any department's word
	// enough, one that issues number plates could hand anybody a company's whole space.
	NamesRepresentatives bool `json:"names_representatives,omitempty"`
	// Sensitive: sensitive personal information under PIPL §28.
	Sensitive  bool        `json:"sensitive,omitempty"`
	Fields     []Field     `json:"fields"`
	Predicates []Predicate `json:"predicates,omitempty"`
	Rules      []Rule      `json:"rules,omitempty"`
	Views      []View      `json:"views"`
	// Live fields are looked up at verification and never signed.
	Live    []Field `json:"live,omitempty"`
	Offline Offline `json:"offline"`
	Card    Card    `json:"card"`

	index *typeIndex
}

// Entry is the type's entry in the catalogue of certificates (GB/T 36902).
type Entry struct {
	DefiningAuthority     Text     `json:"defining_authority"`      // 证照定义机构
	DefiningAuthorityCode string   `json:"defining_authority_code"` // its USCC
	DefiningLevel         string   `json:"defining_level"`          // table authority-levels
	DirectoryType         string   `json:"directory_type"`          // table directory-types
	HolderCategory        string   `json:"holder_category"`         // table holder-categories
	ValidityRange         []string `json:"validity_range"`          // 有效期限范围: "10年", "长期"
	IssuingLevels         []string `json:"issuing_levels"`          // table authority-levels
	Items                 []Item   `json:"items"`                   // 关联事项
}

// Item is a government-service matter that the certificate belongs to.
type Item struct {
	Name Text   `json:"name"`
	Code string `json:"code,omitempty"`
}

// Field describes one claim, or one live value.
type Field struct {
	Name  string `json:"name"`          // snake_case; the claim's name in the certificate
	CWT   int    `json:"cwt,omitempty"` // its number in offline codes
	Label Text   `json:"label"`
	Kind  Kind   `json:"kind"`
	// Table is the code table of kinds code, letters and classes.
	Table    string `json:"table,omitempty"`
	Required bool   `json:"required,omitempty"`
	// MaxLength is in characters, for kinds that are text.
	MaxLength int `json:"max_length,omitempty"`
	// Pattern is an RE2 expression that the whole value must match, for kind text.
	Pattern string `json:"pattern,omitempty"`
	// Min and Max bound integers.
	Min *int64 `json:"min,omitempty"`
	Max *int64 `json:"max,omitempty"`
	// Unit is shown behind numbers.
	Unit *Text `json:"unit,omitempty"`
	// Past: a date that may not lie in the future.
	Past bool `json:"past,omitempty"`
	// From names the member of the row that the claim is set from. A row does
	// not repeat such a claim.
	From RowMember `json:"from,omitempty"`
	// Element is the element's name in the national standard (ZZBH, AAC002).
	Element string `json:"element,omitempty"`
	Mask    Mask   `json:"mask"`
}

// Kind is the closed set of kinds of values.
type Kind string

const (
	KindText         Kind = "text"          // one line of text
	KindDate         Kind = "date"          // 2006-01-02
	KindTerm         Kind = "term"          // a date, or long-term
	KindCode         Kind = "code"          // one code of a table
	KindLetters      Kind = "letters"       // several one-letter codes of a table, "BDJ"
	KindClasses      Kind = "classes"       // several codes of a table with inclusion, "A1A2D"
	KindInteger      Kind = "integer"       // a whole number
	KindAmount       Kind = "amount"        // a decimal amount as a string, "1000.50"
	KindFlag         Kind = "flag"          // true or false
	KindRegion       Kind = "region"        // GB/T 2260
	KindCitizenID    Kind = "citizen-id"    // GB 11643
	KindHolderNumber Kind = "holder-number" // a number of the holder's code type
	KindUSCC         Kind = "uscc"          // GB 32100
	KindVIN          Kind = "vin"           // GB 16735, ISO 3779
	KindPlate        Kind = "plate"         // GA 36
)

// RowMember is a member of a Row that a claim can be set from.
type RowMember string

const (
	FromNumber     RowMember = "number"
	FromRegion     RowMember = "region"
	FromIssuedOn   RowMember = "issued_on"
	FromValidFrom  RowMember = "valid_from"
	FromValidUntil RowMember = "valid_until"
)

// Mask says how a value is shown where it need not be read in full.
type Mask struct {
	Rule  MaskRule `json:"rule"`
	Start int      `json:"start,omitempty"` // characters kept, for rule keep
	End   int      `json:"end,omitempty"`
}

// MaskRule is the closed set of masking rules.
type MaskRule string

const (
	MaskNone MaskRule = "none" // shown as it is
	MaskHide MaskRule = "hide" // not shown at all
	MaskKeep MaskRule = "keep" // the first Start and the last End characters
	MaskName MaskRule = "name" // a person's name: the first character
	MaskYear MaskRule = "year" // a date: the year
)

// Predicate is a yes-or-no answer that is computed from a field.
type Predicate struct {
	Name  string      `json:"name"`
	CWT   int         `json:"cwt,omitempty"` // its number in offline codes; fields and predicates share the numbers
	Label Text        `json:"label"`
	Op    PredicateOp `json:"op"`
	Field string      `json:"field"`
	Years int         `json:"years,omitempty"` // age-at-least
	Value string      `json:"value,omitempty"` // covers, equals
}

// PredicateOp is the closed set of predicates.
type PredicateOp string

const (
	OpAgeAtLeast PredicateOp = "age-at-least" // the person born on Field has turned Years
	OpCovers     PredicateOp = "covers"       // the classes in Field include Value, through the table's inclusion
	OpNotPassed  PredicateOp = "not-passed"   // the day in Field is today or later, or long-term
	OpEquals     PredicateOp = "equals"       // Field is Value
)

// Rule is a cross-check between fields, or between a field and the row.
type Rule struct {
	Op     RuleOp   `json:"op"`
	Field  string   `json:"field,omitempty"`
	Other  string   `json:"other,omitempty"`
	Years  []int    `json:"years,omitempty"`
	Fields []string `json:"fields,omitempty"`
}

// RuleOp is the closed set of cross-checks.
type RuleOp string

const (
	RuleBirthDate     RuleOp = "birth-date-of-number" // Field is the birth date in citizen number Other
	RuleSex           RuleOp = "sex-of-number"        // Field is the sex in citizen number Other
	RuleHolderNumber  RuleOp = "holder-number"        // Field is the holder's number
	RuleHolderType    RuleOp = "holder-type"          // Field is the holder's code type
	RuleHolderName    RuleOp = "holder-name"          // Field is the holder's name
	RuleSame          RuleOp = "same"                 // Field equals Other where both are there
	RuleOrder         RuleOp = "dates-order"          // Fields are dates that do not go back
	RuleIDValidity    RuleOp = "resident-id-validity" // valid for 5, 10 or 20 years or long-term by the age of Field
	RuleValidityYears RuleOp = "validity-years"       // valid for one of Years; 0 is long-term
	RulePlateType     RuleOp = "plate-type"           // plate Field has the shape that plate type Other has
)

// View is a named set of fields that is shown together. Fields may name
// predicates; every field is enumerated, nothing is implied.
type View struct {
	Name   string   `json:"name"`
	CWT    int      `json:"cwt,omitempty"` // its number in offline codes
	Label  Text     `json:"label"`
	Fields []string `json:"fields"`
	// Portrait: a caller who is entitled to portraits may fetch it with this view.
	Portrait bool `json:"portrait,omitempty"`
}

// Offline says which views an offline code may carry. Any camera can read such
// a code, so that values are masked unless the type says plain.
type Offline struct {
	Masking OfflineMasking `json:"masking"`
	Views   []string       `json:"views,omitempty"`
}

// OfflineMasking is the closed set of offline masking modes.
type OfflineMasking string

const (
	OfflineMasked OfflineMasking = "masked" // by each field's mask
	OfflinePlain  OfflineMasking = "plain"  // the type opts out
)

// Card is how the certificate looks in a wallet. Colours are #rrggbb.
type Card struct {
	Background    string `json:"background"`
	BackgroundEnd string `json:"background_end,omitempty"` // of a gradient
	TextColor     string `json:"text_color"`
	LogoText      Text   `json:"logo_text"`
}

// Path is where the type lives under the public URL: the vct of its
// certificates is the public URL with this path.
func (t *Type) Path() string { return "/types/" + t.ID + "/" + strconv.Itoa(t.Version) }

// View is the view of that name, or ErrViewUnknown.
func (t *Type) View(name string) (View, error) {
	for _, v := range t.Views {
		if v.Name == name {
			return v, nil
		}
	}
	return View{}, fmt.Errorf("%w: %q of type %s", ErrViewUnknown, name, t.ID)
}

// Field is the signed field of that name.
func (t *Type) Field(name string) (Field, bool) {
	i, ok := t.index.fields[name]
	if !ok {
		return Field{}, false
	}
	return t.Fields[i], true
}

// LiveField is the live field of that name.
func (t *Type) LiveField(name string) (Field, bool) {
	i, ok := t.index.live[name]
	if !ok {
		return Field{}, false
	}
	return t.Live[i], true
}

// Predicate is the predicate of that name.
func (t *Type) Predicate(name string) (Predicate, bool) {
	for _, p := range t.Predicates {
		if p.Name == name {
			return p, true
		}
	}
	return Predicate{}, false
}

// ClaimsOf is the whole set of claims that is signed for a row: what the row
// claims, and what it says of itself (number, region, dates) under the names
// that the type gives it. It does not validate.
func (t *Type) ClaimsOf(r Row) Claims {
	all := make(Claims, len(r.Claims)+5)
	for name, v := range r.Claims {
		all[name] = v
	}
	for _, f := range t.Fields {
		if v := r.member(f.From); v != "" {
			all[f.Name] = v
		}
	}
	return all
}

// member is the text of a member that claims are set from; a missing end is
// long-term, because a card must say so.
func (r Row) member(m RowMember) string {
	switch m {
	case FromNumber:
		return r.Number
	case FromRegion:
		return r.Region
	case FromIssuedOn:
		return r.IssuedOn
	case FromValidFrom:
		return r.ValidFrom
	case FromValidUntil:
		if r.ValidUntil == "" {
			return LongTerm
		}
		return r.ValidUntil
	default:
		return ""
	}
}
