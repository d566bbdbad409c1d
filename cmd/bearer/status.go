package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/vault"
	"example.com/bearer/config"
)

func newStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the clients, what is stored for them and when it expires",
		Long: `Show the clients that the file declares, what is stored for them, where, and when
it expires. No token is shown, and no server is asked.`,
		Example: `  bearer status
  bearer status --json --config other.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := openDeclared(cmd)
			if err != nil {
				return err
			}
			all := []status{}
			for _, name := range d.Names() {
				s, err := d.look(cmd.Context(), name)
				if err != nil {
					return err
				}
				all = append(all, s)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), all)
			}
			return printStatus(cmd.OutOrStdout(), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// status is what can be shown of a client.
type status struct {
	Name     string   `json:"name"`
	Server   string   `json:"server"`
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes,omitempty"`
	Store    string   `json:"store,omitempty"` // keyring, dir or a folder

	// State is valid, expired, missing or unreadable.
	State  string    `json:"state"`
	Expiry time.Time `json:"expiry,omitzero"`

	// Renewal is how to get the next token: refresh_token, login, or the
	// grant type of an application's token.
	Renewal string `json:"renewal"`
	Error   string `json:"error,omitempty"`
}

func (d *declared) look(ctx context.Context, name string) (status, error) {
	c, err := d.Declaration(name)
	if err != nil {
		return status{}, err
	}
	cache, err := d.Cache(name)
	if err != nil {
		return status{}, err
	}
	s := status{Name: name, Server: host(c), ClientID: c.ClientID, Scopes: c.Scopes, Store: d.where(ctx, c)}
	t, valid, err := vault.Peek(ctx, cache)
	switch {
	case errors.Is(err, bearer.ErrNotFound):
		s.State = "missing"
	case err != nil:
		s.State, s.Error = "unreadable", explain(err)
	case valid:
		s.State = "valid"
	default:
		s.State = "expired"
	}
	if t != nil {
		s.Expiry = t.Expiry.UTC().Truncate(time.Second)
	}
	switch {
	case !usersToken(c):
		s.Renewal = c.GrantType
		if s.Renewal == "" {
			s.Renewal = "client_credentials"
		}
	case t != nil && t.RefreshToken != "":
		s.Renewal = "refresh_token"
	default:
		s.Renewal = "login"
	}
	return s, nil
}

// usersToken reports whether a client's tokens are a user's, who logs in.
func usersToken(c config.Client) bool {
	return slices.Contains([]string{"authorization_code", "device_code"}, c.GrantType)
}

// where says where a client's token is kept, "" if nowhere yet.
func (d *declared) where(ctx context.Context, c config.Client) string {
	switch s := c.Store; {
	case s == nil:
		return d.vault.Usual(ctx)
	case s.Off:
		return ""
	case s.Name != "":
		return s.Name
	default:
		return string(s.Dir)
	}
}

// host returns the host of a client's server, with its port.
func host(c config.Client) string {
	address := string(cmp.Or(c.TokenURL, c.Issuer))
	for name, value := range c.Connection {
		address = strings.ReplaceAll(address, "${connection."+name+"}", value)
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

func printStatus(w io.Writer, all []status) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSERVER\tCLIENT\tSTORE\tTOKEN\tEXPIRES\tTHEN")
	for _, s := range all {
		cells := []string{s.Name, s.Server, s.ClientID, s.Store, s.State, s.expires(), s.then()}
		for i := range cells {
			if cells[i] == "" {
				cells[i] = "-"
			}
			cells[i] = printable(cells[i])
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		if s.Error != "" {
			if _, err := fmt.Fprintf(w, "\n%s: %s\n", printable(s.Name), s.Error); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s status) expires() string {
	switch {
	case !s.Expiry.IsZero():
		return when(s.Expiry)
	case s.State == "valid":
		return "unknown"
	}
	return ""
}

// then says what bearer token does once this token is not valid.
func (s status) then() string {
	switch s.Renewal {
	case "refresh_token":
		return "is refreshed"
	case "login":
		return "bearer login " + s.Name
	}
	return "is requested"
}
