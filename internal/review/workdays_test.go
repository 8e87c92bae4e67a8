package review_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/internal/review"
)

func TestFifthWorkingDay(t *testing.T) {
	// National Day of 2026 as it might be announced: off from 1 to 7 October, worked on 27 September
	// and 10 October.
	year, err := review.NewCalendar([]string{"2026-10-01", "2026-10-02", "2026-10-03", "2026-10-04", "2026-10-05", "2026-10-06", "2026-10-07"}, []string{"2026-09-27", "2026-10-10"})
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		calendar review.Calendar
		at, end  string // in China
	}{
		"a Wednesday":             {review.Calendar{}, "2026-11-18T10:00:00+08:00", "2026-11-25T23:59:59+08:00"},
		"a Monday":                {review.Calendar{}, "2026-11-16T00:00:00+08:00", "2026-11-23T23:59:59+08:00"},
		"a Friday":                {review.Calendar{}, "2026-11-20T23:59:59+08:00", "2026-11-27T23:59:59+08:00"},
		"a Saturday":              {review.Calendar{}, "2026-11-21T10:00:00+08:00", "2026-11-27T23:59:59+08:00"},
		"a Sunday":                {review.Calendar{}, "2026-11-22T10:00:00+08:00", "2026-11-27T23:59:59+08:00"},
		"Monday there, not here":  {review.Calendar{}, "2026-11-22T16:00:00Z", "2026-11-30T23:59:59+08:00"},
		"over a year's end":       {review.Calendar{}, "2026-12-31T10:00:00+08:00", "2027-01-07T23:59:59+08:00"},
		"before holidays":         {year, "2026-09-30T10:00:00+08:00", "2026-10-13T23:59:59+08:00"},
		"in holidays":             {year, "2026-10-04T10:00:00+08:00", "2026-10-13T23:59:59+08:00"},
		"a Sunday that is worked": {year, "2026-09-25T10:00:00+08:00", "2026-10-08T23:59:59+08:00"},
		"nothing known":           {review.Calendar{}, "2026-09-30T10:00:00+08:00", "2026-10-07T23:59:59+08:00"},
	} {
		at, err := time.Parse(time.RFC3339, tc.at)
		require.NoError(t, err, name)
		end, err := time.Parse(time.RFC3339, tc.end)
		require.NoError(t, err, name)
		require.Equal(t, end.UTC(), tc.calendar.End(at, 5), name)
	}
}

func TestCalendarRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ holidays, workdays []string }{
		"a word":    {[]string{"tomorrow"}, nil},
		"no day":    {nil, []string{"2026-02-30"}},
		"a moment":  {[]string{"2026-10-01T00:00:00Z"}, nil},
		"both":      {[]string{"2026-10-10"}, []string{"2026-10-10"}},
		"otherwise": {[]string{"1.10.2026"}, nil},
	} {
		_, err := review.NewCalendar(tc.holidays, tc.workdays)
		require.Error(t, err, name)
	}
}
