//go:build unix

package linear

import (
	"os"
	"syscall"
	"time"
)

// suspend stops the process for that time.
func suspend(p *os.Process, d time.Duration) {
	_ = p.Signal(syscall.SIGSTOP)
	time.Sleep(d)
	_ = p.Signal(syscall.SIGCONT)
}
