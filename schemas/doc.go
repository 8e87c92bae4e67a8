// Package schemas says what a certificate is.
//
// A department pushes a certificate as a [Row]: one line of JSON. The row names
// a certificate type ("resident-id", "drivers-licence"); the [Type] knows which
// fields there are, which code table each is drawn from, which checksums must
// hold, how the fields are named to a citizen in Chinese and English, how they
// are masked in a list, which named views may be shown at a counter and what
// the card looks like. Types are data: one JSON file for each type and version
// under types/, code tables under tables/. A further type needs a JSON file and
// no Go:
//
//	catalogue, err := schemas.Load(schemas.Files(), os.DirFS("/etc/showcard/catalogue"))
//	t, err := catalogue.Type("resident-id")
//	row, problems := schemas.DecodeRow(line)
//	if len(problems) == 0 {
//		problems = t.Validate(row, time.Now(), schemas.Strict)
//	}
//
// [DecodeRow] and [Type.Validate] never stop at the first fault. They answer
// with a list of [Problem], each with a stable code and a pointer into the row,
// because the clerk who has to mend a file of a million rows wants to read
// everything that is wrong with a row at once. Warnings ([Problem].Warning) do
// not refuse a row: see [Refused]. A problem never quotes a value:
// problems are logged and sent in reports, and the values are personal.
//
// Three things that look alike are kept apart:
//
//   - Fields are signed into the certificate, each selectively disclosable.
//     Some repeat what the row says of itself (dates, number, region; the
//     metadata of GB/T 36903); [Type.ClaimsOf] puts both together.
//   - Predicates ("has turned 18", "may drive C1") are computed from fields by
//     [Type.Evaluate] and signed beside them, so that the answer can be shown
//     without the birth date that it came from.
//   - Live fields (licence points, licence state) change daily. They are looked
//     up when a certificate is checked and are never signed.
//
// An offline code carries one view by numbers instead of names, masked, each value
// as short as it can be said exactly: [Type.OfflineView] writes it and
// [Catalogue.ReadOffline] gives it its names again. The numbers (member "cwt" of
// types, views, fields and predicates) are never given anew.
//
// The package is pure: it reads no files but its embedded ones, logs nothing
// and imports nothing else of this module. Personal data redacts itself when
// printed: see [Claims], [HolderRef] and [Row].
//
// Identifiers of certificates follow GB/T 36904 ([Identifier]), citizen numbers
// GB 11643 ([ParseCitizenID]), codes of companies and authorities GB 32100
// ([CheckUSCC]), regions GB/T 2260 with every abolished code ([RegionTable]).
package schemas
