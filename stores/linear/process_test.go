package linear

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"example.com/bearer"
	"example.com/bearer/stores/sqlstore"
)

// A place is a Store that another process can open.
type place struct {
	Dir       string // of a DirStore
	SQLite    string // the data source of a database
	Encrypted bool
}

// lease is that of the locks which have one. Faults last longer at times.
const lease = 300 * time.Millisecond

func (p place) open() (store, error) {
	var s store = bearer.DirStore(p.Dir)
	if p.SQLite != "" {
		db, err := sql.Open("sqlite", p.SQLite)
		if err != nil {
			return nil, err
		}
		s = &sqlstore.Store{DB: db, Dialect: sqlstore.SQLite, LeaseDuration: lease}
	}
	if p.Encrypted {
		s = encrypted(s)
	}
	return s, nil
}

// placeEnv has the place of a process that is not to run tests but to make the
// calls of its parent.
const placeEnv = "BEARER_LINEAR_PLACE"

func TestMain(m *testing.M) {
	if description := os.Getenv(placeEnv); description != "" {
		var p place
		err := json.Unmarshal([]byte(description), &p)
		var s store
		if err == nil {
			s, err = p.open()
		}
		server := rpc.NewServer()
		if err == nil {
			err = server.RegisterName("Store", &Served{store: s, unlocks: make(map[int]func() error)})
		}
		if err != nil {
			os.Exit(1)
		}
		server.ServeConn(pipe{os.Stdin, os.Stdout}) // until the parent closes it
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// pipe is both directions of a connection.
type pipe struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipe) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// Served is the store of a process.
type Served struct {
	store   store
	mu      sync.Mutex // guards what follows
	unlocks map[int]func() error
}

// Args are what all calls take, Reply what they return: an error of the Store is
// no error of the call.
type Args struct {
	Key          string
	Old, New     []byte
	Absent, Gone bool // Old and New are nil
	Lock         int
	Timeout      time.Duration
}

type Reply struct {
	Data    []byte
	Outcome string // of the errors that mean something; or another text
}

var meanings = map[string]error{
	"": nil, "not found": bearer.ErrNotFound, "changed": bearer.ErrChanged, "unsupported": errors.ErrUnsupported,
}

func (r *Reply) fail(err error) {
	if err == nil {
		return
	}
	r.Outcome = "error: " + err.Error()
	for text, meaning := range meanings {
		if meaning != nil && errors.Is(err, meaning) {
			r.Outcome = text
		}
	}
}

func (s *Served) Get(a Args, r *Reply) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.Timeout)
	defer cancel()
	data, err := s.store.Get(ctx, a.Key)
	r.Data = data
	r.fail(err)
	return nil
}

func (s *Served) Put(a Args, r *Reply) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.Timeout)
	defer cancel()
	r.fail(s.store.Put(ctx, a.Key, a.New))
	return nil
}

func (s *Served) Delete(a Args, r *Reply) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.Timeout)
	defer cancel()
	r.fail(s.store.Delete(ctx, a.Key))
	return nil
}

func (s *Served) Swap(a Args, r *Reply) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.Timeout)
	defer cancel()
	if a.Absent {
		a.Old = nil
	}
	if a.Gone {
		a.New = nil
	}
	r.fail(s.store.Swap(ctx, a.Key, a.Old, a.New))
	return nil
}

func (s *Served) Lock(a Args, r *Reply) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.Timeout)
	defer cancel()
	unlock, err := s.store.Lock(ctx, a.Key)
	if err == nil {
		s.mu.Lock()
		s.unlocks[a.Lock] = unlock
		s.mu.Unlock()
	}
	r.fail(err)
	return nil
}

func (s *Served) Unlock(a Args, r *Reply) error {
	s.mu.Lock()
	unlock := s.unlocks[a.Lock]
	delete(s.unlocks, a.Lock)
	s.mu.Unlock()
	r.fail(unlock())
	return nil
}

// A process has a Store, which is used through it.
type process struct {
	cmd   *exec.Cmd
	calls *rpc.Client
}

func startProcess(t *testing.T, p place) *process {
	description, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), placeEnv+"="+string(description))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &process{cmd, rpc.NewClient(pipe{out, in})}
}

// kill is kill -9. The calls under way end with an error.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.calls.Close()
	_ = p.cmd.Wait()
}

// call waits for the process, which looks at ctx's deadline itself.
func (p *process) call(ctx context.Context, op string, a Args) (data []byte, err error) {
	deadline, _ := ctx.Deadline()
	a.Timeout = time.Until(deadline)
	var r Reply
	if err := p.calls.Call("Store."+op, a, &r); err != nil {
		return nil, err
	}
	if meaning, ok := meanings[r.Outcome]; ok {
		return r.Data, meaning
	}
	return nil, errors.New(r.Outcome)
}

func (p *process) Get(ctx context.Context, key string) ([]byte, error) {
	return p.call(ctx, "Get", Args{Key: key})
}

func (p *process) Put(ctx context.Context, key string, data []byte) error {
	_, err := p.call(ctx, "Put", Args{Key: key, New: data})
	return err
}

func (p *process) Delete(ctx context.Context, key string) error {
	_, err := p.call(ctx, "Delete", Args{Key: key})
	return err
}

func (p *process) Swap(ctx context.Context, key string, old, new []byte) error {
	_, err := p.call(ctx, "Swap", Args{Key: key, Old: old, New: new, Absent: old == nil, Gone: new == nil})
	return err
}

func (p *process) Lock(ctx context.Context, key string) (func() error, error) {
	a := Args{Key: key, Lock: rand.Int()}
	if _, err := p.call(ctx, "Lock", a); err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := p.call(ctx, "Unlock", a)
		return err
	}, nil
}

// processes is a system of processes, one of which is killed every so often, and
// another one started in its place, or is stopped for longer than a lease.
func processes(t *testing.T, p place) *system {
	const n = 3
	var mu sync.Mutex // guards running
	running := make([]*process, n)
	s := &system{timeout: 10 * time.Second}
	for i := range running {
		running[i] = startProcess(t, p)
		s.clients = append(s.clients, func() store {
			mu.Lock()
			defer mu.Unlock()
			return running[i]
		})
	}
	killed, suspended := 0, 0
	s.fault = func() {
		time.Sleep(rand.N(200 * time.Millisecond))
		i := rand.N(n)
		if rand.N(4) == 0 {
			suspend(running[i].cmd.Process, lease*3/2)
			suspended++
			return
		}
		next := startProcess(t, p)
		mu.Lock()
		last := running[i]
		running[i] = next
		mu.Unlock()
		last.kill()
		killed++
	}
	t.Cleanup(func() {
		for _, p := range running {
			p.kill()
		}
		t.Logf("%d processes killed, %d suspended", killed, suspended)
	})
	return s
}

func TestDirStore(t *testing.T) {
	check(t, func(t *testing.T) *system { return processes(t, place{Dir: t.TempDir()}) })
}

func TestDirStoreEncrypted(t *testing.T) {
	check(t, func(t *testing.T) *system { return processes(t, place{Dir: t.TempDir(), Encrypted: true}) })
}

// sqlite returns a new database with the tables.
func sqlite(t *testing.T) string {
	source := "file:" + filepath.Join(t.TempDir(), "tokens.db") +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(ON)"
	db, err := sql.Open("sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(sqlstore.Schema(sqlstore.SQLite)); err != nil {
		t.Fatal(err)
	}
	return source
}

func TestSQLite(t *testing.T) {
	check(t, func(t *testing.T) *system { return processes(t, place{SQLite: sqlite(t)}) })
}

func TestSQLiteEncrypted(t *testing.T) {
	check(t, func(t *testing.T) *system { return processes(t, place{SQLite: sqlite(t), Encrypted: true}) })
}
