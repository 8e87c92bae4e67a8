package qrimage

import (
	"errors"
	"fmt"
)

// Level is how much of a symbol may be unreadable before it is lost.
type Level int

// The error correction levels of ISO/IEC 18004 §7.5, about 15, 7, 25 and 30 %.
const (
	M Level = iota // the default: glare and a scratched screen
	L
	Q
	H
)

// Defaults and bounds of Options.
const (
	DefaultModule = 8
	MaxModule     = 32
	DefaultQuiet  = 4 // ISO/IEC 18004 §6.3.8 demands four; less is refused, because guns then miss the code
	MaxQuiet      = 32
)

// Options says how a code is drawn. The zero value is a good one.
type Options struct {
	Module int    // pixels per module; 0 means DefaultModule
	Level  Level  // error correction; the zero value is M
	Quiet  int    // modules of quiet zone on each side; 0 means DefaultQuiet
	Title  string // SVG only: what a screen reader says; empty means that the page labels the image itself
}

// Errors of drawing.
var (
	ErrEmptyText   = errors.New("qrimage: nothing to draw")
	ErrTextTooLong = errors.New("qrimage: text does not fit into a QR code")
	ErrOptions     = errors.New("qrimage: option out of range")
)

func (o Options) withDefaults() (Options, error) {
	if o.Module == 0 {
		o.Module = DefaultModule
	}
	if o.Quiet == 0 {
		o.Quiet = DefaultQuiet
	}
	if o.Module < 1 || o.Module > MaxModule {
		return o, fmt.Errorf("%w: module of %d pixels, want 1 to %d", ErrOptions, o.Module, MaxModule)
	}
	if o.Quiet < DefaultQuiet || o.Quiet > MaxQuiet {
		return o, fmt.Errorf("%w: quiet zone of %d modules, want %d to %d", ErrOptions, o.Quiet, DefaultQuiet, MaxQuiet)
	}
	if o.Level < M || o.Level > H {
		return o, fmt.Errorf("%w: level %d", ErrOptions, o.Level)
	}
	return o, nil
}
