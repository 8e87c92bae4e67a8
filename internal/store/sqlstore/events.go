package sqlstore

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/showcard/showcard/crypto/sm"
	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/issuer"
	"github.com/showcard/showcard/registry"
	"github.com/showcard/showcard/verifier"
)

// What the log says of the rows of this database. Whoever checks the log makes the event of a
// row anew and compares it with what was logged: a row that was edited does not fit its entry, and
// one that was slipped in has none. So each function here takes only what the row keeps.

// digest is what the log says of a text that it must not hold.
func digest(data []byte) string {
	sum := sm.Sum(data)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// signature is the last part of the signed token in a credential. It stands for the whole: the
// token signs all claims and the digests of all disclosures (RFC 9901 §4.2), and to hash some
// kilobytes for every certificate of a bulk push would cost more than the entry.
func signature(credential string) []byte {
	token, _, _ := strings.Cut(credential, "~")
	return []byte(token[strings.LastIndexByte(token, '.')+1:])
}

func issuedEvent(c issuer.Certificate, authority, by, replaces string) audit.Event {
	e := audit.Event{Kind: "certificate.issued", Once: c.Identifier, At: c.CreatedAt, Actor: by, Subject: c.Identifier, Holder: c.HolderID, Detail: map[string]string{
		"authority": authority, "state": string(cmp.Or(c.State, issuer.Valid)), "type": c.Row.Type, "version": strconv.Itoa(c.TypeVer),
		"slot": c.Slot.List + "/" + strconv.FormatUint(c.Slot.Index, 10), "signature": digest(signature(c.Credential)),
	}}
	if replaces != "" {
		e.Detail["replaces"] = replaces
	}
	return e
}

// stateEvent tells of a change of state. id is that of its line in certificate_events.
func stateEvent(id string, c issuer.Event, authority string) audit.Event {
	kind := "certificate." + string(c.To)
	switch {
	case c.ReplacedBy != "":
		kind = "certificate.replaced"
	case c.To == issuer.Valid:
		kind = "certificate.reinstated"
	}
	e := audit.Event{Kind: kind, Once: id, At: c.At, Actor: c.By, Subject: c.Identifier, Detail: map[string]string{"authority": authority, "event": id}}
	if c.ReplacedBy != "" {
		e.Detail["replaced_by"] = c.ReplacedBy
	}
	return e
}

func copyEvent(c issuer.Copy) audit.Event {
	return audit.Event{Kind: "copy.collected", At: c.CreatedAt, Actor: "wallet", Subject: c.Identifier, Detail: map[string]string{"key": c.KeyID}}
}

// shownBy names who showed a company's certificate.
const shownBy = "shown_by"

func verificationEvent(v verifier.Verification) audit.Event {
	d := map[string]string{"party": v.Party, "purpose": v.Purpose, "outcome": v.Outcome, "via": v.Via}
	for name, value := range map[string]string{
		"identifier": v.Identifier, "type": v.Type, "fields": strings.Join(v.Fields, " "), "reasons": strings.Join(v.Reasons, " "), "show": v.ShowID,
		"receipt": v.ReceiptDigest,
	} {
		if value != "" {
			d[name] = value
		}
	}
	if v.PersonID != "" && v.PersonID != v.HolderID {
		d[shownBy] = v.PersonID // for a company
	}
	at := v.At
	if !v.SettledAt.IsZero() {
		at, d["checked_at"] = v.SettledAt, v.At.UTC().Format(time.RFC3339Nano)
	}
	return audit.Event{Kind: "verification.recorded", Once: v.ID, At: at, Actor: v.Caller, Subject: v.ID, Holder: v.HolderID, Detail: d}
}

// recordedAs is a verification as it was recorded, before the clerk said who stood there.
func recordedAs(v verifier.Verification) verifier.Verification {
	if v.PersonAt.IsZero() {
		return v
	}
	v.Outcome = v.Found
	if n := len(v.Reasons) - 1; !v.PersonSame && n >= 0 && v.Reasons[n] == verifier.CodePersonNotSame {
		v.Reasons = v.Reasons[:n]
	}
	return v
}

// personEvent tells what the clerk said after a check.
func personEvent(v verifier.Verification) audit.Event {
	d := map[string]string{"party": v.Party, "same": strconv.FormatBool(v.PersonSame), "outcome": v.Outcome}
	if v.ReceiptDigest != "" {
		d["receipt"] = v.ReceiptDigest
	}
	return audit.Event{Kind: "person.compared", Once: v.ID, At: v.PersonAt, Actor: v.Caller, Subject: v.ID, Holder: v.HolderID, Detail: d}
}

// registryEvent tells of a revision. Its digest is over what the revision wrote, in the order of the names.
func registryEvent(revision int64, r registryRevision, written []registry.Entry) audit.Event {
	var all []byte
	var names []string
	written = slices.SortedFunc(slices.Values(written), func(a, b registry.Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	for _, e := range written {
		for _, part := range [][]byte{[]byte(e.Kind), []byte(e.ID), e.Body} {
			all = append(strconv.AppendInt(all, int64(len(part)), 10), ':')
			all = append(all, part...)
		}
		if len(names) < 32 {
			names = append(names, e.Kind+"/"+e.ID)
		}
	}
	n := strconv.FormatInt(revision, 10)
	return audit.Event{Kind: "registry.changed", Once: n, At: moment(r.at), Actor: r.who, Subject: "revision " + n, Detail: map[string]string{
		"why": r.why, "entries": strings.Join(names, " "), "written": strconv.Itoa(len(written)), "digest": digest(all),
	}}
}

type registryRevision struct {
	who, why string
	at       int64
}

func jobEvent(kind string, at time.Time, j issuer.Job) audit.Event {
	return audit.Event{Kind: kind, At: at, Actor: j.Authority, Subject: j.ID, Detail: map[string]string{"authority": j.Authority}}
}

// endedEvent tells how an upload ended and what it brought.
func endedEvent(at time.Time, j issuer.Job, done bool) audit.Event {
	kind := "push.interrupted"
	if done {
		kind = "push.finished"
	}
	e := jobEvent(kind, at, j)
	for name, n := range map[string]int64{"rows": j.Rows, "accepted": j.Accepted, "rejected": j.Rejected} {
		e.Detail[name] = strconv.FormatInt(n, 10)
	}
	return e
}
