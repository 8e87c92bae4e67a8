package schemas

import (
	"errors"
	"strconv"

	"github.com/showcard/showcard/internal/strictjson"
)

// MaxRow bounds one line of a push, portrait included; maxDepth its nesting.
const (
	MaxRow   = 64 << 10
	maxDepth = 8
)

// DecodeObject reads one JSON object strictly: at most MaxRow bytes of valid
// UTF-8, at most eight levels deep, no member twice, nothing behind it.
// Objects are map[string]any, numbers json.Number and therefore exact.
func DecodeObject(line []byte) (map[string]any, []Problem) {
	if len(line) > MaxRow {
		return nil, []Problem{{Code: CodeRowTooLarge, Detail: "more than " + strconv.Itoa(MaxRow) + " bytes"}}
	}
	v, err := strictjson.Parse(line, maxDepth)
	if err != nil {
		return nil, []Problem{rowProblem(err)}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, []Problem{{Code: CodeRowMalformed, Detail: "not a JSON object"}}
	}
	return object, nil
}

func rowProblem(err error) Problem {
	p := Problem{Code: CodeRowMalformed, Detail: err.Error()}
	var where *strictjson.Error
	if errors.As(err, &where) {
		p.Pointer, p.Detail = where.Pointer, where.Detail
	}
	switch {
	case errors.Is(err, strictjson.ErrUTF8):
		p.Code, p.Detail = CodeRowNotUTF8, "not valid UTF-8"
	case errors.Is(err, strictjson.ErrDepth):
		p.Code = CodeRowTooDeep
	case errors.Is(err, strictjson.ErrDuplicate):
		p.Code = CodeRowDuplicateName
	}
	return p
}

// pointer builds an RFC 6901 pointer.
func pointer(path ...string) string { return strictjson.Pointer(path...) }
