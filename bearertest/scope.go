package bearertest

import (
	"regexp"
	"strings"
)

// scopeForm is the grammar of RFC 6749 section 3.3.
var scopeForm = regexp.MustCompile(`^[!#-\[\]-~]+( [!#-\[\]-~]+)*$`)

// checkScope reports why the client may not request scope.
func (c *Client) checkScope(scope string) *oauthError {
	if scope != "" && !scopeForm.MatchString(scope) {
		return refuse("invalid_scope", "scope has a character or a space where RFC 6749 section 3.3 allows none")
	}
	for _, one := range strings.Fields(scope) {
		if !allows(c.Scopes, one) {
			return refuse("invalid_scope", "the client may not request this scope")
		}
	}
	return nil
}

// within reports whether granted includes all of scope.
func within(scope, granted string) bool {
	list := strings.Fields(granted)
	for _, one := range strings.Fields(scope) {
		if len(list) == 0 || !allows(list, one) {
			return false
		}
	}
	return true
}
