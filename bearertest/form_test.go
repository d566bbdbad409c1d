package bearertest

import (
	"net/http"
	"strings"
	"testing"
)

// asClientWith returns a request of the default client with this body and
// Content-Type, none if it is empty.
func asClientWith(t *testing.T, s *Server, e Endpoint, contentType, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.Endpoint(e), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("client", "secret")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

// RFC 6749 section 3.2 and appendix B: parameters are form-encoded, and the
// Content-Type says so.
func TestParametersMustBeAForm(t *testing.T) {
	const fetch, object = "grant_type=client_credentials", `{"grant_type":"client_credentials"}`
	for name, row := range map[string]struct {
		contentType, body string
		want              int
	}{
		"form":              {"application/x-www-form-urlencoded", fetch, 200},
		"form with charset": {"Application/X-WWW-Form-URLEncoded; charset=utf-8", fetch, 200},
		"no type":           {"", fetch, 400},
		"text":              {"text/plain", fetch, 400},
		"multipart":         {"multipart/form-data; boundary=x", fetch, 400},
		"form called JSON":  {"application/json", fetch, 400},
		"malformed type":    {"application/x-www-form-urlencoded; =", fetch, 400},
		"JSON":              {"application/json", object, 400},
		"JSON called form":  {"application/x-www-form-urlencoded", object, 400},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, Config{}, func(t *testing.T, s *Server) {
				r := mustDo(t, s, asClientWith(t, s, TokenEndpoint, row.contentType, row.body))
				wantStatus(t, r, row.want)
				if got := r.text(t, "error"); row.want == 400 && got != "invalid_request" {
					t.Errorf("got error %q, want invalid_request", got)
				}
			})
		})
	}
}

func TestParametersHaveALimit(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		pad := strings.Repeat("x", maxForm)
		body := "grant_type=client_credentials&x=" + pad
		wantStatus(t, mustDo(t, s, asClientWith(t, s, TokenEndpoint, "application/x-www-form-urlencoded", body[:maxForm])), 200)
		wantStatus(t, mustDo(t, s, asClientWith(t, s, TokenEndpoint, "application/x-www-form-urlencoded", body[:maxForm+1])), 400)
	})
}

// The other endpoints read their parameters in the same way.
func TestEveryEndpointNeedsAForm(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		for _, e := range []Endpoint{RevokeEndpoint, IntrospectEndpoint, DeviceEndpoint} {
			if got := mustDo(t, s, asClientWith(t, s, e, "text/plain", "token=x")); got.status != 400 {
				t.Errorf("%s: got status %d, want 400", e, got.status)
			}
			if got := mustDo(t, s, asClientWith(t, s, e, "application/x-www-form-urlencoded", "token=x")); got.status != 200 {
				t.Errorf("%s: got status %d, want 200", e, got.status)
			}
		}
		req := asClientWith(t, s, AuthorizeEndpoint, "text/plain", goodParams().Encode())
		if got := mustDo(t, s, req); got.status != 400 || got.header.Get("Location") != "" {
			t.Errorf("%s: got status %d, want 400 and no redirect", AuthorizeEndpoint, got.status)
		}
	})
}

func TestJSONParametersIfConfigured(t *testing.T) {
	everywhere(t, Config{JSON: true}, func(t *testing.T, s *Server) {
		post := func(body string) reply {
			req := asClientWith(t, s, TokenEndpoint, "application/json; charset=utf-8", body)
			req.Header.Del("Authorization")
			return mustDo(t, s, req)
		}
		wantStatus(t, post(`{"grant_type":"client_credentials","client_id":"client","client_secret":"secret"}`), 200)
		wantStatus(t, post(`{"grant_type":`), 400)
		wantStatus(t, post(`{"resource":["https://a.test","https://b.test"],"grant_type":"client_credentials","client_id":"client","client_secret":"secret"}`), 200)
		fetch(t, s) // a form is accepted as well
	})
}

// RFC 6749 section 3.2, RFC 7009 section 2.1, RFC 7662 section 2.1 and RFC
// 8628 section 3.1 define POST only.
func TestMethodsThatAreRefused(t *testing.T) {
	inMemory(t, Config{}, func(t *testing.T, s *Server) {
		access, _ := s.Issue("client", "")
		for _, e := range []Endpoint{TokenEndpoint, RevokeEndpoint, IntrospectEndpoint, DeviceEndpoint} {
			for _, method := range []string{"PUT", "PATCH", "GET", "DELETE"} {
				req := asClient(t, s, e, "token", access, "grant_type", "client_credentials")
				req.Method = method
				r := mustDo(t, s, req)
				if r.status != 405 || r.header.Get("Allow") != "POST" {
					t.Errorf("%s %s: got status %d and Allow %q, want 405 and POST", method, e, r.status, r.header.Get("Allow"))
				}
			}
		}
		for _, e := range []Endpoint{AuthorizeEndpoint, MetadataEndpoint, devicePage} {
			req := form(t, s, e)
			req.URL.RawQuery = goodParams().Encode()
			req.Method = "PUT"
			if r := mustDo(t, s, req); r.status != 405 || r.header.Get("Allow") == "" {
				t.Errorf("PUT %s: got status %d and Allow %q, want 405 and the methods", e, r.status, r.header.Get("Allow"))
			}
		}
		wantStatus(t, call(t, s, access), 200)
		if c := s.Counts(); c.Revoked != 0 || c.Issued != 1 {
			t.Errorf("got %d revoked and %d issued, want none by any method but POST", c.Revoked, c.Issued)
		}
	})
}
