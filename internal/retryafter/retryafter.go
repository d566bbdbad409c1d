// Package retryafter reads the Retry-After header of an answer.
package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Max is the longest delay that [Parse] returns. No caller waits that long, and
// adding it to a time cannot overflow.
const Max = 365 * 24 * time.Hour

// Parse returns the delay that the Retry-After header in h asks for, counted
// from now: whole seconds, or one of the three date forms of HTTP (RFC 9110
// section 10.2.3). A date in the past is a delay of zero. Parse returns false if
// the header is absent or malformed.
func Parse(h http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(Max/time.Second) {
			return Max, true // only digits: the one thing that can be wrong is that it is huge
		}
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(date.Sub(now), 0), Max), true
}
