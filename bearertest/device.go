package bearertest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// devicePage is where the user enters the user code.
const devicePage = "/device"

// device is a device that waits for its user (RFC 8628).
type device struct {
	Grantee
	userCode string
	expires  time.Time
	interval time.Duration
	polled   time.Time // zero: not yet
	decided  bool
	approved bool
	used     bool
}

// deviceAnswer is RFC 8628 section 3.2.
type deviceAnswer struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	URI        string `json:"verification_uri"`
	Complete   string `json:"verification_uri_complete"`
	ExpiresIn  int64  `json:"expires_in"`
	Interval   int64  `json:"interval"`
}

func (s *Server) serveDevice(w http.ResponseWriter, r *http.Request, q request) {
	answer, err := s.startDevice(r, q)
	if err != nil {
		err.write(w)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (s *Server) startDevice(r *http.Request, q request) (*deviceAnswer, *oauthError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, err := s.authenticate(r, q)
	if err != nil {
		return nil, err
	}
	if !allows(client.Grants, deviceGrant) {
		return nil, refuse("unauthorized_client", "the client may not use this grant_type")
	}
	scope := q.body.get("scope")
	if err := client.checkScope(scope); err != nil {
		return nil, err
	}
	audience, err := q.body.target()
	if err != nil {
		return nil, err
	}
	user := q.cfg.user(q.body.get("login_hint"))
	d := &device{
		Grantee:  Grantee{ClientID: client.ID, Subject: user, Scope: scope, Audience: audience},
		userCode: userCode(),
		expires:  time.Now().Add(q.cfg.DeviceLifetime),
		interval: q.cfg.DeviceInterval,
		decided:  q.cfg.Consent != ConsentAsk,
		approved: q.cfg.Consent == ConsentApprove,
	}
	text := "device-" + rand.Text()
	s.state.devices[text] = d
	uri := s.URL + devicePage
	return &deviceAnswer{
		DeviceCode: text, UserCode: d.userCode,
		URI: uri, Complete: uri + "?user_code=" + d.userCode,
		ExpiresIn: seconds(q.cfg.DeviceLifetime), Interval: seconds(d.interval),
	}, nil
}

// userCode returns a short code without characters that look alike.
func userCode() string {
	t := rand.Text()
	return t[:4] + "-" + t[4:8]
}

// deviceCode is RFC 8628 section 3.4.
func deviceCode(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	d := s.state.devices[q.body.get("device_code")]
	now := time.Now()
	switch {
	case d == nil || d.ClientID != q.client.ID || d.used:
		return nil, refuse("invalid_grant", "the device_code is unknown or was used before")
	case !now.Before(d.expires):
		return nil, refuse("expired_token", "the device_code has expired")
	case !d.polled.IsZero() && now.Sub(d.polled) < d.interval:
		d.polled = now
		d.interval += 5 * time.Second // RFC 8628 section 3.5
		return nil, refuse("slow_down", "polled too soon")
	}
	d.polled = now
	switch {
	case !d.decided:
		return nil, refuse("authorization_pending", "the user has not answered yet")
	case !d.approved:
		return nil, refuse("access_denied", "the user said no")
	}
	answer, err := s.consented(q, d.Grantee, new(family))
	d.used = err == nil
	return answer, err
}

// Decide answers for the user of a device that waits under [ConsentAsk], by
// the user code that the device shows. The user is the one that the device's
// login_hint names, otherwise the first of Config.Users. Decide returns an
// error if no device waits with this code.
func (s *Server) Decide(userCode string, approve bool) error {
	return s.decide(userCode, "", approve)
}

// DecideAs is [Server.Decide] for another user. It returns an error too if
// user is not one of Config.Users.
func (s *Server) DecideAs(userCode, user string, approve bool) error {
	if !slices.Contains(s.config.Load().Users, user) {
		return fmt.Errorf("bearertest: user %q is not in Config.Users", user)
	}
	return s.decide(userCode, user, approve)
}

// decide answers for user, for the device's own user if that is empty.
func (s *Server) decide(userCode, user string, approve bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.state.waiting(userCode)
	if d == nil {
		return fmt.Errorf("bearertest: no device waits for the user code %q", userCode)
	}
	d.decided, d.approved = true, approve
	if user != "" {
		d.Subject = user
	}
	return nil
}

// waiting returns the device that shows userCode and has no answer yet, nil
// if there is none.
func (st *state) waiting(userCode string) *device {
	for _, d := range st.devices {
		if !d.decided && strings.EqualFold(d.userCode, strings.TrimSpace(userCode)) && time.Now().Before(d.expires) {
			return d
		}
	}
	return nil
}

// serveDevicePage shows the page where the user enters the user code, or
// finds it filled in.
func (s *Server) serveDevicePage(w http.ResponseWriter, r *http.Request) {
	data := consentData{Device: true, Code: r.URL.Query().Get("user_code"), Action: devicePage, Users: s.config.Load().Users}
	s.mu.Lock()
	if d := s.state.waiting(data.Code); d != nil {
		data.User = d.Subject
	}
	s.mu.Unlock()
	showPage(w, data)
}

// serveDeviceDecision receives the user's answer from that page.
func (s *Server) serveDeviceDecision(w http.ResponseWriter, r *http.Request) {
	body, _, refusal := readForm(r, false)
	if refusal != nil {
		http.Error(w, refusal.Description, http.StatusBadRequest)
		return
	}
	decide := s.Decide
	if user := body.Get("user"); user != "" {
		decide = func(code string, approve bool) error { return s.DecideAs(code, user, approve) }
	}
	if decide(body.Get("user_code"), body.Get("decision") == "approve") != nil {
		http.Error(w, "no device waits for this code, or the user is unknown", http.StatusBadRequest)
		return
	}
	showPage(w, consentData{Done: "Done. You can close this window."})
}
