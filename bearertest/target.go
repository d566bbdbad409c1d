package bearertest

import (
	"net/url"
	"slices"
	"strings"
)

// target returns what the token is to be for: each resource (RFC 8707) and
// audience (RFC 8693 section 2.1).
func (p params) target() ([]string, *oauthError) {
	named := func(name string) []string {
		// A parameter without a value counts as absent: RFC 6749 section 3.2.
		return slices.DeleteFunc(slices.Clone(p[name]), func(v string) bool { return v == "" })
	}
	resources := named("resource")
	for _, resource := range resources {
		if !absolute(resource) {
			return nil, refuse("invalid_target", "resource must be an absolute URI without a fragment")
		}
	}
	return append(resources, named("audience")...), nil
}

// absolute reports whether text is an absolute URI (RFC 3986 section 4.3),
// which excludes a fragment.
func absolute(text string) bool {
	u, err := url.Parse(text)
	if err != nil || !u.IsAbs() || u.Host == "" && u.Path == "" && u.Opaque == "" {
		return false
	}
	return !strings.ContainsFunc(text, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune("#\"<>\\^`{|}", c)
	})
}

// narrowed returns granted for the target of this request, all of granted if
// it names none. The target must be part of what was granted, if that was
// restricted at all (RFC 8707 section 2.2).
func (q grantRequest) narrowed(granted Grantee) (Grantee, *oauthError) {
	for _, one := range q.audience {
		if !allows(granted.Audience, one) {
			return Grantee{}, refuse("invalid_target", "the grant is for another resource or audience")
		}
	}
	if len(q.audience) > 0 {
		granted.Audience = q.audience
	}
	return granted, nil
}
