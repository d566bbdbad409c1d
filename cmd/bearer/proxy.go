package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer"
	"example.com/bearer/cmd/bearer/internal/home"
	"example.com/bearer/cmd/bearer/internal/proxy"
	"example.com/bearer/config"
)

// defaultDrain is less than the 10 s after which docker stop kills.
const defaultDrain = 8 * time.Second

type proxyFlags struct {
	listen, socket  string
	tlsCert, tlsKey string
	allowRemote     bool
	callerTokenFile string
	noCallerToken   bool
	hosts           []string
	drain           time.Duration
	listenSet       bool // by the user
}

func newProxy() *cobra.Command {
	var f proxyFlags
	cmd := &cobra.Command{
		Use:   "proxy [CLIENT...]",
		Short: "Let programs in any language call the clients' APIs",
		Long: `Run a reverse proxy that authorizes what it forwards. /CLIENT/path goes to path
below the client's base_url; with one client, every path does.

A caller presents the proxy's own token, which is made and shown at the first
start: as Authorization: Bearer, so that an SDK takes it as its API key, or in
X-Bearer-Proxy. It never leaves this machine. Requests of web pages are refused.

Below /-/ are healthz, readyz, metrics, and a page that opens by the link which
is printed. SIGHUP reads the file again, SIGTERM ends the proxy when the requests
in flight have ended.`,
		Example: `  bearer proxy reports
  curl -H "Authorization: Bearer $(cat ~/.config/bearer/caller-token)" http://127.0.0.1:8080/daily

  bearer proxy --socket /run/user/1000/bearer.sock
  curl --unix-socket /run/user/1000/bearer.sock http://localhost/daily   # /reports/daily with several clients`,
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return completeClient(cmd, nil, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.listenSet = cmd.Flags().Changed("listen")
			if err := f.check(); err != nil {
				return err
			}
			return f.run(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8080", "the `ADDRESS` to listen on; port 0 is any free one")
	flags.StringVar(&f.socket, "socket", "", "listen on a Unix socket at `PATH`, which only you can use and which needs no token")
	flags.BoolVar(&f.allowRemote, "allow-remote", false, "let other machines connect, by TLS")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "the certificate of the proxy, a PEM `FILE`")
	flags.StringVar(&f.tlsKey, "tls-key", "", "its key, a PEM `FILE`")
	flags.StringVar(&f.callerTokenFile, "caller-token-file", "", "a `FILE` of callers, each line a name and a token; edits count within a second")
	flags.BoolVar(&f.noCallerToken, "no-caller-token", false, "let every program on this machine use the proxy")
	flags.StringArrayVar(&f.hosts, "host", nil, "a further `NAME` that the proxy is called by")
	flags.DurationVar(&f.drain, "drain", defaultDrain, "the `TIME` that requests in flight have after SIGTERM")
	return cmd
}

// check refuses what would open the proxy wider than its user may know.
func (f *proxyFlags) check() error {
	_, _, err := net.SplitHostPort(f.listen)
	remote := f.socket == "" && !proxy.Local(f.listen)
	switch {
	case err != nil:
		return usagef("--listen %q is not an address with a port: write one such as 127.0.0.1:8080", f.listen)
	case f.socket != "" && f.listenSet:
		return usagef("--listen and --socket: give one of them")
	case f.socket != "" && (f.noCallerToken || f.callerTokenFile != "" || f.allowRemote || f.tlsCert != "" || len(f.hosts) > 0):
		return usagef("--socket needs no tokens, no TLS and no names: give it alone")
	case f.noCallerToken && f.callerTokenFile != "":
		return usagef("--no-caller-token and --caller-token-file: give one of them")
	case (f.tlsCert == "") != (f.tlsKey == ""):
		return usagef("--tls-cert and --tls-key: give both")
	case remote && !f.allowRemote:
		return usagef("--listen %s can be reached from other machines: listen on 127.0.0.1, or give --allow-remote with --tls-cert and --tls-key", f.listen)
	case remote && f.tlsCert == "":
		return usagef("--allow-remote needs --tls-cert and --tls-key, since callers' tokens would travel in plaintext")
	case f.noCallerToken && (remote || len(f.hosts) > 0):
		return usagef("--no-caller-token is for 127.0.0.1 alone: other machines, and pages at another name, could use your tokens")
	case f.drain < 0:
		return usagef("--drain %v is negative", f.drain)
	}
	return nil
}

func (f *proxyFlags) run(cmd *cobra.Command, clients []string) error {
	stderr := cmd.ErrOrStderr()
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	c := proxy.Config{Clients: clients, Hosts: f.hosts, Logger: logger, Explain: explain}
	c.Open = func(hooks *bearer.Hooks, maxReplay int64, keep *config.Set) (*config.Set, error) {
		return openSet(cmd, func(l *config.Loader) {
			l.Hooks, l.MaxReplayBytes, l.Keep, l.Logger = hooks, maxReplay, keep, logger
		})
	}
	var err error
	if f.tlsCert != "" {
		if c.Certificate, err = proxy.OpenCertificate(f.tlsCert, f.tlsKey); err != nil {
			return fmt.Errorf("--tls-cert: %w", err)
		}
	}
	made := ""
	if f.socket == "" && !f.noCallerToken {
		if f.callerTokenFile == "" {
			if f.callerTokenFile, made, err = ownToken(); err != nil {
				return err
			}
		}
		if c.Callers, err = proxy.OpenCallers(f.callerTokenFile, logger); err != nil {
			return err
		}
	}
	p, err := proxy.New(c)
	if err != nil {
		return err
	}
	l, err := f.open()
	if err != nil {
		return err
	}
	f.announce(stderr, p, l, made)
	stop := reloads(cmd.Context(), p, logger)
	defer stop()
	err = p.Serve(cmd.Context(), l, f.drain)
	if errors.Is(err, proxy.ErrCutOff) {
		warn(cmd, "the proxy has ended", err)
		return nil
	}
	return err
}

// ownToken returns the file with the token of this user's callers. If it has
// just been made, so has the token, which is returned to be shown.
func ownToken() (file, token string, err error) {
	folder, err := home.Folder()
	if err != nil {
		return "", "", err
	}
	file = filepath.Join(folder, "caller-token")
	token, err = proxy.MakeToken(file)
	return file, token, err
}

func (f *proxyFlags) open() (net.Listener, error) {
	if f.socket != "" {
		return proxy.ListenSocket(f.socket)
	}
	return net.Listen("tcp", f.listen)
}

// announce says where the proxy is, whom it lets in, and how to open the page.
func (f *proxyFlags) announce(w io.Writer, p *proxy.Proxy, l net.Listener, token string) {
	where, origin := "socket "+f.socket, ""
	if f.socket == "" {
		origin = p.Origin(l.Addr())
		where = origin
	}
	fmt.Fprintf(w, "bearer proxy listens on %s\n", printable(where))
	for _, line := range p.Routes() {
		fmt.Fprintf(w, "  %s\n", printable(line))
	}
	switch {
	case token != "":
		fmt.Fprintf(w, "Caller's token, shown once: %s\n  It is kept in %s\n", token, printable(f.callerTokenFile))
	case f.noCallerToken:
		fmt.Fprintln(w, "Every program on this machine can use it: --no-caller-token")
	case f.socket == "":
		fmt.Fprintf(w, "Callers' tokens: %s\n", printable(f.callerTokenFile))
	}
	if origin != "" {
		fmt.Fprintf(w, "Page, for one browser: %s\n", p.Link(origin))
	}
}

// reloads reads the file again whenever a SIGHUP arrives, until stop is called.
func reloads(ctx context.Context, p *proxy.Proxy, logger *slog.Logger) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends when stop is called, or with the command
		for {
			select {
			case <-signals:
			case <-ctx.Done():
				return
			}
			if err := p.Reload(ctx); err != nil {
				logger.Error("the file was read again, and nothing has changed", "err", explain(err))
				continue
			}
			logger.Info("the file was read again", "routes", p.Routes())
		}
	}()
	return func() { signal.Stop(signals); cancel() }
}
