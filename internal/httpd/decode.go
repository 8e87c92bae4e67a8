package httpd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
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
	if !utf8.Valid(data) {
		return &Problem{Code: CodeBodyNotUTF8}
	}
	if tooDeep(data) {
		return &Problem{Code: CodeBodyTooDeep, Detail: "at most 32 levels"}
	}
	if err := checkSyntax(data); err != nil {
		return err
	}
	w := walker{data: data}
	w.top(target.Type().Elem())
	if len(w.errs) == 0 {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		err := dec.Decode(v)
		if err == nil {
			return nil
		}
		// What the shapes did not show, say a number out of range: find the place by trying each leaf.
		w = walker{data: data, probe: true}
		w.top(target.Type().Elem())
		if len(w.errs) == 0 {
			return &Problem{Code: CodeFieldInvalid, Cause: err}
		}
	}
	return &Problem{Code: w.errs[0].Code, Errors: w.errs}
}

// tooDeep counts brackets outside strings. It runs before any recursive reader sees the data.
func tooDeep(data []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch b := data[i]; {
		case inString && b == '\\':
			i++
		case b == '"':
			inString = !inString
		case inString:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

// checkSyntax tells a broken value from a whole one with something after it.
func checkSyntax(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	var first json.RawMessage
	if err := dec.Decode(&first); err == nil {
		return &Problem{Code: CodeBodyTrailingData}
	} else if errors.Is(err, io.EOF) {
		return &Problem{Code: CodeBodyMalformed, Detail: "the body is empty"}
	} else if errors.Is(err, io.ErrUnexpectedEOF) {
		return &Problem{Code: CodeBodyMalformed, Detail: "the JSON ends too early"}
	}
	return &Problem{Code: CodeBodyMalformed}
}
