// Package credential describes a credential without its secrets: which server,
// which client, which scopes. It makes the grants of package
// [example.com/bearer/grant] from that.
package credential

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// A Credential holds no secret, so it may be written to a file.
type Credential struct {
	Name string `json:"name"`

	// Login says that the token belongs to a user, who has consented.
	// Otherwise it is the application's, which needs no consent.
	Login bool `json:"login,omitempty"`

	Issuer           string `json:"issuer,omitempty"`
	AuthURL          string `json:"auth_url,omitempty"`
	TokenURL         string `json:"token_url,omitempty"`
	RevokeURL        string `json:"revoke_url,omitempty"`
	DeviceAuthURL    string `json:"device_auth_url,omitempty"`
	IssuerInCallback bool   `json:"issuer_in_callback,omitempty"`

	ClientID    string   `json:"client_id,omitempty"`
	ClientAuth  string   `json:"client_auth,omitempty"` // of Auths; empty: undecided
	SecretFile  string   `json:"secret_file,omitempty"` // its path
	Scopes      []string `json:"scopes,omitempty"`
	Audience    string   `json:"audience,omitempty"`
	RedirectURL string   `json:"redirect_url,omitempty"`

	Store string `json:"store,omitempty"` // where the token is kept
}

// Key is the credential's key in a store. It depends on everything that the
// token depends on and on the program's folder, so that a token for another
// server, client or scope is never taken for this one.
func (c Credential) Key(folder string) string {
	what := append([]string{folder, c.Issuer, c.AuthURL, c.TokenURL, c.ClientID, c.Audience}, c.Scopes...)
	sum := sha256.Sum256(fmt.Appendf(nil, "%t %q", c.Login, what))
	return c.Name + "-" + hex.EncodeToString(sum[:8])
}

// DropEndpoints forgets where the server is.
func (c *Credential) DropEndpoints() {
	c.Issuer, c.AuthURL, c.TokenURL, c.RevokeURL, c.DeviceAuthURL = "", "", "", "", ""
	c.IssuerInCallback = false
}

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// CheckName returns an error unless name can name a credential: it becomes part
// of file names and of an environment variable's name.
func CheckName(name string) error {
	if !names.MatchString(name) {
		return fmt.Errorf("%q cannot name a provider: use up to 32 of a-z, 0-9, - and _", name)
	}
	return nil
}
