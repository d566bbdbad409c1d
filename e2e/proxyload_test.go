package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/bearer/bearertest"
)

// curl, Node's fetch and a Go program send 10,000 requests through the proxy, 64
// at a time, while tokens expire, are revoked, and cannot be had for 2 s. None
// fails, and none reaches the API without a token.
func TestProxyUnderLoad(t *testing.T) {
	p := startProxy(t, bearertest.Config{
		TokenLifetime: 2 * time.Second,
		Delay:         map[bearertest.Endpoint]time.Duration{bearertest.APIEndpoint: 40 * time.Millisecond}, // so that it takes several lifetimes
	})
	programs := map[string]func(t *testing.T, p *proxied, count, lanes int) map[string]int{
		"curl": byCurl, "node": byNode, "go": byGo,
	}
	share := map[string][2]int{"curl": {2000, 16}, "node": {4000, 24}, "go": {4000, 24}}
	var (
		all  sync.WaitGroup
		mu   sync.Mutex // guards got
		got  = map[string]map[string]int{}
		done = make(chan struct{})
	)
	for name, program := range programs {
		all.Go(func() {
			statuses := program(t, p, share[name][0], share[name][1])
			mu.Lock()
			defer mu.Unlock()
			got[name] = statuses
		})
	}
	go func() {
		all.Wait()
		close(done)
	}()
	after := func(accepted int, what func()) {
		for p.Counts().Accepted < accepted {
			select {
			case <-done:
				t.Errorf("the programs ended after %d requests", p.Counts().Accepted)
				return
			case <-time.After(time.Millisecond):
			}
		}
		what()
	}
	after(2500, p.RevokeAll)
	after(5000, func() {
		p.Fault(bearertest.TokenEndpoint, bearertest.Fault{Status: http.StatusServiceUnavailable, For: 2 * time.Second})
		p.RevokeAll()
	})
	<-done
	for name, statuses := range got {
		if len(statuses) != 1 || statuses["200"] != share[name][0] {
			t.Errorf("%s: got %v, want %d of status 200", name, statuses, share[name][0])
		}
	}
	counts := p.Counts()
	if counts.Accepted != 10_000 || counts.Rejected == 0 || counts.Faults == 0 {
		t.Errorf("got %d accepted, %d rejected and %d faults; want 10000 and some of each", counts.Accepted, counts.Rejected, counts.Faults)
	}
	if n := p.without.Load(); n != 0 {
		t.Errorf("%d requests reached the API without a token, want none", n)
	}
	t.Logf("%d tokens, %d rejected and replayed, %d token requests failed", counts.Issued, counts.Rejected, counts.Faults)
	if t.Failed() {
		t.Logf("bearer proxy wrote:\n%s", p.output)
	}
}

func byCurl(t *testing.T, p *proxied, count, lanes int) map[string]int {
	out, err := exec.Command("curl", "--silent", "--show-error", "--parallel", "--parallel-immediate", "--parallel-max", strconv.Itoa(lanes),
		"--header", "Authorization: Bearer "+p.token, "--output", "/dev/null", "--write-out", `%{http_code}\n`,
		fmt.Sprintf("%s/daily?[1-%d]", p.url, count)).Output()
	if err != nil {
		t.Errorf("curl: %v", err)
	}
	statuses := map[string]int{}
	for status := range strings.FieldsSeq(string(out)) {
		statuses[status]++
	}
	return statuses
}

func byNode(t *testing.T, p *proxied, count, lanes int) map[string]int {
	cmd := exec.Command("node", "load.mjs")
	cmd.Env = append(os.Environ(), "URL="+p.url+"/daily", "TOKEN="+p.token, "COUNT="+strconv.Itoa(count), "LANES="+strconv.Itoa(lanes))
	out, err := cmd.Output()
	statuses := map[string]int{}
	if err == nil {
		err = json.Unmarshal(out, &statuses)
	}
	if err != nil {
		t.Errorf("node: %v: %s", err, out)
	}
	return statuses
}

func byGo(_ *testing.T, p *proxied, count, lanes int) map[string]int {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: lanes}}
	defer client.CloseIdleConnections()
	requests := make(chan struct{}, count)
	for range count {
		requests <- struct{}{}
	}
	close(requests)
	var (
		all      sync.WaitGroup
		mu       sync.Mutex // guards statuses
		statuses = map[string]int{}
	)
	for range lanes {
		all.Go(func() {
			for range requests {
				status := get(client, p.url+"/daily", p.token)
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return statuses
}

// get returns the status of a GET request, or its error.
func get(client *http.Client, url, token string) string {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err.Error()
	}
	return strconv.Itoa(resp.StatusCode)
}
