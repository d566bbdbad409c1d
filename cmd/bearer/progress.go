package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// watch draws how far done has come, out of total, until the function that it
// returns is called. It draws nothing unless w is a terminal.
//
// It looks ten times a second, so that the work itself only adds to a counter.
func watch(w io.Writer, label string, total int, done func() int) (stop func()) {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(label),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	)
	quit, finished := make(chan struct{}), make(chan struct{})
	go func() { // ends with stop, which waits for it
		defer close(finished)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				// The bar is decoration: that it could not be drawn is no error of the run.
				_ = bar.Clear()
				return
			case <-tick.C:
				_ = bar.Set(done())
			}
		}
	}()
	return func() {
		close(quit)
		<-finished
	}
}
