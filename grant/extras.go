package grant

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/oauth2"

	"example.com/bearer/internal/mistake"
)

// extrasOf returns those extras of a token that have one of the names.
func extrasOf(t *oauth2.Token, names []string) map[string]any {
	extras := map[string]any{}
	for _, name := range names {
		if value := t.Extra(name); value != nil && value != "" {
			extras[name] = value
		}
	}
	return extras
}

// adopt adds the extras that m lacks: what the answer says itself comes first.
func (m members) adopt(extras map[string]any) {
	for name, value := range extras {
		if has := string(m[name]); has != "" && has != "null" && has != `""` {
			continue
		}
		if raw, err := json.Marshal(value); err == nil {
			m[name] = raw
		}
	}
}

// checkExtras refuses names that a token has fields for: a callback must not
// bring an access token, since it passed through the user's browser, and an
// answer without one must not become the token before.
func checkExtras(field string, names []string) error {
	for _, name := range names {
		if name == "" || slices.Contains(known, name) {
			return mistake.Errorf("grant: %s has %q, which cannot be an extra; remove it", field, name)
		}
	}
	return nil
}

// callbackExtras returns what a callback brought besides the code.
func (a AuthorizationCode) callbackExtras(query url.Values) (map[string]any, error) {
	if err := checkExtras("AuthorizationCode.CallbackExtras", a.CallbackExtras); err != nil {
		return nil, err
	}
	extras := map[string]any{}
	for _, name := range a.CallbackExtras {
		value := query.Get(name)
		if value == "" {
			return nil, fmt.Errorf("grant: the callback has no %q, which AuthorizationCode.CallbackExtras names; check how the server spells it, and start again", printable(name, maxCode))
		}
		extras[name] = value
	}
	return extras, nil
}
