package review

import (
	"fmt"
	"time"
)

// china is where deadlines are counted; it has had one time and no summer time since 1991.
func china() *time.Location { return time.FixedZone("CST", 8*60*60) }

// Calendar knows the working days of China: Monday to Friday, but for the holidays and with the
// make-up days (调休) that the State Council announces for each year. The zero value knows neither.
type Calendar struct {
	holidays map[string]bool // by date
	workdays map[string]bool
}

// NewCalendar takes lists of dates, 2026-10-01. A date cannot be both.
func NewCalendar(holidays, workdays []string) (Calendar, error) {
	c := Calendar{holidays: map[string]bool{}, workdays: map[string]bool{}}
	for name, list := range map[string]struct {
		dates []string
		into  map[string]bool
	}{"holidays": {holidays, c.holidays}, "workdays": {workdays, c.workdays}} {
		for _, text := range list.dates {
			if _, err := time.Parse(time.DateOnly, text); err != nil {
				return Calendar{}, fmt.Errorf("%s: %q is no date, such as 2026-10-01", name, text)
			}
			list.into[text] = true
		}
	}
	for date := range c.holidays {
		if c.workdays[date] {
			return Calendar{}, fmt.Errorf("%s is among holidays and among workdays", date)
		}
	}
	return c, nil
}

// Works says whether people work on the day, in China, of a moment.
func (c Calendar) Works(at time.Time) bool {
	day := at.In(china())
	switch date := day.Format(time.DateOnly); {
	case c.holidays[date]:
		return false
	case c.workdays[date]:
		return true
	}
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
}

// End is the last second of the n-th working day after the day of a moment, which itself is not
// counted (民法典 §201).
func (c Calendar) End(at time.Time, n int) time.Time {
	day := at.In(china())
	day = time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 59, 0, day.Location())
	for n > 0 {
		day = day.AddDate(0, 0, 1)
		if c.Works(day) {
			n--
		}
	}
	return day.UTC()
}
