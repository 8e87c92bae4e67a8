package issuer

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// However fast a sender is, no more than a batch waits in memory.
func TestIntakeIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		rows, bytes int
		size        int // of a line
		want        []int
	}{
		"by rows":          {3, 1000, 10, []int{3, 3, 1}},
		"by bytes":         {100, 25, 10, []int{2, 2, 2, 1}},
		"a line above all": {100, 5, 10, []int{1, 1, 1, 1, 1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newIntake(c.rows, c.bytes)
				go func() {
					for i := range 7 {
						in.put(line{number: int64(i + 1), text: make([]byte, c.size)})
					}
					in.close()
				}()
				next := int64(1)
				for _, want := range c.want {
					synctest.Wait() // the sender is blocked, or done
					got := in.take()
					require.Len(t, got, want)
					for _, e := range got {
						require.Equal(t, next, e.line)
						next++
					}
				}
				require.Nil(t, in.take())
			})
		})
	}
}

// A sender that waits for room learns that nobody takes any more.
func TestIntakeAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntake(1, 1000)
		require.True(t, in.put(line{number: 1}))
		refused := make(chan bool)
		go func() { refused <- in.put(line{number: 2}) }()
		synctest.Wait()
		in.abort()
		require.False(t, <-refused)
		require.Nil(t, in.take())
	})
}
