// Package qrimage draws codes as PNG, SVG and terminal text, and finds them again in photographs and uploads. It is
// the home of the two libraries that know QR symbols (ISO/IEC 18004): rsc.io/qr/coding knows where modules lie,
// gozxing reads; nothing of either shows outside, so each can be replaced behind its small files (plan.go; read.go, and
// grid.go for what was photographed at an angle).
//
// A page that renews its code each minute draws more than it does anything else, so what does not depend on the text
// is kept for each version and level (plan.go), and the eight masks are scored a line at a time (mask.go). Another
// encoder, go-qrcode, stands beside it in the tests.
//
// Drawing follows three rules learnt at counters. A module is a whole number of pixels, never a fraction of a fixed
// total size: fractions make some modules wider, and dense codes stop decoding. The quiet zone is four modules, as
// the standard demands (§6.3.8), because guns find the code by it. Dark on light is written out explicitly everywhere,
// because pages and terminals have dark themes and few scanners read inverted codes.
//
// [Scan] is for what people upload: a screenshot, a photo of a screen or of paper. The bytes come from strangers, so
// sizes are checked before anything is decoded, and the work that one image can cause is bounded.
package qrimage
