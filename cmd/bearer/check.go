package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/config"
)

type checkFlags struct{ live, json bool }

func newCheck() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the file, and with --live whether its clients get tokens",
		Long: `Say what is wrong with the file that declares the clients. Its faults go to stderr,
one a line, and the exit status is 1.

With --live each credential gets a token. An application's is requested anew, and
not kept. A user's is the stored one, refreshed if it has expired: a refresh before
could end the token that another program holds. Why one failed goes to stderr.`,
		Example: `  bearer check
  bearer check --live
  bearer check --live --json --config other.yaml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	cmd.Flags().BoolVar(&f.live, "live", false, "get a token of each client")
	cmd.Flags().BoolVar(&f.json, "json", false, "print a JSON object")
	return cmd
}

// A report is what check found out.
type report struct {
	File  string `json:"file"`
	Valid bool   `json:"valid"`

	// Approved is false for a file that was found in the working directory
	// and that the user has not approved.
	Approved bool `json:"approved"`

	Faults  []reportFault `json:"faults,omitempty"`
	Clients []trial       `json:"clients,omitempty"`
}

type reportFault struct {
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"`
	Text   string `json:"text"`
}

// A trial is how a client fared.
type trial struct {
	Name    string    `json:"name"`
	Result  string    `json:"result,omitempty"` // ok, login_required or failed; empty without --live
	Seconds float64   `json:"seconds,omitempty"`
	Expiry  time.Time `json:"expiry,omitzero"`
	Error   string    `json:"error,omitempty"`
}

func (f checkFlags) run(cmd *cobra.Command) error {
	if err := noSharedSecret(""); err != nil {
		return err
	}
	file, err := findFile(cmd)
	if err != nil {
		return err
	}
	r := report{File: file.Path}
	if r.Approved, err = file.Trusted(); err != nil {
		return err
	}
	d, err := openFile(file, nil)
	if err == nil {
		err = d.secrets.clash()
	}
	faulty, isFaulty := errors.AsType[*config.Error](err)
	if err != nil && !(isFaulty && f.json) {
		return err
	}
	if isFaulty {
		for _, fault := range faulty.Faults {
			r.Faults = append(r.Faults, reportFault{fault.Line, fault.Column, fault.Path, fault.Text})
		}
		return errors.Join(silent(exitFailed), writeJSON(cmd.OutOrStdout(), r))
	}
	r.Valid = true
	for _, name := range d.Names() {
		r.Clients = append(r.Clients, trial{Name: name})
	}
	if f.live {
		d.try(cmd.Context(), r.Clients)
	}
	if err := f.print(cmd.OutOrStdout(), r); err != nil {
		return err
	}
	for _, t := range r.Clients {
		if t.Error != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "bearer: %s: %s\n", printable(t.Name), t.Error)
		}
	}
	return verdict(r.Clients)
}

// try gets a token for each client, at the same time, and one only for those that
// share a credential.
func (d *declared) try(ctx context.Context, clients []trial) {
	byCache := map[*bearer.Cache][]*trial{}
	for i := range clients {
		cache, _ := d.Cache(clients[i].Name) // it is declared
		// Before any is used: a client may be the chain of another one.
		cache.RefreshBefore = -1 // see session.current
		cache.RetryFor = -1      // tell at once what is wrong
		byCache[cache] = append(byCache[cache], &clients[i])
	}
	var wg sync.WaitGroup
	for cache, sharing := range byCache {
		wg.Go(func() {
			first := sharing[0]
			d.tryOne(ctx, cache, first)
			for _, t := range sharing[1:] {
				name := t.Name
				*t = *first
				t.Name = name
			}
		})
	}
	wg.Wait()
}

func (d *declared) tryOne(ctx context.Context, cache *bearer.Cache, t *trial) {
	c, _ := d.Declaration(t.Name) // it is declared
	if !usersToken(c) {
		cache = &bearer.Cache{Source: cache.Source, RetryFor: -1, DefaultLifetime: cache.DefaultLifetime}
	}
	start := time.Now()
	token, err := cache.Token(ctx)
	t.Seconds = time.Since(start).Round(time.Millisecond).Seconds()
	err = errors.Join(err, flush(ctx, cache))
	switch {
	case err == nil:
		t.Result, t.Expiry = "ok", token.Expiry.UTC().Truncate(time.Second)
	case errors.Is(err, bearer.ErrLoginRequired):
		t.Result, t.Error = "login_required", explain(fmt.Errorf("%w: run bearer login %s", err, t.Name))
	default:
		t.Result, t.Error = "failed", explain(err)
	}
}

// verdict returns the exit status for what was tried: a failure counts more than
// a login that is required.
func verdict(clients []trial) error {
	worst := exitOK
	for _, t := range clients {
		switch {
		case t.Result == "failed":
			return silent(exitFailed)
		case t.Result == "login_required":
			worst = exitLogin
		}
	}
	if worst == exitOK {
		return nil
	}
	return silent(worst)
}

func (f checkFlags) print(w io.Writer, r report) error {
	switch {
	case f.json:
		return writeJSON(w, r)
	case !f.live:
		clients := "1 client"
		if len(r.Clients) > 1 {
			clients = fmt.Sprintf("%d clients", len(r.Clients))
		}
		confined := ""
		if !r.Approved {
			confined = " It is not approved, and so confined: see bearer allow --help."
		}
		_, err := fmt.Fprintf(w, "%s is valid and declares %s.%s\n", printable(r.File), clients, confined)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tTOKEN\tTOOK\tEXPIRES")
	for _, t := range r.Clients {
		fmt.Fprintf(table, "%s\t%s\t%.3fs\t%s\n", printable(t.Name), strings.ReplaceAll(t.Result, "_", " "), t.Seconds, t.expires())
	}
	return table.Flush()
}

func (t trial) expires() string {
	switch {
	case t.Result != "ok":
		return "-"
	case t.Expiry.IsZero():
		return "unknown"
	}
	return when(t.Expiry)
}
