package helper

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// Git is a git credential helper (gitcredentials(7), git-credential(1)). To get
// it answers with a Bearer token if git can send one, which it can from 2.46 on,
// and otherwise with the token as a password. To erase, which git says of
// credentials that a server has rejected, it renews the token. It ignores all
// other operations, as helpers must.
//
// For another host it says nothing, and git asks its next helper.
func (h *Helper) Git(ctx context.Context, operation string, in io.Reader, out io.Writer) error {
	if operation != "get" && operation != "erase" {
		return nil
	}
	asked, err := readGit(in)
	if err != nil {
		return err
	}
	if !h.serves(&url.URL{Scheme: asked.values["protocol"], Host: asked.values["host"]}) {
		return nil
	}
	token, err := h.Tokens.Token(ctx)
	if err != nil {
		return err
	}
	if operation == "erase" {
		if asked.values["password"] == token.AccessToken || asked.values["credential"] == token.AccessToken {
			_, err = h.Tokens.Renew(ctx, token)
		}
		return err
	}
	var b strings.Builder
	if asked.authtype {
		// Ephemeral: other helpers must not keep what soon expires.
		fmt.Fprintf(&b, "capability[]=authtype\nauthtype=Bearer\ncredential=%s\nephemeral=1\n", token.AccessToken)
	} else {
		user := asked.values["username"]
		if user == "" {
			user = "oauth2" // as GitLab wants it; other servers take any
		}
		fmt.Fprintf(&b, "username=%s\npassword=%s\n", user, token.AccessToken)
	}
	if !token.Expiry.IsZero() {
		fmt.Fprintf(&b, "password_expiry_utc=%d\n", token.Expiry.Unix())
	}
	_, err = io.WriteString(out, b.String())
	return err
}

// description is what git tells a helper.
type description struct {
	values   map[string]string
	authtype bool // git can send other schemes than Basic
}

// maxDescription is more than git sends: its lines end at 64 KiB.
const maxDescription = 1 << 20

func readGit(in io.Reader) (description, error) {
	d := description{values: map[string]string{}}
	lines := bufio.NewScanner(io.LimitReader(in, maxDescription))
	lines.Buffer(nil, maxDescription)
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSuffix(lines.Text(), "\r"), "=")
		switch {
		case key == "":
			return d, nil
		case key == "capability[]" && value == "authtype":
			d.authtype = true
		case key == "url":
			// It sets the parts, as if they stood here.
			if u, err := url.Parse(value); err == nil {
				d.values["protocol"], d.values["host"] = u.Scheme, u.Host
			}
		default:
			d.values[key] = value
		}
	}
	return d, lines.Err()
}
