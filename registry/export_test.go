package registry

import "github.com/showcard/showcard/crypto/key"

// Follow is one round of Run, for tests that do not wait for clocks.
var Follow = (*Registry).follow

// SealFor adds an entry to a snapshot and seals it anew, as a later version of the program would.
func SealFor(s key.Signer, snap Snapshot, extra Entry) (Snapshot, error) {
	bodies := map[entryID][]byte{}
	out := Snapshot{Revision: snap.Revision}
	for _, e := range append(snap.Entries, extra) {
		if e.Kind != kindSeal {
			bodies[entryID{e.Kind, e.ID}] = e.Body
			out.Entries = append(out.Entries, e)
		}
	}
	text, err := signSeal(s, snap.Revision, bodies)
	out.Entries = append(out.Entries, Entry{Kind: kindSeal, ID: "current", Body: []byte(text)})
	return out, err
}
