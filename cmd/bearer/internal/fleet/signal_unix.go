//go:build unix

package fleet

import (
	"os"
	"os/exec"
	"syscall"
)

// CanStop says that processes can be stopped and continued here.
const CanStop = true

// apart gives the process a group of its own: Ctrl-C in a terminal reaches the
// parent only, which ends the fleet. When the parent dies, the kernel continues
// one that is stopped, because its group has become an orphan.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func stop(p *os.Process) error   { return p.Signal(syscall.SIGSTOP) }
func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
