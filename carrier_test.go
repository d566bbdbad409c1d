package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/bearer"
	"example.com/bearer/bearertest"
)

// Header and Scheme say how the API wants the token.
func TestHeaderAndScheme(t *testing.T) {
	for _, c := range []struct{ header, scheme, name, want string }{
		{"", "", "Authorization", "Bearer token-1"},
		{"", "Token", "Authorization", "Token token-1"},
		{"Authorization", "", "Authorization", "token-1"},
		{"x-api-token", "", "X-Api-Token", "token-1"},
		{"X-Api-Token", "OAuth", "X-Api-Token", "OAuth token-1"},
	} {
		var got http.Header
		tr := &bearer.Transport{Source: new(mint), Header: c.header, Scheme: c.scheme, Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			got = req.Header
			return answer(req, http.StatusOK, ""), nil
		})}
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		req.Header.Set("X-Other", "x")
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if want := (http.Header{c.name: {c.want}, "X-Other": {"x"}}); !reflect.DeepEqual(got, want) {
			t.Errorf("Header %q, Scheme %q: sent %v, want %v", c.header, c.scheme, got, want)
		}
		if len(req.Header) != 1 {
			t.Errorf("the caller's header became %v, want it unchanged", req.Header)
		}
	}
}

// What could never reach an API is an error that shows the value.
func TestHeaderAndSchemeAreChecked(t *testing.T) {
	for _, c := range []struct{ header, scheme, want string }{
		{"X Token", "", `Transport.Header is "X Token"`},
		{"X-Token:", "", `Transport.Header is "X-Token:"`},
		{"X-Tokén", "", `Transport.Header is`},
		{"host", "", `Transport.Header is "host"`},
		{"Transfer-Encoding", "", `Transport.Header is`},
		{"User-Agent", "", `Transport.Header is`},
		{"", "Token ", `Transport.Scheme is "Token "`},
		{"", "a\r\nb", `Transport.Scheme is "a\r\nb"`},
	} {
		tr := &bearer.Transport{Source: new(mint), Header: c.header, Scheme: c.scheme, Base: roundTrip(nil)}
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		if _, err := tr.RoundTrip(req); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %s", err, c.want)
		}
	}
}

// G2: with Header, the caller's own header of that name counts, in any case,
// and Authorization is a header like any other.
func TestG2OwnHeader(t *testing.T) {
	var got http.Header
	source := new(mint)
	tr := &bearer.Transport{Source: source, Header: "X-Token", Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		got = req.Header
		return answer(req, http.StatusUnauthorized, ""), nil
	})}
	for _, key := range []string{"X-Token", "x-token"} {
		req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
		req.Header[key] = []string{"mine"}
		resp, err := tr.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || len(got) != 1 || got[key][0] != "mine" {
			t.Errorf("%s: sent %v (%v), want the caller's own token alone and its 401", key, got, err)
		}
	}
	if n := source.calls.Load(); n != 0 {
		t.Errorf("got %d tokens, want none", n)
	}
	req, _ := http.NewRequest(http.MethodGet, apiURL, nil)
	req.SetBasicAuth("user", "password")
	if _, err := tr.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if user, _, _ := req.BasicAuth(); user != "user" || got.Get("X-Token") != "token-2" {
		t.Errorf("sent %v, want the caller's Authorization and, after the replay, token-2", got)
	}
}

// G3: no redirect takes a header of another name to where the token must not
// go: not the token, and not the one that http.Client copied of the caller's.
func TestG3RedirectsWithAnotherHeader(t *testing.T) {
	const ours, own, no = "token-1", "mine", ""
	for _, c := range []struct {
		name  string
		hosts []string
		own   bool
		urls  []string
		want  []string
	}{
		{"same origin", nil, false, []string{"https://a.test/1", "https://a.test/2"}, []string{ours, ours}},
		{"elsewhere and back", nil, false, []string{"https://a.test/1", "https://b.test/", "https://a.test/2"}, []string{ours, no, no}},
		{"to none of Hosts", []string{"a.test"}, false, []string{"https://a.test/1", "https://b.test/"}, []string{ours, no}},
		{"own, same origin", nil, true, []string{"https://a.test/1", "https://a.test/2"}, []string{own, own}},
		{"own, elsewhere and back", nil, true, []string{"https://a.test/1", "https://b.test/", "https://a.test/2"}, []string{own, no, no}},
		{"own, to a subdomain", nil, true, []string{"https://a.test/1", "https://sub.a.test/"}, []string{own, no}},
		{"own, between Hosts", []string{"a.test", "b.test"}, true, []string{"https://a.test/1", "https://b.test/"}, []string{own, own}},
		{"own, to none of Hosts", []string{"a.test"}, true, []string{"https://a.test/1", "https://b.test/", "https://a.test/2"}, []string{own, no, no}},
		{"own, to Hosts from elsewhere", []string{"a.test"}, true, []string{"https://b.test/", "https://a.test/"}, []string{own, no}},
		{"own, within another host", []string{"a.test"}, true, []string{"https://b.test/1", "https://b.test/2"}, []string{own, own}},
		{"own, down to http", []string{"a.test"}, true, []string{"https://a.test/", "http://a.test/"}, []string{own, no}},
	} {
		var got []string
		client := &http.Client{Transport: &bearer.Transport{Source: new(mint), Hosts: c.hosts, Header: "X-Token", Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			got = append(got, req.Header.Get("X-Token"))
			resp := answer(req, http.StatusOK, "")
			if len(got) < len(c.urls) {
				resp.StatusCode = http.StatusFound
				resp.Header.Set("Location", c.urls[len(got)])
			}
			return resp, nil
		})}}
		req, _ := http.NewRequest(http.MethodGet, c.urls[0], nil)
		if c.own {
			req.Header.Set("X-Token", own)
		}
		if _, err := client.Do(req); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the hops were sent %q, want %q", c.name, got, c.want)
		}
		if c.own && req.Header.Get("X-Token") != own { // G1
			t.Errorf("%s: the caller's header became %v, want it unchanged", c.name, req.Header)
		}
	}
}

// G1: a Base that appends to a header of a request whose own token was withheld
// does not write into the caller's array.
func TestG1OwnHeaderWithheld(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), Header: "X-Token", Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		_ = append(req.Header["Accept"], "changed")
		return answer(req, http.StatusOK, ""), nil
	})}
	first, _ := http.NewRequest(http.MethodGet, "https://a.test/", nil)
	req, _ := http.NewRequest(http.MethodGet, "https://b.test/", nil)
	req.Response = &http.Response{Request: first}
	accept := []string{"text/plain", "mine"}
	req.Header = http.Header{"X-Token": {"mine"}, "Accept": accept[:1]}
	if _, err := tr.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	if accept[1] != "mine" {
		t.Errorf("the caller's array has %q, want it unchanged", accept[1])
	}
}

// The same over TCP with http.Transport, to an API that wants the token in
// another header: a rejected token is renewed, and none leaves by a redirect.
func TestAnotherHeaderOnSockets(t *testing.T) {
	server := bearertest.Start(t, bearertest.Config{APIHeader: "X-Token", APIScheme: "Token"})
	foreign := new(bearertest.Recorder)
	other := httptest.NewServer(foreign)
	defer other.Close()
	client := &http.Client{Transport: &bearer.Transport{Header: "X-Token", Scheme: "Token", Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		access, _ := server.Issue("client", "")
		return &bearer.Token{AccessToken: access}, nil
	})}}
	for range 2 {
		if got := get(client, server.Endpoint(bearertest.APIEndpoint)); got != http.StatusOK {
			t.Errorf("got %d, want 200", got)
		}
		server.RevokeAll()
	}
	server.Fault(bearertest.APIEndpoint, bearertest.Fault{Redirect: other.URL})
	if got := get(client, server.Endpoint(bearertest.APIEndpoint)); got != http.StatusOK {
		t.Errorf("got %d, want the other origin's 200", got)
	}
	if all := foreign.Requests(); len(all) != 1 || len(all[0].Header.Values("X-Token")) != 0 {
		t.Errorf("the other origin got %v, want one request without a token", all)
	}
}

// G15: no verb shows the token, whatever header it travels in.
func TestTransportWithHeaderDoesNotShowTheToken(t *testing.T) {
	tr := &bearer.Transport{Source: new(mint), Header: "X-Token", Scheme: "Token", Base: roundTrip(func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusOK, ""), nil
	})}
	if _, err := (&http.Client{Transport: tr}).Get(apiURL); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, tr); strings.Contains(text, "token-1") || strings.Contains(text, fmt.Sprintf("%x", "token-1")) {
			t.Errorf("%s: got %s, want no token", verb, text)
		}
	}
}
