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
	// What the command sends at once goes to one host, mostly: with the two
	// connections per host that net/http keeps, most requests would open one.
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = t.MaxIdleConns
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal restores the default behaviour: a second Ctrl-C
	// kills the process even if cleaning up hangs.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
