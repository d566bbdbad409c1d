package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"example.com/bearer"
	"example.com/bearer/grant"
)

const (
	processes        = 8
	processesRunFor  = time.Minute
	processesPause   = 25 * time.Millisecond // between the requests of one goroutine
	processesClient  = "processes"           // its tokens live for 2 s
	processesSenders = 2                     // goroutines in each process
)

// G20: processes that share a DirStore make one token request per expiry. The
// refresh token rotates, and if two of them redeemed the same one the server
// would end it all.
func TestProcessesShareOneCredential(t *testing.T) {
	s := need(t)
	job := job{Issuer: s.Issuer, TokenURL: s.discovered(t).TokenURL, Dir: t.TempDir()}
	flow := s.flow(t, processesClient, job.flow().Auth)
	if err := job.cache().Set(t.Context(), loggedIn(t, flow)); err != nil {
		t.Fatal(err)
	}
	before := s.seen(t)

	var total report
	var mu sync.Mutex // guards total
	var running sync.WaitGroup
	for range processes {
		running.Go(func() {
			r, err := job.start(t.Context())
			if err != nil {
				t.Errorf("process: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			total.Requests += r.Requests
			total.Failed += r.Failed
			total.Failure = cmp.Or(total.Failure, r.Failure)
		})
	}
	running.Wait()

	after := s.seen(t)
	refreshes := after.of(processesClient)[len(before.of(processesClient)):]
	t.Logf("%d processes, %v: %d requests, %d failed, %d rejected by the API and sent again, %d token requests",
		processes, processesRunFor, total.Requests, total.Failed, after.API.Rejected-before.API.Rejected, len(refreshes))
	if total.Failed != 0 || total.Requests < processes {
		t.Errorf("requests: got %d failed of %d, want 0: %s", total.Failed, total.Requests, total.Failure)
	}
	if lost := after.RevokedGrants - before.RevokedGrants; lost != 0 {
		t.Errorf("token families lost: got %d, want 0", lost)
	}
	// A token lives for 2 s at the most.
	if low := int(processesRunFor/(2*time.Second)) - 1; len(refreshes) < low {
		t.Errorf("token requests: got %d, want at least %d", len(refreshes), low)
	}
	oncePerExpiry(t, refreshes)
}

// job is what a process is told to do, and where.
type job struct {
	Issuer   string
	TokenURL string
	Dir      string
}

// report is what a process has done.
type report struct {
	Requests int
	Failed   int
	Failure  string // the first one
}

func (j job) flow() grant.AuthorizationCode {
	return grant.AuthorizationCode{
		Server: grant.Server{Issuer: j.Issuer, TokenURL: j.TokenURL},
		Auth:   grant.Basic{ID: processesClient, Secret: plainSecret},
	}
}

func (j job) cache() *bearer.Cache {
	return &bearer.Cache{Source: j.flow(), Store: bearer.DirStore(j.Dir), Key: "ann"}
}

// workerEnv has the job of a process that is not to run tests but to do it.
const workerEnv = "BEARER_E2E_WORKER"

// start runs this program once more, with the job, until that is done.
func (j job) start(ctx context.Context) (report, error) {
	var r report
	description, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"="+string(description))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return r, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return r, json.Unmarshal(stdout.Bytes(), &r)
}

// workerMain is main of such a process.
func workerMain() {
	var j job
	err := json.Unmarshal([]byte(os.Getenv(workerEnv)), &j)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(j.run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (j job) run() report {
	ctx := context.Background()
	client := &http.Client{Transport: &bearer.Transport{Source: j.cache()}}
	s := &server{Issuer: j.Issuer}
	end := time.Now().Add(processesRunFor)

	var r report
	var mu sync.Mutex // guards r
	var senders sync.WaitGroup
	for range processesSenders {
		senders.Go(func() {
			ticker := time.NewTicker(processesPause)
			defer ticker.Stop()
			for range ticker.C {
				if time.Now().After(end) {
					return
				}
				status, err := s.get(ctx, client)
				mu.Lock()
				r.Requests++
				if err != nil || status != http.StatusOK {
					r.Failed++
					r.Failure = cmp.Or(r.Failure, fmt.Sprintf("GET /api: %d, %v", status, err))
				}
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	return r
}
