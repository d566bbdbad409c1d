// Package credential is what a login is made of, but for its secrets: which
// server, which client, which scopes. It makes the grants of package
// [example.com/bearer/grant] out of that.
package credential

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// A Credential is data that may be written to a file that anybody reads.
type Credential struct {
	Name string `json:"name"`

	// Login says that the token is a user's, who has consented. Otherwise it is
	// the application's own, and can be had at any time.
	Login bool `json:"login,omitempty"`

	Issuer           string `json:"issuer,omitempty"`
	AuthURL          string `json:"auth_url,omitempty"`
	TokenURL         string `json:"token_url,omitempty"`
	RevokeURL        string `json:"revoke_url,omitempty"`
	DeviceAuthURL    string `json:"device_auth_url,omitempty"`
	IssuerInCallback bool   `json:"issuer_in_callback,omitempty"`

	ClientID    string   `json:"client_id,omitempty"`
	ClientAuth  string   `json:"client_auth,omitempty"` // one of Auths; empty: not decided yet
	SecretFile  string   `json:"secret_file,omitempty"` // its path; the secret itself is kept nowhere
	Scopes      []string `json:"scopes,omitempty"`
	Audience    string   `json:"audience,omitempty"`
	RedirectURL string   `json:"redirect_url,omitempty"`

	Store string `json:"store,omitempty"` // where the token is kept
}

// Key is the credential's name in a store. It depends on all that the token
// depends on, and on the folder of the program, so that a token for another
// scope or client is never taken for this one's.
func (c Credential) Key(folder string) string {
	what := append([]string{folder, c.Issuer, c.AuthURL, c.TokenURL, c.ClientID, c.Audience}, c.Scopes...)
	sum := sha256.Sum256(fmt.Appendf(nil, "%t %q", c.Login, what))
	return c.Name + "-" + hex.EncodeToString(sum[:8])
}

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// CheckName says what is wrong with a credential's name, which becomes part of
// file names.
func CheckName(name string) error {
	if !names.MatchString(name) {
		return fmt.Errorf("%q is no name for a provider: use up to 32 of a-z, 0-9, - and _", name)
	}
	return nil
}
