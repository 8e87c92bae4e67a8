package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// maxHistory bounds one page of the history.
const maxHistory = 200

// Past is one revision, told to auditors: who changed what, when and why. What was changed comes
// as names only; the entries themselves are in the registry's lists.
type Past struct {
	Revision int64     `json:"revision"`
	Who      string    `json:"who"`
	Why      string    `json:"why"`
	At       time.Time `json:"at"`
	Changes  []Changed `json:"changes"`
}

// Changed is an entry that a revision wrote.
type Changed struct {
	Kind   string   `json:"kind"`
	ID     string   `json:"id"`
	How    string   `json:"how"`              // added, changed, removed
	Fields []string `json:"fields,omitempty"` // names of the members that are different
}

// History tells the revisions from a number on, the oldest first.
func (r *Registry) History(ctx context.Context, from int64, limit int) ([]Past, error) {
	if limit <= 0 || limit > maxHistory {
		limit = maxHistory
	}
	revisions, err := r.cfg.Store.History(ctx, from, limit)
	if err != nil {
		return nil, fmt.Errorf("registry: history: %w", err)
	}
	out := make([]Past, 0, len(revisions))
	for _, rev := range revisions {
		p := Past{Revision: rev.Number, Who: rev.Who, Why: rev.Why, At: rev.At.UTC(), Changes: []Changed{}}
		for _, e := range rev.Entries {
			if e.Kind != kindList && e.Kind != kindSeal { // they are written each time
				p.Changes = append(p.Changes, changed(e))
			}
		}
		out = append(out, p)
	}
	return out, nil
}

func changed(e Written) Changed {
	c := Changed{Kind: e.Kind, ID: e.ID, How: "changed"}
	switch {
	case len(e.Before) == 0:
		c.How = "added"
		return c
	case len(e.After) == 0:
		c.How = "removed"
		return c
	}
	var before, after map[string]json.RawMessage
	if json.Unmarshal(e.Before, &before) != nil || json.Unmarshal(e.After, &after) != nil {
		return c
	}
	all := maps.Clone(before)
	maps.Copy(all, after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !bytes.Equal(before[name], after[name]) {
			c.Fields = append(c.Fields, name)
		}
	}
	return c
}
