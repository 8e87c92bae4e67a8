package rights

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Format names the export document and its version.
const Format = "showcard-export/1"

// Exporter writes one kind of what is held about a person: one member of the document, an array.
type Exporter struct {
	Name string
	// Each gives every item to yield, one at a time, so that nothing is held in memory whole. An
	// error of yield ends it.
	Each func(ctx context.Context, holderID string, yield func(any) error) error
}

// BeginExport says whether a person may export now, and writes down that she does.
func (s *Service) BeginExport(ctx context.Context, p Person) error {
	if err := s.fresh(p); err != nil {
		return err
	}
	now := s.cfg.Now().UTC()
	return s.cfg.Erasures.NoteExport(ctx, p.HolderID, now, now.Add(-24*time.Hour), s.cfg.ExportsPerDay)
}

// Export writes all that is held about a person as one JSON document. Its last member is
// "complete": a document without it was cut off.
func (s *Service) Export(ctx context.Context, p Person, w io.Writer) error {
	out := document{w: w}
	out.text(`{"format":`).value(Format).text(`,"exported_at":`).value(s.cfg.Now().UTC())
	for _, e := range s.cfg.Exporters {
		out.text(`,`).value(e.Name).text(`:[`)
		first := true
		err := e.Each(ctx, p.HolderID, func(item any) error {
			if !first {
				out.text(`,`)
			}
			first = false
			return out.text("\n").value(item).err
		})
		if err != nil {
			return errorf("export of "+e.Name, err)
		}
		out.text(`]`)
	}
	return out.text(`,"complete":true}` + "\n").err
}

// document keeps the first error, so that writing reads in one line.
type document struct {
	w   io.Writer
	err error
}

func (d *document) text(s string) *document {
	if d.err == nil {
		_, d.err = io.WriteString(d.w, s)
	}
	return d
}

func (d *document) value(v any) *document {
	b, err := json.Marshal(v)
	if d.err == nil {
		d.err = err
	}
	return d.text(string(b))
}
