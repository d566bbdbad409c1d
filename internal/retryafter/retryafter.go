// Package retryafter reads the Retry-After header of an answer.
package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Max is the longest delay that [Parse] gives. A server that names a longer one is not
// believed: nobody waits for a year, and a sum with it must not overflow.
const Max = 365 * 24 * time.Hour

// Parse gives the delay that the Retry-After header in h asks for, counted from now: whole
// seconds or one of the three date forms of HTTP (RFC 9110 section 10.2.3). A date in the
// past is a delay of zero. It is false when there is no such header, or one that says nothing
// usable.
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
