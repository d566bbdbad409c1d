package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/credential"
	"example.com/bearer/cmd/bearer/internal/vault"
)

func newStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is stored and when it expires",
		Long: `Show what is stored, where, and when it expires. No token is shown, and no server
is asked.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v, err := vault.Open()
			if err != nil {
				return err
			}
			list, err := v.List(cmd.Context())
			if err != nil {
				return err
			}
			all := []status{} // not null in JSON
			for _, c := range list {
				all = append(all, look(cmd.Context(), v, c))
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

// status is what can be shown of a credential.
type status struct {
	Name     string   `json:"name"`
	Server   string   `json:"server"`
	ClientID string   `json:"client_id"`
	Scopes   []string `json:"scopes,omitempty"`
	Store    string   `json:"store"`

	// State is valid, expired, missing or unreadable.
	State  string    `json:"state"`
	Expiry time.Time `json:"expiry,omitzero"`

	// Renewal is how to get the next token: refresh_token, client_credentials
	// or login.
	Renewal string `json:"renewal"`
	Error   string `json:"error,omitempty"`
}

func look(ctx context.Context, v vault.Vault, c credential.Credential) status {
	s := status{Name: c.Name, Server: host(c.TokenURL), ClientID: c.ClientID, Scopes: c.Scopes, Store: c.Store, Renewal: "login"}
	t, valid, err := v.Peek(ctx, c)
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
	case !c.Login:
		s.Renewal = "client_credentials"
	case t != nil && t.RefreshToken != "":
		s.Renewal = "refresh_token"
	}
	return s
}

// host returns the host of a URL, with its port.
func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

func printStatus(w io.Writer, all []status) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is stored. Begin with bearer login or bearer token.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSERVER\tCLIENT\tSTORE\tTOKEN\tEXPIRES\tTHEN")
	for _, s := range all {
		cells := []string{s.Name, s.Server, s.ClientID, s.Store, s.State, s.expires(), s.then()}
		for i := range cells {
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
	return "-"
}

// then says what bearer token does once this token is not valid.
func (s status) then() string {
	switch s.Renewal {
	case "refresh_token":
		return "is refreshed"
	case "client_credentials":
		return "is requested again"
	}
	return "bearer login " + s.Name
}
