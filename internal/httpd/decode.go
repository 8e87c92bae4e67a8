package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/showcard/showcard/internal/strictjson"
)

const (
	maxDepth       = 32 // arrays and objects within one another
	maxFieldErrors = 16 // told at once; the rest after these are mended
	maxPointer     = 256
)

// Decode reads the JSON body into v, a pointer to a struct, strictly. Two programs that read the
// same bytes must see the same request, so everything on which JSON parsers differ is refused
// (RFC 7493 §2): a name twice in one object, text that is not UTF-8, half of a surrogate pair,
// names that match only when case is ignored, fields that v does not have, data after the value.
//
// A field tagged `required:"true"` must be there and not be null. null fits pointers, maps, slices
// and interfaces only. A number in an interface arrives as json.Number, exactly as it was written.
func Decode(c *gin.Context, v any) error {
	data, err := Body(c, "application/json")
	if err != nil {
		return err
	}
	return decode(data, v)
}

func decode(data []byte, v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return errors.New("httpd: Decode needs a pointer")
	}
	value, err := strictjson.Parse(data, maxDepth)
	if err != nil {
		return unreadable(err)
	}
	w := walker{}
	w.value(value, target.Type().Elem())
	if len(w.errs) == 0 {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		err := dec.Decode(v)
		if err == nil {
			return nil
		}
		// What the shapes did not show, say a number out of range: find the place by trying each leaf.
		w = walker{probe: true}
		w.value(value, target.Type().Elem())
		if len(w.errs) == 0 {
			return &Problem{Code: CodeFieldInvalid, Cause: err}
		}
	}
	return &Problem{Code: w.errs[0].Code, Errors: w.errs}
}

// CheckText bounds what people write: so many characters, on as many lines as they like.
func CheckText(pointer, text string, most int, required bool) error {
	switch {
	case required && strings.TrimSpace(text) == "":
		return Invalid(pointer, "it must say something")
	case utf8.RuneCountInString(text) > most:
		return Invalid(pointer, fmt.Sprintf("at most %d characters", most))
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }):
		return Invalid(pointer, "control characters")
	}
	return nil
}

// unreadable says why a body is no JSON of the strict kind.
func unreadable(err error) error {
	var e *strictjson.Error
	if !errors.As(err, &e) {
		return err
	}
	at := func(code string) error {
		return &Problem{Code: code, Errors: []FieldError{{Pointer: clip(e.Pointer), Code: code}}}
	}
	switch {
	case errors.Is(err, strictjson.ErrUTF8):
		return &Problem{Code: CodeBodyNotUTF8}
	case errors.Is(err, strictjson.ErrSurrogate):
		return at(CodeBodyNotUTF8)
	case errors.Is(err, strictjson.ErrDepth):
		return &Problem{Code: CodeBodyTooDeep, Detail: e.Detail}
	case errors.Is(err, strictjson.ErrDuplicate):
		return at(CodeFieldDuplicate)
	case errors.Is(err, strictjson.ErrTrailing):
		return &Problem{Code: CodeBodyTrailingData}
	}
	return &Problem{Code: CodeBodyMalformed, Detail: e.Detail}
}

// clip bounds a pointer: a caller's own absurd name need not come back whole.
func clip(pointer string) string {
	if len(pointer) > maxPointer {
		return strings.ToValidUTF8(pointer[:maxPointer], "")
	}
	return pointer
}
