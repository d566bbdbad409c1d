package fleet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A member is a worker as its parent sees it.
type member struct {
	worker int // its place in the fleet, which its replacement takes over
	cmd    *exec.Cmd
	holds  atomic.Bool // the lock, as far as it has reported
	doomed atomic.Bool // it is killed or told to end

	mu     sync.Mutex // guards what follows
	stdin  io.WriteCloser
	frozen bool

	stderr tail
	read   chan struct{} // closed when its stdout has ended
	exited chan struct{} // closed when it has ended, and Wait has returned
	err    error         // of Wait; read after exited is closed
}

// start starts a process of program that is set up by s. hear is called with
// each of its messages, one after the other.
func start(program []string, s setup, hear func(*member, message)) (*member, error) {
	m := &member{worker: s.Worker, cmd: exec.Command(program[0], program[1:]...), read: make(chan struct{}), exited: make(chan struct{})}
	apart(m.cmd)
	m.cmd.Stderr = &m.stderr
	stdin, err := m.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	m.stdin = stdin
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process
		defer close(m.read)
		dec := json.NewDecoder(bufio.NewReader(stdout))
		for {
			var msg message
			if dec.Decode(&msg) != nil {
				return // the end, or a line that a kill has cut short
			}
			switch msg.Step {
			case locked:
				m.holds.Store(true)
			case unlocked:
				m.holds.Store(false)
			}
			hear(m, msg)
		}
	}()
	go func() { // likewise
		defer close(m.exited)
		<-m.read // Wait closes stdout
		m.err = m.cmd.Wait()
	}()
	line, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	m.tell(command(line))
	return m, nil
}

// tell sends a line. It does not wait: a line is shorter than a pipe's buffer,
// and there are few. One that has ended does not hear it.
func (m *member) tell(c command) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = io.WriteString(m.stdin, string(c)+"\n")
}

// kill ends the process at once, also one that is stopped.
func (m *member) kill() { _ = m.cmd.Process.Kill() } // an error says that it has ended

// ended waits for the end of the process, for at most d.
func (m *member) ended(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-m.exited:
		return true
	case <-t.C:
		return false
	}
}

// freeze stops the process until thaw. It reports whether it did.
func (m *member) freeze() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen || stop(m.cmd.Process) != nil {
		return false
	}
	m.frozen = true
	return true
}

func (m *member) thaw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.frozen {
		_ = resume(m.cmd.Process) // an error says that it has ended
		m.frozen = false
	}
}

func (m *member) isFrozen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.frozen
}

// failure says how a process ended that should not have.
func (m *member) failure() error {
	return fmt.Errorf("process %d ended by itself: %v: %s", m.worker, m.err, m.stderr.String())
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

const tailLength = 2000

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailLength):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
