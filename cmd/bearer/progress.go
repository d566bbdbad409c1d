package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// watch draws how many of total are done, at which rate, and when the rest will
// be, until stop is called. A negative total is not known. It draws nothing unless
// w is a terminal.
//
// It calls done ten times a second, so that the work itself only has to count.
func watch(w io.Writer, label string, total int, done func() int) (stop func()) {
	if _, ok := terminal(w); !ok {
		return func() {}
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(label),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("requests"),
		// Without a total, the bar would draw by itself, also after stop.
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionClearOnFinish(),
	)
	quit, finished := make(chan struct{}), make(chan struct{})
	go func() { // ends when stop is called, which waits for it
		defer close(finished)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				// The bar is decoration: a run does not fail
				// because of it.
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
