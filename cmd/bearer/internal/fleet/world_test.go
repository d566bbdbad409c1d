package fleet

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Each token request is what the server knows it to be, whatever the workers
// say.
func TestTokenRequestsAreToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{pairs: make(map[string]*pair)}
		w.pairs["first"] = &pair{asked: time.Now()}
		time.Sleep(windowAt)
		w.note(tokenRequest{}, time.Now(), "first", "second", true)
		w.note(tokenRequest{}, time.Now(), "first", "third", true)
		time.Sleep(windowAt - 1)
		w.note(tokenRequest{}, time.Now(), "second", "fourth", true)
		w.note(tokenRequest{}, time.Now(), "unknown", "", false)
		var got []string
		for _, r := range w.requests {
			got = append(got, string(r.outcome))
		}
		if got, want := strings.Join(got, " "), "expiry repeat early failed"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// newTestWorld returns a world over TCP that has a user logged in.
func newTestWorld(t *testing.T, spent func(int)) (w *world, access, refresh string) {
	t.Helper()
	begin := time.Now()
	w, err := newWorld(0, func() time.Duration { return time.Since(begin) }, spent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	access, refresh = w.login()
	return w, access, refresh
}

func ask(t *testing.T, w *world, worker int, refresh string) (status int) {
	t.Helper()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set(workerHeader, strconv.Itoa(worker))
	req.SetBasicAuth(clientID, clientSecret)
	return do(t, req)
}

func call(t *testing.T, w *world, worker int, access string) (status int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/orders", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(workerHeader, strconv.Itoa(worker))
	req.Header.Set("Authorization", "Bearer "+access)
	return do(t, req)
}

func do(t *testing.T, req *http.Request) (status int) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// Without a grace, a refresh token that is used again revokes the login, and
// what is told of a spent one comes before the answer.
func TestReuseRevokesTheLogin(t *testing.T) {
	var told []int
	w, access, refresh := newTestWorld(t, func(worker int) { told = append(told, worker) }) // the handler is done when ask returns
	if got := ask(t, w, 3, refresh); got != 200 {
		t.Errorf("first use: got status %d, want 200", got)
	}
	if got := call(t, w, 3, access); got != 200 {
		t.Errorf("the API: got status %d, want 200", got)
	}
	if got := ask(t, w, 4, refresh); got != 400 {
		t.Errorf("second use: got status %d, want 400", got)
	}
	if got := call(t, w, 3, access); got != 401 {
		t.Errorf("the API after the revocation: got status %d, want 401", got)
	}
	if len(told) != 1 || told[0] != 3 {
		t.Errorf("got spent by %v, want by 3", told)
	}
	if got := w.auth.Counts().ReuseDetected; got != 1 {
		t.Errorf("got %d reuses, want 1", got)
	}
}

func TestTokensInUse(t *testing.T) {
	w, access, _ := newTestWorld(t, func(int) {})
	other, _ := w.login()
	call(t, w, 0, access)
	if got := w.tokens(3); got != 3 {
		t.Errorf("with two workers that sent nothing: got %d, want 3", got)
	}
	call(t, w, 1, access)
	call(t, w, 2, other)
	if got := w.tokens(3); got != 2 {
		t.Errorf("with two tokens: got %d, want 2", got)
	}
	call(t, w, 2, access)
	if got := w.tokens(3); got != 1 {
		t.Errorf("with one token: got %d, want 1", got)
	}
	call(t, w, 2, "no token") // is not accepted
	if got := w.tokens(3); got != 1 {
		t.Errorf("after a request that was rejected: got %d, want 1", got)
	}
	w.forget()
	if got := w.tokens(3); got != 3 {
		t.Errorf("after forget: got %d, want 3", got)
	}
}
