package bearer_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/bearer"
	"example.com/bearer/bearertest"
)

// wayThrough sends a GET to the first of urls; each redirects to the next. It
// returns what Authorization each was sent, "-" for none.
func wayThrough(t *testing.T, tr *bearer.Transport, urls ...string) ([]string, error) {
	t.Helper()
	var got []string
	tr.Source = new(mint)
	tr.Base = roundTrip(func(req *http.Request) (*http.Response, error) {
		if n := len(got); n >= len(urls) || req.URL.String() != urls[n] {
			t.Fatalf("hop %d went to %v, want the way %v", n, req.URL, urls)
		}
		got = append(got, "-")
		if h := req.Header["Authorization"]; h != nil {
			got[len(got)-1] = strings.TrimPrefix(strings.Join(h, ","), "Bearer ")
		}
		if len(got) == len(urls) {
			return answer(req, http.StatusOK, ""), nil
		}
		resp := answer(req, http.StatusTemporaryRedirect, "")
		resp.Header.Set("Location", urls[len(got)])
		return resp, nil
	})
	_, err := (&http.Client{Transport: tr}).Get(urls[0])
	return got, err
}

// G3, C8: a redirect does not take the token to another origin, and a way back
// does not give it back: where it leads was chosen by the other origin.
func TestG3RedirectsWithholdTheToken(t *testing.T) {
	const yes, no = "token-1", "-"
	for _, c := range []struct {
		name  string
		hosts []string
		http  bool // InsecureAllowHTTP
		urls  []string
		want  []string
	}{
		{name: "same origin", urls: []string{"https://a.test/1", "https://a.test/2", "https://a.test/3"}, want: []string{yes, yes, yes}},
		{name: "same origin, written otherwise", urls: []string{"https://a.test/1", "https://A.test:443/2"}, want: []string{yes, yes}},
		{name: "other host", urls: []string{"https://a.test/", "https://b.test/"}, want: []string{yes, no}},
		{name: "subdomain", urls: []string{"https://a.test/", "https://sub.a.test/"}, want: []string{yes, no}},
		{name: "there and back", urls: []string{"https://a.test/1", "https://b.test/", "https://a.test/2"}, want: []string{yes, no, no}},
		{name: "there, back and on", urls: []string{"https://a.test/1", "https://b.test/", "https://a.test/2", "https://a.test/3"}, want: []string{yes, no, no, no}},
		{name: "other port", urls: []string{"https://a.test/", "https://a.test:8443/"}, want: []string{yes, no}},
		{name: "down to http", urls: []string{"https://a.test/", "http://a.test/"}, want: []string{yes, no}},
		{name: "down to http, allowed", http: true, urls: []string{"https://a.test/", "http://a.test/"}, want: []string{yes, no}},
		{name: "up to https", http: true, urls: []string{"http://a.test/", "https://a.test/"}, want: []string{yes, no}},
		{name: "up to https, same port", http: true, urls: []string{"http://a.test:8443/", "https://a.test:8443/"}, want: []string{yes, no}},
		{name: "to this machine", urls: []string{"https://a.test/", "http://127.0.0.1:80/"}, want: []string{yes, no}},
		{name: "Hosts, to one of them", hosts: []string{"a.test", "b.test"}, urls: []string{"https://a.test/", "https://b.test/"}, want: []string{yes, yes}},
		{name: "Hosts, to none of them", hosts: []string{"a.test"}, urls: []string{"https://a.test/", "https://b.test/"}, want: []string{yes, no}},
		{name: "Hosts, to another port", hosts: []string{"a.test:443"}, urls: []string{"https://a.test/", "https://a.test:8443/"}, want: []string{yes, no}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := wayThrough(t, &bearer.Transport{Hosts: c.hosts, InsecureAllowHTTP: c.http}, c.urls...)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("the way %v was sent %v, %v, want %v", c.urls, got, err, c.want)
			}
		})
	}
}

// G3: a redirect from one of the Hosts to plaintext is an error, not a leak.
func TestG3RedirectToPlaintextHost(t *testing.T) {
	got, err := wayThrough(t, &bearer.Transport{Hosts: []string{"a.test"}}, "https://a.test/", "http://a.test/")
	if !errors.Is(err, bearer.ErrInsecure) || len(got) != 1 {
		t.Errorf("got %v after %d requests, want ErrInsecure after 1", err, len(got))
	}
}

// G3: the same on real sockets, with a real http.Transport between.
func TestG3RedirectOnSockets(t *testing.T) {
	foreign := new(bearertest.Recorder)
	other := httptest.NewServer(foreign)
	defer other.Close()
	var sent string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header.Get("Authorization")
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer api.Close()

	client := &http.Client{Transport: &bearer.Transport{Source: new(mint)}}
	resp, err := client.Post(api.URL, "text/plain", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if want := "Bearer token-1"; sent != want {
		t.Errorf("the API was sent %q, want %q", sent, want)
	}
	if leaked := foreign.Authorizations(); len(leaked) != 0 || len(foreign.Requests()) != 1 {
		t.Errorf("the other origin was sent %d requests and the tokens %q, want 1 and none", len(foreign.Requests()), leaked)
	}
}

// G3: what the caller set itself stays out of our hands on every hop: its 401
// costs no refresh, and where http.Client strips it, no token takes its place.
func TestG3RedirectWithOwnAuthorization(t *testing.T) {
	var got []string
	client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		got = append(got, req.Header.Get("Authorization"))
		resp := answer(req, http.StatusFound, "")
		resp.Header.Set("Location", "https://b.test/")
		if req.URL.Host == "b.test" {
			resp.StatusCode = http.StatusUnauthorized
		}
		return resp, nil
	})}}
	req, _ := http.NewRequest(http.MethodGet, "https://a.test/", nil)
	req.Header.Set("Authorization", "Bearer mine")
	if _, err := client.Do(req); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Bearer mine", ""}; !slices.Equal(got, want) {
		t.Errorf("the hops were sent %q, want %q", got, want)
	}
}

// G3: a token for a.test is nobody else's business; the request itself goes on.
func TestG3Hosts(t *testing.T) {
	hosts := []string{"a.test", "B.test:8443", "c.test:443", "[::1]", "[2001:db8::1]:8443", "192.0.2.1"}
	for rawURL, want := range map[string]bool{
		"https://a.test/":                 true,
		"https://A.TEST/":                 true,
		"https://a.test:8443/":            true,
		"https://sub.a.test/":             false,
		"https://xa.test/":                false,
		"https://a.test.evil.test/":       false,
		"https://a.test./":                false,
		"https://a.test@evil.test/":       false,
		"https://evil.test/?a.test":       false,
		"https://evil.test/#@a.test":      false,
		"https://b.test:8443/":            true,
		"https://b.test/":                 false,
		"https://c.test/":                 true,
		"https://c.test:443/":             true,
		"https://c.test:444/":             false,
		"https://[::1]/":                  true,
		"http://[::1]:8080/":              true,
		"https://[::2]/":                  false,
		"https://[2001:db8::1]:8443/":     true,
		"https://[2001:db8::1]/":          false,
		"https://192.0.2.1/":              true,
		"https://192.0.2.10/":             false,
		"http://evil.test/":               false, // plaintext is fine without a token
		"https://a.test:8443@evil.test:1": false,
	} {
		var header []string
		tr := &bearer.Transport{Source: new(mint), Hosts: hosts, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			header = req.Header["Authorization"]
			return answer(req, http.StatusOK, ""), nil
		})}
		req, _ := http.NewRequest(http.MethodGet, rawURL, nil)
		if _, err := tr.RoundTrip(req); err != nil {
			t.Errorf("%s: %v", rawURL, err)
		}
		if got := slices.Contains(header, "Bearer token-1"); got != want {
			t.Errorf("%s: was sent a token: %v, want %v", rawURL, got, want)
		}
	}
}

// G3: an URL made by hand cannot pass for another host either.
func TestG3HandmadeHost(t *testing.T) {
	for _, host := range []string{"a.test@evil.test", "a.test:443@evil.test:443", "evil.test/a.test", "evil.test#a.test", "evil.test\\a.test"} {
		tr := &bearer.Transport{Source: new(mint), Hosts: []string{"a.test"}, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			if h := req.Header["Authorization"]; h != nil {
				t.Errorf("%q was sent a token", req.URL.Host)
			}
			return answer(req, http.StatusOK, ""), nil
		})}
		if _, err := tr.RoundTrip(&http.Request{URL: &url.URL{Scheme: "https", Host: host}, Header: http.Header{}}); err != nil {
			t.Error(err)
		}
	}
}

// Request.Host is only a header; the token's way is that of the URL.
func TestG3HostHeaderDoesNotCount(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), Hosts: []string{"a.test"}, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.Header["Authorization"] != nil {
			t.Error("a token was sent to evil.test")
		}
		return answer(req, http.StatusOK, ""), nil
	})}
	req, _ := http.NewRequest(http.MethodGet, "https://evil.test/", nil)
	req.Host = "a.test"
	if _, err := tr.RoundTrip(req); err != nil {
		t.Error(err)
	}
}

// Hosts that could never match, or would match more than they say, are errors
// that show which element is meant.
func TestHostsAreChecked(t *testing.T) {
	for _, bad := range []string{"", "https://a.test", "a.test/", "a.test/v1", "*.a.test", "*", "user@a.test", "a b.test", ":443", "a.test:https", "::1", "2001:db8::1", "a.test,b.test", "a.test?x", "a.test#x", "a.test\n"} {
		tr := &bearer.Transport{Source: new(mint), Hosts: []string{"fine.test", bad}, Base: roundTrip(nil)}
		req, _ := http.NewRequest(http.MethodGet, "https://fine.test", nil)
		_, err := tr.RoundTrip(req)
		if want := fmt.Sprintf("Transport.Hosts[1] is %q", bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %s", err, want)
		}
	}
}

// G3: a token does not travel in plaintext, this machine apart.
func TestG3Plaintext(t *testing.T) {
	for rawURL, want := range map[string]bool{
		"http://localhost/":                  true,
		"http://LOCALHOST:8080/":             true,
		"http://127.0.0.1/":                  true,
		"http://127.9.9.9:1/":                true,
		"http://[::1]:1/":                    true,
		"http://[::ffff:127.0.0.1]/":         true,
		"http://a.test/":                     false,
		"http://localhost.evil.test/":        false,
		"http://127.0.0.1.evil.test/":        false,
		"http://10.0.0.1/":                   false,
		"http://0.0.0.0/":                    false,
		"http://[::]/":                       false,
		"http://[::ffff:10.0.0.1]/":          false,
		"http://169.254.169.254/":            false,
		"http://localhost@evil.test/":        false,
		"//a.test/":                          false,
		"/relative":                          false,
		"ftp://a.test/":                      false,
		"http://evil.test/?http://localhost": false,
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		for _, allow := range []bool{false, true} {
			sent := false
			source := new(mint)
			tr := &bearer.Transport{Source: source, InsecureAllowHTTP: allow, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
				sent = req.Header["Authorization"] != nil
				return answer(req, http.StatusOK, ""), nil
			})}
			_, err := tr.RoundTrip(&http.Request{URL: u})
			if sent != (want || allow) || errors.Is(err, bearer.ErrInsecure) == sent {
				t.Errorf("%s, InsecureAllowHTTP %v: a token was sent: %v, and the error is %v, want %v", rawURL, allow, sent, err, want || allow)
			}
			if !sent && source.calls.Load() != 0 {
				t.Errorf("%s: a token was asked for that cannot be sent", rawURL)
			}
		}
	}
}

// The error says what to do.
func TestErrInsecureNamesTheField(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(nil)}
	_, err := (&http.Client{Transport: tr}).Get("http://a.test/")
	want := `Get "http://a.test/": bearer: refusing to send a token in plaintext to "a.test" with scheme "http": use https, or set Transport.InsecureAllowHTTP`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
}

// G3: a Base, or something above it, may forget or clone what leads from one
// hop to the next: then nothing leaks, and nothing is withheld for no reason.
func TestG3BaseThatSetsNoRequest(t *testing.T) {
	var got []string
	client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		got = append(got, req.URL.Host+" "+req.Header.Get("Authorization"))
		next := []string{"https://a.test/2", "https://b.test/", "https://a.test/3", ""}[len(got)-1]
		resp := &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {next}}}
		if next == "" {
			resp.StatusCode = http.StatusOK
		}
		return resp, nil
	})}}
	if _, err := client.Get("https://a.test/1"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a.test Bearer token-1", "a.test Bearer token-1", "b.test ", "a.test "}; !slices.Equal(got, want) {
		t.Errorf("the hops were sent %q, want %q", got, want)
	}
}
