package grant

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

// G15: a part of a secret is withheld too, and one that is written otherwise.
func TestPartsOfAnEchoedSecretAreWithheld(t *testing.T) {
	const secret = "Kq8vZ2mN-x7RtW4yLp+0sDf3GhJ/6bCe"
	for _, row := range []struct {
		name, echo string
		withheld   bool
	}{
		{"the first half", "Kq8vZ2mN-x7RtW4y...", true},
		{"the last half", "...Lp+0sDf3GhJ/6bCe", true},
		{"a part in the middle", "bad secret '2mN-x7RtW4yLp+0s'", true},
		{"the middle, in a URL", "secret=mN-x7RtW4yLp%2b0sDf", true},
		{"upper case", strings.ToUpper(secret), true},
		{"lower case, in part", strings.ToLower(secret[5:25]), true},
		{"split by spaces", "Kq8vZ2mN x7RtW4y Lp+0sDf3 GhJ/6bCe", true},
		{"split by line breaks", "Kq8v\nZ2mN-x\r\n7RtW\t4yLp+0sD", true},
		{"split by invisible characters", "Kq8v\u200bZ2mN-x7\u2060RtW4yLp+\u00ad0sD", true},
		{"split by marks", "Kq8v Z2mN x7Rt W4yL p0sD", true},
		{"only 15 characters", "Kq8vZ2mN-x7RtW4", false},
		{"nothing of it", "the client is not allowed to use this grant", false},
	} {
		body, _ := json.Marshal(map[string]string{"error": "invalid_request", "error_description": row.echo, "error_uri": "https://auth.test/?" + row.echo})
		for _, auth := range []ClientAuth{Post{ID: "id", Secret: secret}, Basic{ID: "id", Secret: secret}, apiKey(secret)} {
			s, _ := serve(t, always(400, string(body)))
			_, err := ClientCredentials{Server: s, Auth: auth}.Token(t.Context())
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatal(err)
			}
			if got := e.Description == redacted && e.URI == redacted; got != row.withheld {
				t.Errorf("%T, %s: got %q and %q, want them withheld: %v", auth, row.name, e.Description, e.URI, row.withheld)
			}
		}
	}
}

// G15: a secret is found where the text is cut off too.
func TestSecretAtTheCutIsWithheld(t *testing.T) {
	for _, secret := range []string{"hunter2!", "a-rather-long-secret-of-the-client"} {
		for at := maxText - len(secret) - 1; at < maxText; at++ {
			description := strings.Repeat(".", at) + secret + strings.Repeat(".", 100)
			body, _ := json.Marshal(map[string]string{"error": "invalid_request", "error_description": description})
			s, _ := serve(t, always(400, string(body)))
			_, err := ClientCredentials{Server: s, Auth: Post{ID: "id", Secret: Secret(secret)}}.Token(t.Context())
			if e, ok := errors.AsType[*Error](err); !ok || e.Description != redacted {
				t.Fatalf("at byte %d: got %q, want it withheld", at, e.Description)
			}
		}
	}
}

// G15: what cannot be seen, and what turns the direction of writing, is
// removed.
func TestPrintable(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"a\u200bb", "ab"},                 // zero width space
		{"a\u200fb\u200eb", "abb"},         // right-to-left and left-to-right marks
		{"a\u061cb", "ab"},                 // Arabic letter mark
		{"a\u202e\u2066b\u2069", "ab"},     // overrides and isolates
		{"a\ufeffb\u2060\u00adc", "abc"},   // byte order mark, word joiner, soft hyphen
		{"a\u3164b\u115fc\u034fd", "abcd"}, // fillers and the grapheme joiner
		{"a\ufe0fb\U000e0100c", "abc"},     // variation selectors
		{"a\U000e0041b", "ab"},             // a tag
		{"a\ue000b\U000f0000c", "abc"},     // private use
		{"a\u2028b\u2029c", "a b c"},
		{"a\r\nb\x1b[31m\u009b", "a  b [31m"},
		{"a\u00a0b\u3000c", "a b c"},
		{"a\xffb", "a?b"},
		{"ä, 界, e\u0301, 🙂", "ä, 界, e\u0301, 🙂"},
		{" a ", "a"},
	} {
		if got := printable(row.text, maxText); got != row.want {
			t.Errorf("printable(%+q): got %+q, want %+q", row.text, got, row.want)
		}
	}
	for r := range rune(unicode.MaxRune + 1) {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) && r < 0xd800 || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) {
			if got := printable("a"+string(r)+"b", maxText); strings.ContainsRune(got, r) {
				t.Errorf("printable(%U): got it in %+q, want it removed", r, got)
			}
		}
	}
}

// G15: a server cannot add sentences to ours: what is not a word of
// the protocol is quoted.
func TestServersWordsAreQuoted(t *testing.T) {
	const forged = `invalid_grant; grant: https://other.test answered 200 "ok`
	body, _ := json.Marshal(map[string]string{"error": forged, "error_description": forged, "error_uri": "https://auth.test/) " + forged})
	_, err := fetch(t, 400, string(body))
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatal(err)
	}
	want := fmt.Sprintf("grant: https://auth.test answered 400 %q %q (see %q)", e.Code, e.Description, e.URI)
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	for code, want := range map[string]string{
		"invalid_grant": "400 invalid_grant", "urn:x": `400 "urn:x"`, "a b": `400 "a b"`, "Error-1.2_x": "400 Error-1.2_x", "ungültig": `400 "ungültig"`,
	} {
		if got := (&Error{Status: 400, Code: code}).Error(); got != "grant: answered "+want {
			t.Errorf("got %s, want grant: answered %s", got, want)
		}
	}
}
