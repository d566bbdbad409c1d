package main

import (
	"bytes"
	"os"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/demo"
)

// The limits keep a typing error from using up the machine's memory or its file
// descriptors: the record of a request takes 32 bytes, and a request in flight
// two sockets, its own and the server's.
const (
	maxRequests    = 10_000_000
	maxConcurrency = 4096
)

type demoFlags struct {
	batch  demo.Batch
	only   string
	json   bool
	report string
}

func newDemo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what bearer does in a batch that meets failures, beside golang.org/x/oauth2",
		Long: `Start an authorization server, an API and a foreign origin on loopback, and run
one batch of authorized requests through golang.org/x/oauth2 and then through
bearer. The same happens to both at the same points of the batch: tokens expire
several times, all tokens are revoked once, the token endpoint answers 503 for
a while, and one request is redirected to the foreign origin.`,
		Example: `  bearer demo
  bearer demo --only bearer --requests 100000
  bearer demo --report demo.html`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.batch.Requests, "requests", 20_000, "send `N` requests")
	flags.IntVar(&f.batch.Concurrency, "concurrency", 256, "keep `N` of them in flight")
	flags.StringVar(&f.only, "only", "", "run only this `COLUMN`: bearer or xoauth2")
	flags.BoolVar(&f.json, "json", false, "print one JSON object instead of the table")
	flags.StringVar(&f.report, "report", "", "write an HTML page with charts to `FILE`")
	return cmd
}

func (f *demoFlags) run(cmd *cobra.Command) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	var cols []*demo.Column
	for _, s := range demo.Subjects {
		if f.only != "" && f.only != s.Key {
			continue
		}
		run := f.batch.Through(s)
		stop := watch(cmd.ErrOrStderr(), s.Name, f.batch.Requests, run.Done)
		col, err := run.Do(cmd.Context())
		stop()
		if err != nil {
			return err
		}
		cols = append(cols, col)
	}
	if err := f.print(cmd, cols); err != nil {
		return err
	}
	if f.report == "" {
		return nil
	}
	var page bytes.Buffer
	if err := demo.WriteReport(&page, f.batch, cols); err != nil {
		return err
	}
	return os.WriteFile(f.report, page.Bytes(), 0o644)
}

// check returns what is wrong before the batch runs.
func (f *demoFlags) check(cmd *cobra.Command) error {
	if n := f.batch.Requests; n < 1 || n > maxRequests {
		return usagef("--requests must be from 1 to %d, got %d", maxRequests, n)
	}
	if n := f.batch.Concurrency; n < 1 || n > maxConcurrency {
		return usagef("--concurrency must be from 1 to %d, got %d", maxConcurrency, n)
	}
	if f.only != "" && !demo.Known(f.only) {
		return usagef("--only must be bearer or xoauth2, got %q", f.only)
	}
	return checkReport(cmd, f.report)
}

func (f *demoFlags) print(cmd *cobra.Command, cols []*demo.Column) error {
	out := cmd.OutOrStdout()
	if !f.json {
		return demo.WriteTable(out, f.batch, cols)
	}
	stats := map[string]demo.Stats{}
	for _, c := range cols {
		stats[c.Key] = c.Stats
	}
	return writeJSON(out, stats)
}
