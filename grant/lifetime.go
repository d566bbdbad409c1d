package grant

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxLifetime is the longest lifetime that is believed. Beyond it arithmetic with times
// overflows, and "for ever" is what the server meant.
const maxLifetime = 10 * 365 * 24 * time.Hour

// lifetime reads a number of seconds: a number, also with a fraction or an exponent, or a string
// that holds one. Absent, null, "" and 0 are no lifetime at all, 0.
func (m members) lifetime(name string) (time.Duration, error) {
	raw := string(m[name])
	if raw == "" || raw == "null" {
		return 0, nil
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(m[name], &s) != nil {
			return 0, errors.New(name + " is no number of seconds")
		}
		if raw = strings.TrimSpace(s); raw == "" {
			return 0, nil
		}
	}
	// ParseFloat would also take "Inf", "NaN", hexadecimal and underscores.
	seconds, err := strconv.ParseFloat(raw, 64)
	if strings.Trim(raw, "0123456789+-.eE") != "" || err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errors.New(name + " is no number of seconds")
	}
	if seconds < 0 {
		return 0, errors.New(name + " is negative")
	}
	if seconds > maxLifetime.Seconds() {
		return maxLifetime, nil
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
