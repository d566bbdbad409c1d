package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/batch"
	"example.com/bearer/cmd/bearer/internal/target"
)

type batchFlags struct {
	output      string
	resume      bool
	concurrency int
	retries     int
	timeout     time.Duration
	method      string
	headers     []string
	keep        []string
	bodies      string
	noBody      bool
	follow      bool
}

func newBatch() *cobra.Command {
	var f batchFlags
	cmd := &cobra.Command{
		Use:   "batch CLIENT [FILE]",
		Short: "Send many authorized requests, and write a line for each result",
		Long: `Send the requests that FILE, or stdin, lists one a line, several at a time, and
write a JSON object for each result as it completes.

A line is a URL, absolute or a path that is added to the client's base_url; or a
JSON object with the keys url, method, headers, body (a text, or any other JSON
value), body_base64, and id, which its result repeats. Blank lines and lines that
begin with # are skipped. URLs must lead to the client's hosts or, if it declares
none, below its base_url.

A result has the line's number and hash, method, url, status, attempts, the time
in ms, the headers that --response-header names, and the response's body: JSON as
it is (body), other text as a string (body), anything else in base64
(body_base64), or the path of a file (body_file). If there was no response, or its
body could not be kept, the result has an error.

429 and 503 are retried, after the time that the API asks for, which holds up the
other requests too. Broken connections, 502 and 504 are retried if the request may
be processed twice: GET, HEAD, OPTIONS, TRACE, PUT and DELETE, and others with an
Idempotency-Key. The batch ends if the login is no longer valid, and if 50 requests
in a row had no answer or 401.

With --resume, requests whose result is in the output of -o are not sent again.
Thus a batch continues after Ctrl-C, a crash or a kill; only requests that were in
flight then can be sent twice. Failed requests have a result: to send them again,
remove their lines.

The exit status is 1 if any result is a failure: no response, or a status from
400.`,
		Example: `  seq 1 100000 | sed 's|^|/items/|' > items.txt
  bearer batch reports items.txt -o results.ndjson --resume
  jq -c 'select(.status != 200)' results.ndjson
  bearer batch reports < requests.ndjson --concurrency 32 | jq -r .body.name`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return usagef("batch takes the name of a client and a file: see bearer batch --help")
			}
			return f.check()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault // files
			}
			return completeClient(cmd, args, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write the results to `FILE`, which must not exist without --resume (default: stdout)")
	flags.BoolVar(&f.resume, "resume", false, "continue the batch whose results are in the file of -o")
	flags.IntVarP(&f.concurrency, "concurrency", "c", 8, "keep `N` requests in flight")
	flags.IntVar(&f.retries, "retries", 5, "send a request at most `N` times more")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "the limit of one attempt with its response, a `DURATION`; 0: none")
	flags.StringVarP(&f.method, "request", "X", "", "the `METHOD` of requests that say none (default: GET, or POST with a body)")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "send the header `'NAME: VALUE'` with requests that do not have it")
	flags.StringSliceVar(&f.keep, "response-header", nil, "keep the response's header `NAME` in the result; several with commas")
	flags.StringVar(&f.bodies, "bodies", "", "write each body to a file in `FOLDER`, named by the number of its line; without, a body has at most 1 MiB")
	flags.BoolVar(&f.noBody, "no-body", false, "do not keep bodies")
	flags.BoolVarP(&f.follow, "location", "L", false, "follow redirects; the token goes no further than the client's hosts")
	return cmd
}

// check returns what is wrong before anything is opened.
func (f *batchFlags) check() error {
	switch {
	case f.resume && f.output == "":
		return usagef("--resume needs the file of results: give -o FILE too")
	case f.concurrency < 1 || f.concurrency > maxConcurrency:
		return usagef("--concurrency must be from 1 to %d, got %d", maxConcurrency, f.concurrency)
	case f.retries < 0 || f.retries > 100:
		return usagef("--retries must be from 0 to 100, got %d", f.retries)
	case f.timeout < 0:
		return usagef("--timeout must not be negative, got %v: write 0 for none", f.timeout)
	case f.method != "" && !target.ValidMethod(f.method):
		return usagef("--request %q is not a method: write GET, POST or another in capitals", f.method)
	case f.noBody && f.bodies != "":
		return usagef("--bodies and --no-body: give one of them")
	}
	return nil
}

func (f *batchFlags) run(cmd *cobra.Command, args []string) (err error) {
	input, total, err := f.input(cmd, args[1:])
	if err != nil {
		return err
	}
	defer input.Close()
	c, err := openClient(cmd, args[0])
	if err != nil {
		return err
	}
	where, err := c.target()
	if err != nil {
		return err
	}
	header, err := headers(f.headers, where)
	if err != nil {
		return err
	}
	transport, err := c.Transport(args[0])
	if err != nil {
		return err
	}
	defer c.close()
	// Before the output is touched: most mistakes show here.
	if _, err := c.Token(cmd.Context()); err != nil {
		return err
	}
	output, err := f.open(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, output.Close()) }()

	job := &batch.Job{
		Transport: transport, Cache: c.cache, Target: where, Output: output,
		Defaults: batch.Defaults{Method: f.method, Header: header},
		Headers:  f.keep, Bodies: batch.Bodies{Drop: f.noBody, Folder: f.bodies},
		Concurrency: f.concurrency, Retries: f.retries, Timeout: f.timeout, Follow: f.follow,
	}
	before, began := output.Before(), time.Now()
	if total >= 0 {
		total = max(total-before.Total(), 0)
	}
	stop := watch(cmd.ErrOrStderr(), args[0], total, func() int {
		counts, _ := job.Counts()
		return counts.Total()
	})
	err = job.Run(cmd.Context(), input)
	stop()
	counts, retries := job.Counts()
	summarize(cmd.ErrOrStderr(), before, counts, retries, time.Since(began))
	switch {
	case err != nil:
		if f.output != "" {
			fmt.Fprintln(cmd.ErrOrStderr(), "bearer: the same command with --resume continues the batch")
		}
		return c.why(err)
	case counts.Failed+before.Failed > 0:
		return silent(exitFailed)
	}
	return nil
}

// input opens the list, and counts its requests if that shows in a progress bar.
// It returns -1 if they cannot be counted.
func (f *batchFlags) input(cmd *cobra.Command, args []string) (io.ReadCloser, int, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(cmd.InOrStdin()), -1, nil
	}
	file, err := os.Open(args[0])
	if err != nil {
		return nil, 0, usageError{err}
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder, not a list of requests", args[0])
	}
	total := -1
	if _, shown := terminal(cmd.ErrOrStderr()); err == nil && shown && info.Mode().IsRegular() {
		if total, err = batch.Count(file); err == nil {
			_, err = file.Seek(0, io.SeekStart)
		}
	}
	if err != nil {
		file.Close()
		return nil, 0, usageError{err}
	}
	return file, total, nil
}

// open opens the output, and the folder for bodies.
func (f *batchFlags) open(cmd *cobra.Command) (*batch.Output, error) {
	if f.bodies != "" {
		// Like the output, it may hold what is not for everyone.
		if err := os.MkdirAll(f.bodies, 0o700); err != nil {
			return nil, err
		}
	}
	if f.output == "" {
		return batch.NewOutput(cmd.OutOrStdout()), nil
	}
	return batch.Open(f.output, f.resume)
}

// summarize writes what came of a batch, as one line.
func summarize(w io.Writer, before, now batch.Counts, retries int, took time.Duration) {
	what := "requests"
	if now.Total() == 1 {
		what = "request"
	}
	fmt.Fprintf(w, "bearer: %d %s in %v", now.Total(), what, took.Round(10*time.Millisecond))
	if rate := float64(now.Total()) / took.Seconds(); now.Total() > 1 {
		fmt.Fprintf(w, " (%.0f/s)", rate)
	}
	fmt.Fprintf(w, ": %d succeeded", now.OK)
	if now.Failed > 0 {
		fmt.Fprintf(w, ", %d failed (%s)", now.Failed, now.Failures())
	}
	if retries > 0 {
		fmt.Fprintf(w, ", %d retries", retries)
	}
	if before.Total() > 0 {
		fmt.Fprintf(w, "; %d were done before", before.Total())
	}
	if before.Failed > 0 {
		fmt.Fprintf(w, ", %d of them failed (%s)", before.Failed, before.Failures())
	}
	fmt.Fprintln(w)
}
