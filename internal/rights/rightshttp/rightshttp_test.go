package rightshttp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/httpd"
)

// An export lasts as long as its reader is slow. It keeps its place all the while, so it has places
// of its own: a hundred slow readers must not keep others from showing, answering and writing.
func TestExportsHavePlacesOfTheirOwn(t *testing.T) {
	long := 0
	for _, r := range (&API{}).Routes() {
		if r.Streaming {
			require.Equal(t, httpd.ClassExport, r.Class, r.Path)
			long++
		}
	}
	require.Equal(t, 1, long)
}
