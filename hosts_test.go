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
	"testing/synctest"

	"example.com/bearer"
	"example.com/bearer/bearertest"
)

// wayThrough sends a GET to the first of urls; each redirects to the next. It
// returns the Authorization that each was sent, "-" for none.
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

// G3: a redirect does not take the token to another origin, and a redirect back
// does not restore it, because the other origin chose where it leads.
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
		{name: "Hosts, there and back", hosts: []string{"a.test"}, urls: []string{"https://a.test/1", "https://b.test/", "https://a.test/2", "https://a.test/3"}, want: []string{yes, no, no, no}},
		{name: "Hosts, began outside", hosts: []string{"a.test"}, urls: []string{"https://b.test/", "https://a.test/1", "https://a.test/2"}, want: []string{no, no, no}},
		{name: "Hosts, there and back between them", hosts: []string{"a.test", "b.test"}, urls: []string{"https://a.test/1", "https://b.test/", "https://a.test/2"}, want: []string{yes, yes, yes}},
		{name: "Hosts, by another port of one and back", hosts: []string{"a.test:443"}, urls: []string{"https://a.test/1", "https://a.test:8443/", "https://a.test/2"}, want: []string{yes, no, no}},
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

// G3: the same over TCP with http.Transport.
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

// G3: an Authorization that the caller set is not replaced on any hop: its 401
// costs no refresh, and where http.Client strips it, no token is added.
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

// G3: only Hosts get the token; requests to other hosts are sent without.
func TestG3Hosts(t *testing.T) {
	hosts := []string{"a.test", "B.test:8443", "c.test:443", "[::1]", "[2001:db8::1]:8443", "192.0.2.1", "[fe80::1%25eth0]", "[fe80::2%25Eth1]:8443", "bücher.test", "dot.test."}
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
		"https://[fe80::1%25eth0]/":       true,
		"https://[fe80::1%25eth1]/":       false,
		"https://[fe80::1]/":              false,
		"https://[fe80::2%25eth1]:8443/":  true,
		"https://BÜCHER.test/":            true,
		"https://xn--bcher-kva.test/":     false, // as it is written
		"https://dot.test./":              true,
		"https://dot.test/":               false,
		"HTTPS://a.test/":                 true,
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

// G3: a URL that is not from url.Parse cannot pass for another host either.
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

// G3: the URL decides where a token goes; Request.Host is only a header.
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

// An element of Hosts that could never match, or would match more than it says,
// is an error that shows the element.
func TestHostsAreChecked(t *testing.T) {
	for _, bad := range []string{"", "https://a.test", "a.test/", "a.test/v1", "*.a.test", "*", "user@a.test", "a b.test", ":443", "a.test:https", "::1", "2001:db8::1", "a.test,b.test", "[fe80::1%eth0]", "[fe80::1%25eth0", "a%25b.test", "a.test?x", "a.test#x", "a.test\n"} {
		tr := &bearer.Transport{Source: new(mint), Hosts: []string{"fine.test", bad}, Base: roundTrip(nil)}
		req, _ := http.NewRequest(http.MethodGet, "https://fine.test", nil)
		_, err := tr.RoundTrip(req)
		if want := fmt.Sprintf("Transport.Hosts[1] is %q", bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %s", err, want)
		}
	}
}

// G3: a token does not travel in plaintext, except to this machine.
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

// ErrInsecure says what to do.
func TestErrInsecureNamesTheField(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), Base: roundTrip(nil)}
	_, err := (&http.Client{Transport: tr}).Get("http://a.test/")
	want := `Get "http://a.test/": bearer: refusing to send a token in plaintext to "a.test" with scheme "http": use https, or set Transport.InsecureAllowHTTP`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
}

// G3: a Base that makes its own requests, to other URLs even, and names them in
// the response does not cut the chain, with Hosts or without.
func TestG3BaseThatMakesItsOwnRequests(t *testing.T) {
	const yes, no = "Bearer token-1", ""
	for _, c := range []struct {
		name  string
		hosts []string
		own   string // Authorization of the first request
		want  []string
	}{
		{name: "no Hosts", want: []string{yes, no, no, no}},
		{name: "Hosts", hosts: []string{"api.test"}, want: []string{yes, no, no, no}},
		{name: "own Authorization", own: "Basic eA==", want: []string{"Basic eA==", no, no, no}},
	} {
		var got []string
		way := []string{"https://evil.test/1", "https://evil.test/2", "https://api.test/3"}
		client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Hosts: c.hosts, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			got = append(got, req.Header.Get("Authorization"))
			elsewhere, _ := http.NewRequest(req.Method, "https://evil.test/2", nil)
			resp := answer(elsewhere, http.StatusFound, "")
			if len(got) > len(way) {
				resp.StatusCode = http.StatusOK
				return resp, nil
			}
			resp.Header.Set("Location", way[len(got)-1])
			return resp, nil
		})}}
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		if c.own != "" {
			req.Header.Set("Authorization", c.own)
		}
		if _, err := client.Do(req); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the hops were sent %q, want %q", c.name, got, c.want)
		}
	}
}

// G3: user and password in a redirect's Location authorize that hop only, and
// do not bring the token back.
func TestG3RedirectWithCredentials(t *testing.T) {
	got, err := wayThrough(t, &bearer.Transport{}, "https://a.test/1", "https://u:p@a.test/2", "https://b.test/", "https://a.test/3")
	if want := []string{"token-1", "Basic dTpw", "-", "-"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("the hops were sent %q, %v, want %q", got, err, want)
	}
}

// G3: a scheme that url.Parse never returns gets no token.
func TestG3HandmadeScheme(t *testing.T) {
	for _, scheme := range []string{"HTTPS", "HTTP", "", "https ", "ws"} {
		tr := &bearer.Transport{Source: new(mint), Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			t.Errorf("scheme %q was sent a token", scheme)
			return answer(req, http.StatusOK, ""), nil
		})}
		if _, err := tr.RoundTrip(&http.Request{URL: &url.URL{Scheme: scheme, Host: "a.test"}}); !errors.Is(err, bearer.ErrInsecure) {
			t.Errorf("scheme %q: got %v, want ErrInsecure", scheme, err)
		}
	}
}

// A 401 from a host outside Hosts is logged as a warning, because Hosts may be
// misspelled: to Transport.Logger, else to the Cache's. It is not if a redirect
// led there or the caller set the authorization.
func TestHostsThatMatchNothingAreLogged(t *testing.T) {
	const warning = "level=WARN msg=\"bearer: 401 from a host that is not in Transport.Hosts and got no token\" "
	for _, c := range []struct {
		name             string
		transport, cache bool // which has a Logger
	}{
		{"Transport.Logger", true, false},
		{"Cache.Logger", false, true},
		{"both", true, true},
		{"neither", false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := new(logBook), new(logBook)
			cache := &bearer.Cache{Source: new(mint)}
			tr := &bearer.Transport{Source: cache, Hosts: []string{"api.tset"}, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
				resp := answer(req, http.StatusUnauthorized, "")
				if req.URL.Path == "/redirect" {
					resp.StatusCode = http.StatusFound
					resp.Header.Set("Location", "https://other.test/")
				}
				return resp, nil
			})}
			if c.transport {
				tr.Logger = ours.logger()
			}
			if c.cache {
				cache.Logger = theirs.logger()
			}
			client := &http.Client{Transport: tr}
			want := ""
			if c.transport || c.cache {
				want = warning + "host=api.test:8443 status=401\n"
			}
			if got := get(client, "https://api.test:8443/"); got != http.StatusUnauthorized {
				t.Errorf("%s: got %d, want 401", c.name, got)
			}
			get(client, "https://api.test/redirect")
			get(client, "https://u:p@api.test/")
			synctest.Wait()
			if got := ours.warnings() + theirs.warnings(); got != want {
				t.Errorf("%s: got  %q\nwant %q", c.name, got, want)
			}
			if c.transport && theirs.text() != "" {
				t.Errorf("%s: the Cache's Logger has %q, want nothing", c.name, theirs.text())
			}
		})
	}
}

// G3: a Base need not set Response.Request: the token does not leak, and is not
// withheld without reason.
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

// G3: a handmade redirect chain may be a circle. It proves nothing, and must
// not be followed for ever.
func TestG3CircularRedirectChain(t *testing.T) {
	for _, hosts := range [][]string{nil, {"api.test"}} {
		tr := &bearer.Transport{Source: new(mint), Hosts: hosts, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			if got := req.Header.Get("Authorization"); got != "" {
				t.Errorf("Hosts %v: got %q, want no token", hosts, got)
			}
			return answer(req, http.StatusOK, ""), nil
		})}
		req := post(t.Context(), nil)
		req.Response = &http.Response{Request: req}
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
	}
}
