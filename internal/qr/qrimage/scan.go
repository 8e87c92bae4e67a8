package qrimage

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
)

// Bounds of what Scan takes. They are checked on the headers, before anything is decoded.
const (
	MaxImageBytes  = 5 << 20
	MaxImagePixels = 24_000_000

	// maxDecodedBytes bounds the memory that a decoder may take: 24 megapixels of four bytes. Formats of more bytes
	// per pixel (16-bit PNG, interlaced PNG, progressive JPEG, which keeps every coefficient) reach it earlier.
	maxDecodedBytes = 4 * MaxImagePixels

	// maxJPEGScans bounds the passes over a JPEG. Cameras and libraries write one to ten; a few bytes each are
	// enough to make a decoder walk over the whole picture, so thousands of them are an attack.
	maxJPEGScans = 64
)

// Errors of Scan.
var (
	ErrNoCode        = errors.New("qrimage: no QR code found in the image")
	ErrImageTooLarge = errors.New("qrimage: image is too large")
	ErrImageFormat   = errors.New("qrimage: not a readable PNG, JPEG or GIF image")
)

// Scan finds the QR codes in a PNG, JPEG or GIF (its first frame) and returns their texts, each once. It copes with
// rotation, mirroring, inversion, uneven light, low contrast, moderate blur and large photos. The texts are what
// strangers wrote: give them to qr.Parse. Up to about thirty codes in one picture are read. Scan never panics,
// whatever the bytes.
//
// One image can cost some seconds of a core and 150 MB; callers bound how many are read at once.
func Scan(data []byte) ([]string, error) {
	img, err := decode(data)
	if err != nil {
		return nil, err
	}
	texts := search(luminance(img))
	if len(texts) == 0 {
		return nil, ErrNoCode
	}
	return texts, nil
}

// format is a kind of image. Formats are told by their first bytes, not through image.Decode, whose list is global:
// a decoder that any package of the program registers would read strangers' uploads here.
type format struct {
	name   string
	magic  []string
	config func([]byte) (image.Config, error)
	decode func([]byte) (image.Image, error)
	// memory is how many bytes decoding takes, or an error.
	memory func(data []byte, cfg image.Config, pixels int64) (int64, error)
}

func formats() []format {
	return []format{
		{
			name: "PNG", magic: []string{"\x89PNG\r\n\x1a\n"}, memory: memoryPNG,
			config: func(b []byte) (image.Config, error) { return png.DecodeConfig(bytes.NewReader(b)) },
			decode: func(b []byte) (image.Image, error) { return png.Decode(bytes.NewReader(b)) },
		},
		{
			name: "JPEG", magic: []string{"\xff\xd8"}, memory: memoryJPEG,
			config: func(b []byte) (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(b)) },
			decode: func(b []byte) (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) },
		},
		{
			name: "GIF", magic: []string{"GIF87a", "GIF89a"},
			memory: func(_ []byte, _ image.Config, pixels int64) (int64, error) { return pixels, nil },
			config: func(b []byte) (image.Config, error) { return gif.DecodeConfig(bytes.NewReader(b)) },
			decode: func(b []byte) (image.Image, error) { return gif.Decode(bytes.NewReader(b)) },
		},
	}
}

func decode(data []byte) (image.Image, error) {
	if len(data) > MaxImageBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrImageTooLarge, len(data), MaxImageBytes)
	}
	f, err := sniff(data)
	if err != nil {
		return nil, err
	}
	cfg, err := f.config(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrImageFormat, f.name, err)
	}
	if cfg.Width <= 0 || cfg.Height <= 0 {
		return nil, fmt.Errorf("%w: %s of %d × %d pixels", ErrImageFormat, f.name, cfg.Width, cfg.Height)
	}
	// Each factor is at most 2^31, so the product of two fits.
	pixels := int64(cfg.Width) * int64(cfg.Height)
	if pixels > MaxImagePixels {
		return nil, fmt.Errorf("%w: %d × %d pixels, at most %d", ErrImageTooLarge, cfg.Width, cfg.Height, MaxImagePixels)
	}
	memory, err := f.memory(data, cfg, pixels)
	if err != nil {
		return nil, err
	}
	if memory > maxDecodedBytes {
		return nil, fmt.Errorf("%w: %s of %d × %d pixels takes %d bytes to decode", ErrImageTooLarge, f.name, cfg.Width, cfg.Height, memory)
	}
	img, err := f.decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrImageFormat, f.name, err)
	}
	// The decoder could have been told other sizes than the header says (a GIF frame inside its canvas may be smaller).
	if b := img.Bounds(); b.Empty() || b.Dx() > cfg.Width || b.Dy() > cfg.Height {
		return nil, fmt.Errorf("%w: %s frame of %v", ErrImageFormat, f.name, b)
	}
	return img, nil
}

func sniff(data []byte) (format, error) {
	for _, f := range formats() {
		for _, magic := range f.magic {
			if bytes.HasPrefix(data, []byte(magic)) {
				return f, nil
			}
		}
	}
	switch {
	case len(data) >= 12 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP":
		return format{}, fmt.Errorf("%w: WebP; save it as PNG or JPEG", ErrImageFormat)
	case len(data) >= 12 && string(data[4:8]) == "ftyp":
		return format{}, fmt.Errorf("%w: HEIC or AVIF; save it as PNG or JPEG", ErrImageFormat)
	default:
		return format{}, ErrImageFormat
	}
}

// memoryPNG reads the bit depth from the model that DecodeConfig chose, and interlacing from IHDR (PNG §11.2.2): the
// decoder holds the passes and the whole.
func memoryPNG(data []byte, cfg image.Config, pixels int64) (int64, error) {
	const interlace = 8 + 8 + 12 // signature, chunk head, offset in IHDR
	switch cfg.ColorModel {
	case color.RGBAModel, color.NRGBAModel:
		pixels *= 4
	case color.RGBA64Model, color.NRGBA64Model:
		pixels *= 8
	case color.Gray16Model:
		pixels *= 2
	}
	if len(data) > interlace && data[interlace] != 0 {
		pixels *= 2
	}
	return pixels, nil
}

// memoryJPEG counts the scans, and the samples of all components; what is not YCbCr is copied at the end. FF DA cannot occur inside coded data (a FF there is
// followed by 00 or a restart marker), so counting it everywhere never counts too few.
func memoryJPEG(data []byte, cfg image.Config, pixels int64) (int64, error) {
	if n := bytes.Count(data, []byte{0xff, 0xda}); n > maxJPEGScans {
		return 0, fmt.Errorf("%w: JPEG of %d scans", ErrImageFormat, n)
	}
	frame, ok := jpegFrame(data)
	if !ok {
		return 0, fmt.Errorf("%w: JPEG without a frame", ErrImageFormat)
	}
	samples := pixels * frame.samples / frame.area
	if frame.progressive {
		samples *= 5 // the picture, and an int32 for each coefficient
	}
	if cfg.ColorModel == color.RGBAModel || cfg.ColorModel == color.CMYKModel {
		samples += 4 * pixels
	}
	return samples, nil
}

// frameHeader is what a JPEG's frame says about memory: a component of H × V samples in each area of the largest H
// times the largest V.
type frameHeader struct {
	progressive   bool
	samples, area int64
}

// jpegFrame walks to the frame header (ITU-T T.81 §B.2.2) as leniently as image/jpeg does, so that both look at the
// same one.
func jpegFrame(data []byte) (frameHeader, bool) {
	for i := 2; ; {
		for i < len(data) && data[i] != 0xff {
			i++
		}
		for i < len(data) && data[i] == 0xff {
			i++
		}
		if i >= len(data) {
			return frameHeader{}, false
		}
		marker := data[i]
		i++
		if marker == 0x00 || marker >= 0xd0 && marker <= 0xd8 { // stuffing, and markers without length
			continue
		}
		if i+2 > len(data) {
			return frameHeader{}, false
		}
		end := i + int(data[i])<<8 + int(data[i+1])
		if end < i+2 || end > len(data) {
			return frameHeader{}, false
		}
		if marker >= 0xc0 && marker <= 0xc2 { // baseline, extended sequential, progressive
			return componentSizes(data[i+2:end], marker == 0xc2)
		}
		i = end
	}
}

// componentSizes reads precision, height, width and the number of components, then three bytes for each of them, of
// which the second is H and V.
func componentSizes(b []byte, progressive bool) (frameHeader, bool) {
	if len(b) < 6 || b[5] == 0 || len(b) != 6+3*int(b[5]) {
		return frameHeader{}, false
	}
	f := frameHeader{progressive: progressive}
	var hMax, vMax int64
	for c := 6; c < len(b); c += 3 {
		h, v := int64(b[c+1]>>4), int64(b[c+1]&15)
		if h == 0 || v == 0 {
			return frameHeader{}, false
		}
		f.samples += h * v
		hMax, vMax = max(hMax, h), max(vMax, v)
	}
	f.area = hMax * vMax
	return f, true
}
