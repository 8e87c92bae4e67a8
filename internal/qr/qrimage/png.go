package qrimage

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

// PNG draws text as a one-bit image with a palette of white and black. The same text and options give the same bytes
// on every machine and with every Go release, so answers can be cached and compared.
func PNG(text string, o Options) ([]byte, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := encode(text, o.Level)
	if err != nil {
		return nil, err
	}
	return writePNG(s, o), nil
}

// writePNG writes the file by hand. image/png would expand every module to bytes, pack them again and search them for
// repetitions; here the repetitions are known: a line is the line above it, or the next row of modules. That is a
// hundredth of the work, and it does not change when compress/flate learns new tricks.
func writePNG(s symbol, o Options) []byte {
	side := (s.size + 2*o.Quiet) * o.Module
	var out bytes.Buffer
	out.Grow(1024 + s.size*s.size/2)
	out.WriteString("\x89PNG\r\n\x1a\n")

	var header [13]byte
	binary.BigEndian.PutUint32(header[0:], uint32(side))
	binary.BigEndian.PutUint32(header[4:], uint32(side))
	header[8] = 1 // bits per pixel
	header[9] = 3 // indexed; compression, filter and interlace methods are 0
	writeChunk(&out, "IHDR", header[:])
	writeChunk(&out, "PLTE", []byte{0xff, 0xff, 0xff, 0, 0, 0})
	writeChunk(&out, "IDAT", compressLines(s, o, side))
	writeChunk(&out, "IEND", nil)
	return out.Bytes()
}

func writeChunk(out *bytes.Buffer, kind string, data []byte) {
	var word [4]byte
	binary.BigEndian.PutUint32(word[:], uint32(len(data)))
	out.Write(word[:])
	start := out.Len()
	out.WriteString(kind)
	out.Write(data)
	binary.BigEndian.PutUint32(word[:], crc32.ChecksumIEEE(out.Bytes()[start:]))
	out.Write(word[:])
}

// compressLines returns the zlib stream (RFC 1950) of all lines, each led by its filter type (0, none).
func compressLines(s symbol, o Options, side int) []byte {
	line := make([]byte, 1+(side+7)/8)
	previous := make([]byte, len(line))
	sum := adler32.New()
	z := deflater{out: make([]byte, 0, 512+s.size*s.size/2)}
	z.out = append(z.out, 0x78, 0x01) // deflate, 32 KiB window, fastest
	z.bits(1, 1)                      // the last block
	z.bits(1, 2)                      // with the fixed codes

	for y := -o.Quiet; y < s.size+o.Quiet; y++ {
		clear(line)
		if y >= 0 && y < s.size {
			s.runs(y, func(x0, x1 int) {
				fill(line[1:], (x0+o.Quiet)*o.Module, (x1+o.Quiet)*o.Module)
			})
		}
		repeats := o.Module
		if y == -o.Quiet || !bytes.Equal(line, previous) {
			z.literals(line)
			repeats--
		}
		z.match(repeats*len(line), len(line))
		for range o.Module {
			_, _ = sum.Write(line) // a hash never fails
		}
		line, previous = previous, line
	}
	z.endOfBlock()
	return binary.BigEndian.AppendUint32(z.out, sum.Sum32())
}

// fill sets the bits from x0 up to and without x1, the first pixel in the highest bit.
func fill(line []byte, x0, x1 int) {
	for x0 < x1 {
		if x0%8 == 0 && x1-x0 >= 8 {
			line[x0/8] = 0xff
			x0 += 8
			continue
		}
		line[x0/8] |= 0x80 >> (x0 % 8)
		x0++
	}
}
