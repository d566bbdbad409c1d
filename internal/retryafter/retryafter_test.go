package retryafter

import (
	"net/http"
	"testing"
	"time"
)

var now = time.Date(2030, time.March, 4, 5, 6, 7, 0, time.UTC)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false},
		{"0", 0, true},
		{"120", 2 * time.Minute, true},
		{"  7 ", 7 * time.Second, true},
		{"007", 7 * time.Second, true},
		{"-1", 0, false},
		{"+1", 0, false},
		{"1.5", 0, false},
		{"1, 2", 0, false},
		{"soon", 0, false},
		{"31536001", Max, true},
		{"99999999999999999999999999", Max, true},
		{"Mon, 04 Mar 2030 05:06:37 GMT", 30 * time.Second, true},
		{"Monday, 04-Mar-30 05:07:07 GMT", time.Minute, true},
		{"Mon Mar  4 05:06:08 2030", time.Second, true},
		{"Mon, 04 Mar 2030 05:06:06 GMT", 0, true},
		{"Fri, 04 Mar 9999 05:06:06 GMT", Max, true},
		{"Mon, 04 Mar 2030", 0, false},
	} {
		got, ok := Parse(http.Header{"Retry-After": {row.value}}, now)
		if got != row.want || ok != row.ok {
			t.Errorf("Parse(%q): got %v, %v, want %v, %v", row.value, got, ok, row.want, row.ok)
		}
	}
	if got, ok := Parse(nil, now); got != 0 || ok {
		t.Errorf("Parse(no header): got %v, %v, want 0, false", got, ok)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "99999999999999999999", "Mon, 04 Mar 2030 05:06:37 GMT",
		"Monday, 04-Mar-30 05:07:07 GMT", "Mon Mar  4 05:06:08 2030", "1e3", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := Parse(http.Header{"Retry-After": {value}}, now)
		if got < 0 || got > Max {
			t.Errorf("Parse(%q): got %v, want between 0 and %v", value, got, Max)
		}
		if !ok && got != 0 {
			t.Errorf("Parse(%q): got %v with false, want 0", value, got)
		}
	})
}
