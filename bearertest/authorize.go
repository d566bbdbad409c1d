package bearertest

import (
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
)

// serveAuthorize is RFC 6749 section 3.1: it sends the user's browser back
// to the client with a code, or with an error.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request, q request) {
	p := params(merge(r.URL.Query(), url.Values(q.body)))
	a, err := readAuthorization(p, q)
	if err != nil {
		// It is not known where the browser may be sent, so it stays here.
		http.Error(w, err.Code+": "+err.Description, http.StatusBadRequest)
		return
	}
	if err := a.check(p); err != nil {
		s.sendBack(w, a, url.Values{"error": {err.Code}, "error_description": {err.Description}})
		return
	}
	user := q.cfg.user(p.get("login_hint"))
	if chosen := q.body.get("user"); chosen != "" {
		if user = chosen; !slices.Contains(q.cfg.Users, user) {
			http.Error(w, "this user is unknown", http.StatusBadRequest)
			return
		}
	}
	yes, decided := q.cfg.Consent.decision(r, q)
	switch {
	case !decided:
		showPage(w, consentData{Client: a.client.ID, Scope: a.scope, Action: r.URL.RequestURI(), Users: q.cfg.Users, User: user})
	case yes:
		s.sendBack(w, a, url.Values{"code": {s.newCode(a, user, q.cfg)}})
	default:
		s.sendBack(w, a, url.Values{"error": {"access_denied"}, "error_description": {"the user said no"}})
	}
}

// decision returns the user's answer, and whether there is one yet.
func (c Consent) decision(r *http.Request, q request) (yes, decided bool) {
	switch c {
	case ConsentApprove:
		return true, true
	case ConsentDeny:
		return false, true
	}
	if r.Method != http.MethodPost {
		return false, false
	}
	answer := q.body.get("decision")
	return answer == "approve", answer != ""
}

// authorization is a client's request for a user's consent.
type authorization struct {
	client      *Client
	redirect    *url.URL
	redirectURI string // as it was sent; empty if it was not
	state       string
	scope       string
	audience    []string
	challenge   string // PKCE, S256; empty without
}

// readAuthorization reads what must be right before the browser can be sent
// anywhere (RFC 6749 section 4.1.2.1).
func readAuthorization(p params, q request) (*authorization, *oauthError) {
	if q.err != nil {
		return nil, q.err
	}
	if name := p.repeated(); name != "" {
		return nil, refuse("invalid_request", "a parameter is repeated: "+name)
	}
	client := q.cfg.client(p.get("client_id"))
	if client == nil {
		return nil, refuse("invalid_request", "client_id is missing or unknown")
	}
	sent := p.get("redirect_uri")
	to := sent
	if to == "" && len(client.RedirectURIs) == 1 {
		to = client.RedirectURIs[0]
	}
	u, err := url.Parse(to)
	if err != nil || !u.IsAbs() || u.Fragment != "" || !client.knows(u) {
		return nil, refuse("invalid_request", "redirect_uri is missing or not registered")
	}
	return &authorization{
		client: client, redirect: u, redirectURI: sent,
		state: p.get("state"), scope: p.get("scope"), challenge: p.get("code_challenge"),
	}, nil
}

// knows reports whether u is registered.
func (c *Client) knows(u *url.URL) bool {
	if len(c.RedirectURIs) == 0 {
		return true
	}
	for _, text := range c.RedirectURIs {
		registered, err := url.Parse(text)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); ip.IsLoopback() && registered.Hostname() == u.Hostname() {
			registered.Host = u.Host // any port: RFC 8252 section 7.3
		}
		if registered.String() == u.String() {
			return true
		}
	}
	return false
}

// check checks everything else; its errors go back to the client.
func (a *authorization) check(p params) (err *oauthError) {
	switch {
	case p.get("response_type") != "code":
		return refuse("unsupported_response_type", "response_type must be code")
	case !allows(a.client.Grants, "authorization_code"):
		return refuse("unauthorized_client", "the client may not use authorization_code")
	case a.challenge == "" && (a.client.public() || a.client.RequirePKCE):
		return refuse("invalid_request", "code_challenge is missing: PKCE is required")
	case a.challenge != "" && p.get("code_challenge_method") != "S256":
		return refuse("invalid_request", "code_challenge_method must be S256")
	case a.challenge != "" && !challengeForm.MatchString(a.challenge):
		return refuse("invalid_request", "code_challenge is not a SHA-256 in base64url")
	}
	if a.audience, err = p.target(); err != nil {
		return err
	}
	return a.client.checkScope(a.scope)
}

// challengeForm is 32 bytes in base64url, without padding (RFC 7636).
var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// sendBack redirects to the client, with the state, and with the issuer as
// RFC 9207 requires.
func (s *Server) sendBack(w http.ResponseWriter, a *authorization, answer url.Values) {
	if a.state != "" {
		answer.Set("state", a.state)
	}
	answer.Set("iss", s.URL)
	to := *a.redirect
	query := to.Query()
	for name := range answer {
		query.Set(name, answer.Get(name))
	}
	to.RawQuery = query.Encode()
	w.Header().Set("Location", to.String())
	// 303, so that the browser does not repeat the POST of the consent form.
	w.WriteHeader(http.StatusSeeOther)
}
