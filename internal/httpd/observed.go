package httpd

import "time"

// Observed is what became of one request, for whoever watches the process. It says nothing of who
// asked for what.
type Observed struct {
	At            time.Time // of the end
	Class         Class     // empty: no route
	Status        int
	Code          string // of the problem; empty: none
	Took          time.Duration
	Waited        bool // for a person: Took says nothing of the server
	LimiterFailed bool // let through uncounted
}

// Refused says that the request was turned away to protect the server.
func (o Observed) Refused() bool { return o.Code == CodeOverloaded || o.Code == CodeRateLimited }

// Load is how near the process is to what it can do.
type Load struct {
	Places   int // requests that are worked on at once at most, as found
	Taken    int // of them
	Waiting  int // requests that wait a moment for a place
	InFlight int // all that are being answered, those that wait for others included
}

// Load looks at it.
func (s *Server) Load() Load {
	places, taken, waiting, _ := s.admission.state()
	return Load{Places: places, Taken: taken, Waiting: waiting, InFlight: s.busy.inside()}
}
