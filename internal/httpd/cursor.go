package httpd

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Cursor is where the next page of a list begins: behind the entry of this id, of this moment. Lists
// that grow while they are read go by it, and repeat and leave out nothing. The zero value is before all.
type Cursor struct {
	At time.Time
	ID string
}

// String is what a page says in next, opaque to its readers; empty for the zero value.
func (p Cursor) String() string {
	if p.At.IsZero() {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(p.At.UnixMicro(), 10) + "." + p.ID))
}

const maxCursorID = 256 // bytes

// ParseCursor reads what a page said in next; empty is the zero value.
func ParseCursor(text string) (Cursor, bool) {
	if text == "" {
		return Cursor{}, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	at, id, ok := strings.Cut(string(raw), ".")
	micros, atErr := strconv.ParseInt(at, 10, 64)
	if err != nil || atErr != nil || !ok || id == "" || len(id) > maxCursorID || !Printable(id) {
		return Cursor{}, false
	}
	return Cursor{At: time.UnixMicro(micros).UTC(), ID: id}, true
}

// Printable says whether a text is ASCII without control characters.
func Printable(text string) bool {
	for _, b := range []byte(text) {
		if b < 0x20 || b > 0x7e {
			return false
		}
	}
	return true
}

// Number reads a whole number from 1 of the query; usual is what an absent or empty one means.
func Number(c *gin.Context, name string, usual, most int) (int, error) {
	text := c.Query(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, &Problem{Code: CodeParameterInvalid, Detail: name + " is a number from 1 to " + strconv.Itoa(most)}
	}
	return n, nil
}
