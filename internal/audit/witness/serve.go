package witness

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/showcard/showcard/internal/audit"
	"github.com/showcard/showcard/internal/audit/remote"
)

// maxRequest is larger than any request to cosign.
const maxRequest = 128 << 10

// Handler serves the witness:
//
//	POST /add-checkpoint        C2SP tlog-witness: cosign one
//	GET  /checkpoint            the newest that it cosigned
//	GET  /checkpoints           all of them, a line of JSON each
//	GET  /tile/entries/…        its copy of the leaves (C2SP tlog-tiles)
//	GET  /key                   its verifier key
//	GET  /metrics, /healthz     size and alarm
func (w *Witness) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", w.add)
	mux.HandleFunc("GET /checkpoint", func(out http.ResponseWriter, _ *http.Request) {
		if last := w.Latest(); last.Note != "" {
			text(out, http.StatusOK, last.Note)
			return
		}
		text(out, http.StatusNotFound, "nothing cosigned yet\n")
	})
	mux.HandleFunc("GET /checkpoints", w.checkpoints)
	mux.HandleFunc("GET /tile/entries/", w.bundle)
	mux.HandleFunc("GET /key", func(out http.ResponseWriter, _ *http.Request) {
		text(out, http.StatusOK, w.cfg.Signer.Key().String()+"\n")
	})
	mux.HandleFunc("GET /healthz", func(out http.ResponseWriter, _ *http.Request) {
		if err := w.Alarm(); err != nil {
			text(out, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		text(out, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /metrics", w.metrics)
	return mux
}

func text(out http.ResponseWriter, status int, body string) {
	out.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out.Header().Set("X-Content-Type-Options", "nosniff")
	out.WriteHeader(status)
	_, _ = io.WriteString(out, body) // who hung up cannot be told
}

func (w *Witness) add(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(out, r.Body, maxRequest))
	if err != nil {
		text(out, http.StatusRequestEntityTooLarge, "too large\n")
		return
	}
	old, path, note, err := remote.ParseRequest(body)
	if err != nil {
		text(out, http.StatusBadRequest, err.Error()+"\n")
		return
	}
	cosigned, err := w.Add(old, path, note)
	switch {
	case err == nil:
		for line := range strings.Lines(audit.SignatureLines(cosigned.Note)) {
			if strings.HasPrefix(line, "— "+w.cfg.Signer.Name()+" ") {
				text(out, http.StatusOK, line)
				return
			}
		}
		text(out, http.StatusInternalServerError, "no cosignature\n")
	case errors.Is(err, ErrFork):
		text(out, http.StatusConflict, "another tree of this size was seen\n")
	case errors.Is(err, ErrStale), errors.Is(err, ErrShrunk):
		out.Header().Set("Content-Type", remote.SizeType)
		out.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(out, strconv.FormatUint(w.Latest().Size, 10)+"\n")
	case errors.Is(err, audit.ErrOrigin):
		text(out, http.StatusNotFound, "unknown log\n")
	case errors.Is(err, audit.ErrSignature):
		text(out, http.StatusForbidden, "not signed by the log's keys\n")
	case errors.Is(err, audit.ErrCheckpoint):
		text(out, http.StatusBadRequest, "not a checkpoint\n")
	case errors.Is(err, audit.ErrProof):
		text(out, http.StatusUnprocessableEntity, "the proof does not lead from one root to the other\n")
	default:
		w.cfg.Logger.Error("checkpoint not stored", "error", err)
		text(out, http.StatusInternalServerError, "not stored\n")
	}
}

func (w *Witness) checkpoints(out http.ResponseWriter, _ *http.Request) {
	f, err := os.Open(filepath.Join(w.cfg.Data, CheckpointsFile))
	if err != nil {
		text(out, http.StatusNotFound, "nothing cosigned yet\n")
		return
	}
	defer f.Close()
	out.Header().Set("Content-Type", "application/x-ndjson")
	_, _ = io.Copy(out, f) // who hung up cannot be told
}

func (w *Witness) bundle(out http.ResponseWriter, r *http.Request) {
	p, err := audit.ParseTilePath(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil || !p.Entries {
		text(out, http.StatusNotFound, "no such bundle\n")
		return
	}
	data, err := w.Bundle(p.Index, p.Width)
	if err != nil {
		text(out, http.StatusNotFound, "no such bundle\n")
		return
	}
	out.Header().Set("Content-Type", "application/octet-stream")
	_, _ = out.Write(data) // who hung up cannot be told
}

// metrics is what a monitoring system asks for, in Prometheus' text form.
func (w *Witness) metrics(out http.ResponseWriter, _ *http.Request) {
	alarm := 0
	if w.Alarm() != nil {
		alarm = 1
	}
	text(out, http.StatusOK, fmt.Sprintf("showcard_witness_size %d\nshowcard_witness_leaves %d\nshowcard_witness_alarm %d\n", w.Latest().Size, w.copied(), alarm))
}
