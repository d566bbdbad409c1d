package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
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
			all := []status{} // as JSON it is not null
			for _, c := range list {
				all = append(all, look(cmd.Context(), v, c))
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			return printStatus(cmd.OutOrStdout(), all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

// status is what may be told of a credential.
type status struct {
	Name     string    `json:"name"`
	Server   string    `json:"server"`
	ClientID string    `json:"client_id"`
	Scopes   []string  `json:"scopes,omitempty"`
	Store    string    `json:"store"`
	State    string    `json:"state"` // valid, expired, missing or unreadable
	Expiry   time.Time `json:"expiry,omitzero"`
	Renewal  string    `json:"renewal"` // what gives the next token: refresh_token, client_credentials or login
	Error    string    `json:"error,omitempty"`
}

func look(ctx context.Context, v vault.Vault, c credential.Credential) status {
	s := status{Name: c.Name, ClientID: c.ClientID, Scopes: c.Scopes, Store: c.Store, Renewal: "login"}
	if u, err := url.Parse(c.TokenURL); err == nil {
		s.Server = u.Host
	}
	t, valid, err := v.Peek(ctx, c)
	switch {
	case errors.Is(err, bearer.ErrNotFound):
		s.State = "missing"
	case err != nil:
		s.State, s.Error = "unreadable", err.Error()
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

func printStatus(w io.Writer, all []status) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "Nothing is stored. Begin with bearer login or bearer token.")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tSERVER\tCLIENT\tSTORE\tTOKEN\tEXPIRES\tTHEN")
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, s.Server, s.ClientID, s.Store, s.State, s.expires(), s.then())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, s := range all {
		if s.Error != "" {
			if _, err := fmt.Fprintf(w, "\n%s: %s\n", s.Name, s.Error); err != nil {
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

// then is what bearer token does when this token is no good any more.
func (s status) then() string {
	switch s.Renewal {
	case "refresh_token":
		return "is refreshed"
	case "client_credentials":
		return "is asked for anew"
	}
	return "bearer login " + s.Name
}
