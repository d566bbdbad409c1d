package grant

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// reserved are the parameters that have fields, or that a grant or a ClientAuth sets. One of them
// in Params would either be overwritten in silence or overwrite what the fields say.
var reserved = []string{
	"grant_type", "response_type", "client_id", "client_secret", "client_assertion", "client_assertion_type",
	"scope", "audience", "resource", "redirect_uri", "state", "code", "code_verifier", "code_challenge",
	"code_challenge_method", "refresh_token", "assertion", "device_code", "token", "token_type_hint",
	"subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type",
}

// target is what the fields of a grant say that the token is for.
type target struct {
	scopes   []string
	audience string
	resource []string
	extra    url.Values
}

// params gives the parameters of a request with that target, in a map of the caller's own.
func (t target) params(grantType string) (url.Values, error) {
	params := url.Values{"grant_type": {grantType}}
	return params, t.add(params)
}

func (t target) add(params url.Values) error {
	for name, values := range t.extra {
		if slices.Contains(reserved, name) {
			return fmt.Errorf("grant: Params has %q, which is set by a field; remove it", name)
		}
		params[name] = slices.Clone(values)
	}
	if len(t.scopes) > 0 {
		params.Set("scope", strings.Join(t.scopes, " "))
	}
	if t.audience != "" {
		params.Set("audience", t.audience)
	}
	if len(t.resource) > 0 {
		params["resource"] = slices.Clone(t.resource)
	}
	return nil
}
