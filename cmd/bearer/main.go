// Command bearer shows and uses the package [example.com/bearer] from a shell.
package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A batch or a proxy has many requests in flight to one host. With the usual limit
	// of two idle connections, most of them would need a new one. The clients
	// of a file use this transport or a clone of it.
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, maxConcurrency // 0: no limit of its own
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal restores the default behaviour: a second Ctrl-C
	// kills the process even if cleaning up hangs.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
