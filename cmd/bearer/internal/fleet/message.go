package fleet

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// A setup is the first line on a worker's stdin. Secrets come this way, because
// arguments and the environment can be read by others.
type setup struct {
	Worker       int
	TokenURL     string
	APIURL       string
	ClientID     string
	ClientSecret string
	ReuseGrace   time.Duration

	Store string // as in Fleet.Store, but a folder that exists
	Key   string // also the name of the fleet's own part of the Store
	Dial  string // the address that the Store is reached at; empty: its own
	Cut   command
}

// A command is a further line on a worker's stdin.
type command string

const (
	cutRefuse command = "cut refuse" // the Store fails at once
	cutHang   command = "cut hang"   // the Store does not answer
	mend      command = "mend"       // the Store works again
	end       command = "end"        // finish what is under way, and exit
)

// A step of a refresh, in their order. The server knows of spent; the worker
// reports the others.
type step string

const (
	locked   step = "locked"   // it has the Store's lock
	intended step = "intended" // it has written that it is about to ask
	asking   step = "asking"   // the token request is about to be sent
	spent    step = "spent"    // the server has spent the refresh token, and not answered
	answered step = "answered" // the answer is here
	saved    step = "saved"    // the answer is in the Store
	unlocked step = "unlocked" // it has given up the lock
)

// A message is a line on a worker's stdout: a step of a refresh, or a request
// that has ended.
type message struct {
	Step step `json:",omitempty"`

	// These are for requests.
	Began  time.Time     `json:",omitzero"`
	Took   time.Duration `json:",omitempty"`
	Failed string        `json:",omitempty"` // why; empty: it did not
	Valid  bool          `json:",omitempty"` // it failed with a valid token there
}

// A reporter writes messages. A worker whose parent has gone ends, so that the
// errors of writing do not matter.
type reporter struct {
	mu  sync.Mutex // guards w: one line at a time
	enc *json.Encoder
}

func newReporter(w io.Writer) *reporter { return &reporter{enc: json.NewEncoder(w)} }

func (r *reporter) tell(m message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.enc.Encode(m)
}
