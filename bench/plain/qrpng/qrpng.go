// Package qrpng is the baseline of qr_png_ratio: a code drawn the way everybody does it, with
// skip2/go-qrcode and image/png.
package qrpng

import (
	"bytes"
	"image/png"

	"github.com/skip2/go-qrcode"
)

// PNG draws text at level M, a module being that many pixels, with a quiet zone of four modules.
func PNG(text string, module int) ([]byte, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = png.Encode(&out, code.Image(-module))
	return out.Bytes(), err
}
