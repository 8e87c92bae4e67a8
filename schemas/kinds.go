package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// value checks one value by its field's kind. An empty code is approval.
func (v *validation) value(f Field, value any) (code, detail string, warning bool) {
	switch f.Kind {
	case KindFlag:
		if _, ok := value.(bool); !ok {
			return CodeFieldType, "true or false is expected", false
		}
		return "", "", false
	case KindInteger:
		return checkInteger(f, value)
	}
	s, ok := value.(string)
	if !ok {
		return CodeFieldType, "a string is expected", false
	}
	if f.MaxLength > 0 && utf8.RuneCountInString(s) > f.MaxLength {
		return CodeFieldTooLong, "at most " + strconv.Itoa(f.MaxLength) + " characters", false
	}
	switch f.Kind {
	case KindText:
		if code, detail, warning = v.text(s, f.MaxLength); code != "" {
			return code, detail, warning
		}
		if re := v.t.index.patterns[f.Name]; re != nil && !re.MatchString(s) {
			return CodeFieldFormat, "not of the field's format", false
		}
	case KindDate, KindTerm:
		return v.date(f, s)
	case KindCode, KindLetters, KindClasses:
		return v.code(f, s)
	case KindAmount:
		if !isAmount(s) {
			return CodeFieldFormat, `an amount as "1000" or "1000.50" is expected`, false
		}
	case KindRegion:
		if !v.t.index.tables.regions.Known(s) {
			return CodeRegion, "not a region of GB/T 2260", v.mode == Import && sixDigits(s)
		}
	case KindCitizenID:
		return v.citizenID(s)
	case KindHolderNumber:
		return v.holderNumber(v.row.Holder.Type, s)
	case KindUSCC:
		return v.uscc(s)
	case KindVIN:
		switch err := CheckVIN(s); {
		case errors.Is(err, ErrVINChecksum):
			return CodeVINChecksum, "place nine is not the check digit (GB 16735)", v.mode == Import
		case err != nil:
			return CodeVINFormat, "17 characters 0-9 A-Z without I, O and Q are expected", false
		}
	case KindPlate:
		if _, err := ParsePlate(s); err != nil {
			return CodePlateFormat, "not a plate number of GA 36", false
		}
	}
	return "", "", false
}

func checkInteger(f Field, value any) (code, detail string, warning bool) {
	var n int64
	switch value := value.(type) {
	case json.Number:
		parsed, err := strconv.ParseInt(value.String(), 10, 64)
		if err != nil {
			return CodeFieldType, "a whole number is expected", false
		}
		n = parsed
	case int:
		n = int64(value)
	case int64:
		n = value
	default:
		return CodeFieldType, "a whole number is expected", false
	}
	if f.Min != nil && n < *f.Min || f.Max != nil && n > *f.Max {
		return CodeFieldRange, "outside the field's bounds", false
	}
	return "", "", false
}

func (v *validation) date(f Field, s string) (code, detail string, warning bool) {
	if f.Kind == KindTerm && s == LongTerm {
		return "", "", false
	}
	day, err := parseDate(s)
	if err != nil {
		return CodeDateFormat, "a date as 2006-01-02 is expected", false
	}
	if f.Past && day.After(v.today) {
		return CodeDateFuture, "in the future", false
	}
	return "", "", false
}

func (v *validation) code(f Field, s string) (code, detail string, warning bool) {
	table, err := v.t.index.tables.Table(f.Table)
	if err != nil {
		return CodeNotInTable, err.Error(), false
	}
	switch f.Kind {
	case KindCode:
		if _, ok := table.Lookup(s); !ok {
			return CodeNotInTable, "not in table " + f.Table, false
		}
	case KindClasses:
		if _, err := table.Split(s); err != nil {
			return CodeVehicleClass, err.Error(), false
		}
	default:
		if _, err := table.Split(s); err != nil {
			return CodeNotInTable, err.Error(), false
		}
	}
	return "", "", false
}

func (v *validation) citizenID(number string) (code, detail string, warning bool) {
	id, err := ParseCitizenID(number)
	switch {
	case errors.Is(err, ErrCitizenIDChecksum):
		return CodeIDNumberChecksum, "the last character is not the check digit (GB 11643)", false
	case errors.Is(err, ErrCitizenIDDate):
		return CodeIDNumberDate, "no such birth date", false
	case err != nil:
		return CodeIDNumberFormat, "17 digits and a digit or X are expected", false
	case id.Birth.After(v.today):
		return CodeIDNumberDate, "the birth date lies in the future", false
	case !v.t.index.tables.regions.Known(id.Region):
		return CodeIDNumberRegion, "the first six digits never were a region of GB/T 2260", v.mode == Import
	}
	return "", "", false
}

func (v *validation) uscc(number string) (code, detail string, warning bool) {
	switch err := CheckUSCC(number); {
	case errors.Is(err, ErrUSCCChecksum):
		return CodeUSCCChecksum, "a check digit is wrong (GB 32100, GB 11714)", v.mode == Import && earlyFujianUSCC(number)
	case err != nil:
		return CodeUSCCFormat, "18 characters of GB 32100 are expected", false
	}
	return "", "", false
}

// text checks a line of text. Registers of the time before Unicode had a
// character for every name hold private-use ones; new certificates must not.
func (v *validation) text(s string, limit int) (code, detail string, warning bool) {
	code, detail = checkText(s, limit)
	return code, detail, code == CodeFieldFormat && v.mode == Import && onlyPrivateUse(s)
}

// checkText refuses what cannot be seen and would be signed all the same:
// control and formatting characters (a right-to-left override turns a name
// around), unassigned and private-use ones, blanks at the ends.
func checkText(s string, limit int) (code, detail string) {
	switch {
	case s == "":
		return CodeFieldMissing, "empty"
	case !utf8.ValidString(s):
		return CodeRowNotUTF8, "not valid UTF-8"
	case utf8.RuneCountInString(s) > limit:
		return CodeFieldTooLong, "at most " + strconv.Itoa(limit) + " characters"
	case strings.TrimSpace(s) != s:
		return CodeFieldFormat, "blanks at an end"
	}
	for _, r := range s {
		if r != ' ' && r != '\u3000' && !unicode.IsPrint(r) && !variationSelector(r) && !newHan(r) {
			return CodeFieldFormat, "a character that is not printable Unicode"
		}
	}
	return "", ""
}

// variationSelector: name registers choose glyphs of one character by them.
func variationSelector(r rune) bool {
	return r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0100 && r <= 0xE01EF
}

// newHan admits the ideographic planes whole: names bring characters that
// Unicode adds faster than Go's tables follow.
func newHan(r rune) bool { return r >= 0x20000 && r <= 0x3FFFD }

func onlyPrivateUse(s string) bool {
	return strings.TrimSpace(s) == s && s != "" && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Co, r) }) < 0
}

// isAmount: digits without superfluous zeros, at most 15 before and 6 behind
// the point.
func isAmount(s string) bool {
	whole, fraction, hasPoint := strings.Cut(s, ".")
	digits := func(s string, limit int) bool {
		return s != "" && len(s) <= limit && strings.Trim(s, "0123456789") == ""
	}
	return digits(whole, 15) && (whole == "0" || whole[0] != '0') && (!hasPoint || digits(fraction, 6))
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func isDocumentNumber(s string) bool {
	return strings.Trim(s, alphabet36+"-") == "" && !strings.HasPrefix(s, "-")
}

// isJPEG and isWebP look at the frame only: decoding pictures of strangers is
// left to the browser that shows them.
func isJPEG(p []byte) bool {
	return len(p) > 4 && bytes.HasPrefix(p, []byte("\xff\xd8\xff")) && bytes.HasSuffix(p, []byte("\xff\xd9"))
}

func isWebP(p []byte) bool {
	return len(p) > 20 && string(p[:4]) == "RIFF" && string(p[8:12]) == "WEBP" &&
		int64(uint32(p[4])|uint32(p[5])<<8|uint32(p[6])<<16|uint32(p[7])<<24)+8 == int64(len(p))
}

func isUnpublished(err error) bool { return errors.Is(err, ErrTypeUnpublished) }
