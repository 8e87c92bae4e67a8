package httpd

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/gin-gonic/gin"
)

// IdempotencyKey reads the Idempotency-Key header, which every POST that creates must carry: 1 to 255
// printable ASCII characters, one header line. The key means something only together with the
// caller; what was answered under it is stored by the room, in the transaction that does the work.
func IdempotencyKey(c *gin.Context) (string, error) {
	values := c.Request.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", &Problem{Code: CodeIdempotencyKeyMissing}
	}
	key := values[0]
	if len(values) > 1 || len(key) < 1 || len(key) > 255 {
		return "", &Problem{Code: CodeIdempotencyKeyMalformed}
	}
	for _, b := range []byte(key) {
		if b < 0x20 || b > 0x7e {
			return "", &Problem{Code: CodeIdempotencyKeyMalformed}
		}
	}
	return key, nil
}

// RequestDigest names what a request asked for, so that the same key with another request can be
// told from a repetition: method, path, query, content type and body, byte for byte. Call it after
// Decode or Body has read the body.
func RequestDigest(c *gin.Context) ([32]byte, error) {
	body, read := c.Get(bodyKey)
	if !read {
		if c.Request.Body != nil && c.Request.ContentLength != 0 {
			return [32]byte{}, errors.New("httpd: RequestDigest before the body was read")
		}
		body = []byte(nil)
	}
	h := sha256.New()
	for _, part := range [][]byte{
		[]byte(c.Request.Method), []byte(c.Request.URL.EscapedPath()), []byte(c.Request.URL.RawQuery),
		[]byte(c.GetHeader("Content-Type")), body.([]byte),
	} {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part))) // lengths first: no two requests run together
		h.Write(size[:])
		h.Write(part)
	}
	return [32]byte(h.Sum(nil)), nil
}
