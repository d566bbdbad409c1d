package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/target"
)

// exitHTTP is the exit status of get --fail for a status from 400. It is
// curl's, since scripts come from there.
const exitHTTP = 22

// replayable is how much of stdin is kept in memory, so that it can be sent
// again after a rejected token was renewed.
const replayable = 1 << 20

type getFlags struct {
	method   string
	data     []string
	headers  []string
	include  bool
	output   string
	fail     bool
	failBody bool
	follow   bool
}

func newGet() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get CLIENT URL",
		Short: "Send one authorized request, as curl would",
		Long: `Send one request with the client's token, and write the response's body to
stdout as it arrives. A token that the API rejects is renewed, and the request is
sent again.

URL is absolute, or a path that is added to the client's base_url. It must lead to
the client's hosts or, if it declares none, below its base_url.

The flags are curl's. -d sends TEXT, or @FILE, or @- for stdin, as it is; the
content type is application/x-www-form-urlencoded unless -H says otherwise. A
redirect is printed, not followed, unless -L is given; the token goes no further
than the client's hosts.

With --fail, a status from 400 is exit status 22 without a body, and with
--fail-with-body, with it. Otherwise any response is exit status 0.`,
		Example: `  bearer get reports /reports?year=2026
  bearer get reports /reports -d '{"year": 2026}' -H 'Content-Type: application/json'
  bearer get reports https://api.example.com/v1/reports/7.pdf -L -o 7.pdf --fail`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("get takes two arguments, the name of a client and a URL: see bearer get --help")
			}
			return nil
		},
		ValidArgsFunction: completeClient,
		RunE:              func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0], args[1]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.method, "request", "X", "", "the `METHOD` (default: GET, or POST with -d)")
	flags.StringArrayVarP(&f.data, "data", "d", nil, "send `TEXT`, @FILE or @- as the body; several texts are joined with &")
	flags.StringArrayVarP(&f.headers, "header", "H", nil, "send the header `'NAME: VALUE'`")
	flags.BoolVarP(&f.include, "include", "i", false, "write the status and the headers before the body")
	flags.StringVarP(&f.output, "output", "o", "", "write to `FILE` instead of stdout")
	flags.BoolVarP(&f.fail, "fail", "f", false, "exit with status 22 and without output if the response's status is 400 or more")
	flags.BoolVar(&f.failBody, "fail-with-body", false, "--fail, but write the body")
	flags.BoolVarP(&f.follow, "location", "L", false, "follow redirects")
	return cmd
}

func (f *getFlags) run(cmd *cobra.Command, name, raw string) error {
	c, err := openClient(cmd, name)
	if err != nil {
		return err
	}
	c.brief()
	defer c.close()
	where, err := c.target()
	if err != nil {
		return err
	}
	u, err := where.URL(raw)
	if err != nil {
		return usageError{err}
	}
	transport, err := c.Transport(name)
	if err != nil {
		return err
	}
	req, err := f.request(cmd, where)
	if err != nil {
		return err
	}
	req.URL, req.Host = u, u.Host
	sender := &http.Client{Transport: transport}
	if !f.follow {
		sender.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	resp, err := sender.Do(req)
	if err != nil {
		return c.why(err)
	}
	defer resp.Body.Close()
	return f.print(cmd.OutOrStdout(), resp)
}

// request returns the request, except for its URL. Sending it closes its body.
func (f *getFlags) request(cmd *cobra.Command, where *target.Target) (*http.Request, error) {
	header, err := headers(f.headers, where)
	if err != nil {
		return nil, err
	}
	if f.method != "" && !target.ValidMethod(f.method) {
		return nil, usagef("--request %q is not a method: write GET, POST or another in capitals", f.method)
	}
	req, err := http.NewRequestWithContext(cmd.Context(), f.method, "", nil)
	if err != nil {
		return nil, err
	}
	req.Header = header
	if len(f.data) == 0 {
		return req, nil
	}
	if f.method == "" {
		req.Method = http.MethodPost
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, f.setBody(req, cmd.InOrStdin())
}

// setBody sets the request's body, in a way that lets it be sent again if that
// is possible.
func (f *getFlags) setBody(req *http.Request, stdin io.Reader) error {
	for _, text := range f.data {
		if strings.HasPrefix(text, "@") && len(f.data) > 1 {
			return usagef("--data %s can only stand alone", text)
		}
	}
	file, isFile := strings.CutPrefix(f.data[0], "@")
	if isFile && file != "-" {
		return setFile(req, file)
	}
	data := []byte(strings.Join(f.data, "&"))
	if isFile {
		var err error
		data, err = io.ReadAll(io.LimitReader(stdin, replayable+1))
		if err != nil {
			return fmt.Errorf("reading stdin: %w", err)
		}
		if len(data) > replayable {
			req.ContentLength = -1
			req.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data), stdin))
			return nil
		}
	}
	req.ContentLength = int64(len(data))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	if len(data) == 0 {
		req.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil }
	}
	req.Body, _ = req.GetBody()
	return nil
}

// setFile makes a file the request's body.
func setFile(req *http.Request, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return usagef("--data: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	if err != nil {
		f.Close()
		return usagef("--data: %w", err)
	}
	req.Body, req.ContentLength = f, -1
	if info.Mode().IsRegular() {
		req.ContentLength = info.Size()
		req.GetBody = func() (io.ReadCloser, error) { return os.Open(path) }
	}
	if info.Mode().IsRegular() && info.Size() == 0 {
		f.Close()
		req.Body, req.GetBody = http.NoBody, nil
	}
	return nil
}

// print writes the response.
func (f *getFlags) print(stdout io.Writer, resp *http.Response) error {
	var failure error
	if resp.StatusCode >= http.StatusBadRequest && (f.fail || f.failBody) {
		failure = statusError{resp.Status}
		if !f.failBody {
			return failure
		}
	}
	if f.output == "" || f.output == "-" {
		return errors.Join(f.write(stdout, resp), failure)
	}
	file, err := os.Create(f.output)
	if err != nil {
		return err
	}
	err = f.write(file, resp)
	return errors.Join(err, file.Close(), failure)
}

func (f *getFlags) write(w io.Writer, resp *http.Response) error {
	if f.include {
		if _, err := fmt.Fprintf(w, "%s %s\r\n", resp.Proto, resp.Status); err != nil {
			return err
		}
		if err := resp.Header.Write(w); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\r\n"); err != nil {
			return err
		}
	}
	_, err := io.Copy(w, resp.Body)
	return err
}

// statusError is a response that --fail makes an error.
type statusError struct{ status string }

func (e statusError) Error() string { return "the API answered " + e.status }
func (statusError) ExitStatus() int { return exitHTTP }

// userAgent is the User-Agent of requests that do not set another.
const userAgent = "bearer"

// headers returns what curl's -H says, with our User-Agent unless it says another.
func headers(lines []string, where *target.Target) (http.Header, error) {
	h := http.Header{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, usagef("--header needs the form 'NAME: VALUE'")
		}
		if err := where.SetHeader(h, name, strings.TrimSpace(value)); err != nil {
			return nil, usagef("--header: %w", err)
		}
	}
	if _, own := h["User-Agent"]; !own {
		h.Set("User-Agent", userAgent)
	}
	return h, nil
}
