package bearertest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// devicePage is where the user goes with the user code.
const devicePage = "/device"

// device is a device that waits for its user (RFC 8628).
type device struct {
	grantee
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
	d := &device{
		grantee:  grantee{client: client.ID, subject: user, scope: scope},
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

// userCode is short and has no letters that are mistaken for another.
func userCode() string {
	t := rand.Text()
	return t[:4] + "-" + t[4:8]
}

// deviceCode is RFC 8628 section 3.4.
func deviceCode(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	d := s.state.devices[q.body.get("device_code")]
	now := time.Now()
	switch {
	case d == nil || d.client != q.client.ID || d.used:
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
	d.used = true
	return s.consented(q, d.grantee, new(family)), nil
}

// Decide answers for the user of a device that waits under [ConsentAsk], by
// the user code that the device shows. The error says that no device waits
// with this code.
func (s *Server) Decide(userCode string, approve bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.state.devices {
		if !d.decided && strings.EqualFold(d.userCode, strings.TrimSpace(userCode)) && time.Now().Before(d.expires) {
			d.decided, d.approved = true, approve
			return nil
		}
	}
	return fmt.Errorf("bearertest: no device waits for the user code %q", userCode)
}

// serveDevicePage is where the user types the user code, or finds it there.
func (s *Server) serveDevicePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		code := r.URL.Query().Get("user_code")
		showPage(w, consentData{Device: true, Code: code, Action: devicePage})
		return
	}
	body, _, err := readForm(r)
	if err == nil {
		err = s.Decide(body.Get("user_code"), body.Get("decision") == "approve")
	}
	if err != nil {
		http.Error(w, "no device waits for this code", http.StatusBadRequest)
		return
	}
	showPage(w, consentData{Done: "Done. You can close this window."})
}
