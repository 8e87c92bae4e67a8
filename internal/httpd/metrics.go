package httpd

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics has a registry of its own, so that two servers in one process do not meet.
type metrics struct {
	registry      *prometheus.Registry
	duration      *prometheus.HistogramVec
	refused       *prometheus.CounterVec
	inFlight      prometheus.Gauge
	panics        prometheus.Counter
	limiterErrors prometheus.Counter
}

func newMetrics() (*metrics, error) {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "showcard_http_request_duration_seconds", Help: "Time from the request's headers to the end of its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "showcard_http_refused_total", Help: "Requests refused to protect the server, and sign-ins refused, by class and problem code.",
		}, []string{"class", "code"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "showcard_http_in_flight", Help: "Requests being answered now.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "showcard_http_panics_total", Help: "Handlers that panicked.",
		}),
		limiterErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "showcard_http_limiter_errors_total", Help: "Requests let through uncounted because the limiter failed.",
		}),
	}
	for _, c := range []prometheus.Collector{
		m.duration, m.refused, m.inFlight, m.panics, m.limiterErrors,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := m.registry.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) observe(rec *record, method string, status int, took time.Duration) {
	m.duration.WithLabelValues(rec.route, knownMethod(method), strconv.Itoa(status)).Observe(took.Seconds())
	signIn := (rec.class == ClassSignIn || rec.class == ClassCallback) && rec.code != ""
	if rec.code == CodeOverloaded || rec.code == CodeRateLimited || signIn {
		m.refused.WithLabelValues(string(rec.class), rec.code).Inc()
	}
}

// Registry is where the rooms register metrics of their own; /metrics shows them all.
func (s *Server) Registry() prometheus.Registerer { return s.metrics.registry }

// Gauge shows a figure of a room at /metrics. Its value is asked for at each scrape.
func (s *Server) Gauge(name, help string, value func() float64) error {
	return s.metrics.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// admissionMetrics show how near the process is to what it can do.
func (s *Server) admissionMetrics() error {
	gauge := func(name, help string, value func(places, busy, waiting int, delay time.Duration) float64) error {
		return s.Gauge(name, help, func() float64 { return value(s.admission.state()) })
	}
	return errors.Join(
		gauge("showcard_http_places", "Requests that are worked on at once at most, as found.", func(places, _, _ int, _ time.Duration) float64 { return float64(places) }),
		gauge("showcard_http_places_taken", "Requests that are worked on.", func(_, busy, _ int, _ time.Duration) float64 { return float64(busy) }),
		gauge("showcard_http_waiting", "Requests that wait a moment for a place.", func(_, _, waiting int, _ time.Duration) float64 { return float64(waiting) }),
		gauge("showcard_http_scheduling_delay_seconds", "How long nine of ten goroutines waited for a processor at the last look.", func(_, _, _ int, delay time.Duration) float64 { return delay.Seconds() }),
	)
}
