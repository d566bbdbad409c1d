package bearer

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

// decode returns what encode stored, including the granted scope.
func TestCodecRoundTrip(t *testing.T) {
	full := (&Token{AccessToken: "a", TokenType: "bearer", RefreshToken: "r", Expiry: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)}).
		WithExtra(map[string]any{"scope": "read write"})
	for _, in := range []*Token{full, {AccessToken: "a"}, {RefreshToken: "r"}, {AccessToken: "quote\"and\\and<é>"}} {
		data, err := encode(in, binding{}, nil, notes{})
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := decode(data, binding{})
		if err != nil {
			t.Fatalf("got %v for what encode wrote", err)
		}
		if !same(in, out) {
			t.Errorf("got %s, which differs from what was encoded", data)
		}
	}
}

func same(a, b *Token) bool {
	scope := func(t *Token) any {
		if s, _ := t.Extra("scope").(string); s != "" {
			return s
		}
		return nil
	}
	return a.AccessToken == b.AccessToken && a.TokenType == b.TokenType && a.RefreshToken == b.RefreshToken &&
		a.Expiry.Equal(b.Expiry) && scope(a) == scope(b)
}

// The form is fixed: a later release must read this.
func TestCodecForm(t *testing.T) {
	const form = `{"v":1,"access_token":"a","token_type":"Bearer","refresh_token":"r","expiry":"2030-01-02T03:04:05Z","scope":"s"}`
	got, _, err := decode([]byte(form), binding{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := encode(got, binding{}, nil, notes{})
	if err != nil || string(data) != form {
		t.Errorf("got %s, %v, want %s", data, err, form)
	}
}

// Extras are kept by name, and only what JSON has; a release that does not know
// them reads the record all the same, since its version is the same.
func TestCodecExtras(t *testing.T) {
	in := (&Token{AccessToken: "a"}).WithExtra(map[string]any{
		"instance_url": "https://a.test", "realmId": "42", "n": 7.5, "yes": true, "empty": "", "i": 7, "u": uint8(8), "named": json.Number("9"), "none": nil,
		"other": "is not asked for", "list": []any{"x"}, "nan": math.NaN(), "scope": "s",
	})
	data, err := encode(in, binding{}, []string{"instance_url", "realmId", "n", "yes", "empty", "list", "nan", "i", "u", "named", "none", "absent"}, notes{})
	const form = `{"v":1,"access_token":"a","scope":"s","extras":{"i":7,"instance_url":"https://a.test","n":7.5,"named":"9","realmId":"42","u":8,"yes":true}}`
	if err != nil || string(data) != form {
		t.Fatalf("got %s, %v, want %s", data, err, form)
	}
	out, _, err := decode(data, binding{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"instance_url": "https://a.test", "realmId": "42", "n": 7.5, "yes": true, "scope": "s", "other": nil} {
		if got := out.Extra(name); got != want {
			t.Errorf("Extra(%q): got %v, want %v", name, got, want)
		}
	}
}

// An expiry that JSON cannot express does not keep a token from being stored: it
// becomes the last one that JSON can.
func TestCodecExpiryBeyondJSON(t *testing.T) {
	for _, expiry := range []time.Time{
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("west", -12*3600)),
		time.Unix(math.MaxInt64-62135596801, 0),
	} {
		data, err := encode(&Token{AccessToken: "a", Expiry: expiry}, binding{}, nil, notes{})
		if err != nil {
			t.Errorf("%v: got %v, want it stored", expiry.Year(), err)
			continue
		}
		if out, _, err := decode(data, binding{}); err != nil || out.Expiry.Year() != 9999 {
			t.Errorf("%v: got %v, want year 9999", expiry.Year(), err)
		}
	}
}

// An unusable value is an error that says what to do, and does not quote it.
func TestDecodeErrors(t *testing.T) {
	const again = ": delete it and log in again"
	for _, row := range []struct{ data, want string }{
		{``, "the stored token is not the JSON that this package writes" + again},
		{`{"v":1,"access_token":"canary`, "the stored token is not the JSON that this package writes" + again},
		{`{"v":1,"access_token":["canary"]}`, "the stored token is not the JSON that this package writes" + again},
		{`{"v":1,"access_token":"canary","expiry":"canary"}`, "the stored token is not the JSON that this package writes" + again},
		{`{"access_token":"canary"}`, "the stored token has version 0, and this release reads version 1" + again},
		{`{"v":2,"access_token":"canary"}`, "the stored token has version 2, and this release reads version 1" + again},
		{`{"v":1}`, "the stored token has neither an access token nor a refresh token" + again},
		{`null`, "the stored token has version 0, and this release reads version 1" + again},
		{`{"v":1,"access_token":"canary\n"}`, "the token's AccessToken has the byte 0x0a at offset 6, which cannot stand in an Authorization header: trim it"},
	} {
		if _, _, err := decode([]byte(row.data), binding{}); err == nil || err.Error() != row.want || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %s", row.data, err, row.want)
		}
	}
}

// decode does not panic, whatever a Store returns, and the token that it accepts
// survives encoding.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"v":1,"access_token":"a","refresh_token":"r","expiry":"2030-01-02T03:04:05Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, _, err := decode(data, binding{})
		if err != nil {
			return
		}
		again, err := encode(in, binding{}, nil, notes{})
		if err != nil {
			t.Fatalf("cannot encode what was decoded: %v", err)
		}
		out, _, err := decode(again, binding{})
		if err != nil {
			t.Fatalf("cannot decode %s: %v", again, err)
		}
		if year := in.Expiry.UTC().Year(); year < 0 || year > 9999 {
			in.Expiry = out.Expiry // see TestCodecExpiryBeyondJSON
		}
		if !same(in, out) {
			t.Fatalf("got %s, want the same token", again)
		}
	})
}
