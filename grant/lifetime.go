package grant

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// maxLifetime is the longest lifetime that is taken literally. A server that
// names a longer one means "for ever", and adding it to a time could overflow.
const maxLifetime = 10 * 365 * 24 * time.Hour

// lifetime parses a number of seconds: a number, with or without a fraction or
// an exponent, or a string that holds one. It is 0, unknown, if the member is
// absent, null, "" or 0: servers write 0 for tokens that do not expire and for
// those whose lifetime they do not know.
func (m members) lifetime(name string) (time.Duration, error) {
	raw := string(m[name])
	if raw == "" || raw == "null" {
		return 0, nil
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(m[name], &s) != nil {
			return 0, errors.New(name + " is not a number of seconds")
		}
		if raw = strings.TrimSpace(s); raw == "" {
			return 0, nil
		}
	}
	// ParseFloat would also take "Inf", "NaN", hexadecimal and underscores.
	seconds, err := strconv.ParseFloat(raw, 64)
	if strings.Trim(raw, "0123456789+-.eE") != "" || err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errors.New(name + " is not a number of seconds")
	}
	if seconds < 0 {
		return 0, errors.New(name + " is negative")
	}
	if seconds > maxLifetime.Seconds() {
		return maxLifetime, nil
	}
	return time.Duration(seconds * float64(time.Second)), nil
}
