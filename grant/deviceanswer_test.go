package grant

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestDeviceAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := serve(t, always(200, `{"device_code":"dc","user_code":"AB-CD","verification_url":"https://auth.test/device","expires_in":"600","interval":null}`))
		p, err := Device{Server: s, ClientID: "id"}.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p.DeviceCode != "dc" || p.UserCode != "AB-CD" || p.VerificationURI != "https://auth.test/device" || time.Until(p.Expiry) != 10*time.Minute || p.Interval != 5*time.Second {
			t.Errorf("got %+v, want the answer, and five seconds where it says nothing", p)
		}
	})
	s, _ := serve(t, always(200, `{"device_code":"dc","user_code":"AB-CD","verification_uri":"https://auth.test/device","interval":0.001}`))
	if p, err := (Device{Server: s, ClientID: "id"}).Start(t.Context()); err != nil || p.Interval != time.Second {
		t.Errorf("interval of a millisecond: got %+v and %v, want a second, not a flood", p, err)
	}
	for _, row := range []struct{ body, want string }{
		{``, "an empty body where a device code was expected"},
		{`{}`, "device_code is missing"},
		{`{"device_code":1}`, "device_code is not a string"},
		{`{"device_code":"canary"}`, "user_code is missing"},
		{`{"device_code":"canary","user_code":"a\u001b[2J"}`, "user_code is missing or cannot be shown"},
		{`{"device_code":"canary","user_code":"a"}`, "verification_uri is missing"},
		{`{"device_code":"canary","user_code":"a","verification_uri":"file:///etc/passwd"}`, "verification_uri is missing or not an http URL"},
		{`{"device_code":"canary","user_code":"a","verification_uri":"https://x.test/","verification_uri_complete":"javascript:alert(1)"}`, "verification_uri_complete is not an http URL"},
		{`{"device_code":"canary","user_code":"a","verification_uri":"https://x.test/","expires_in":-1}`, "expires_in is negative"},
		{`{"device_code":"canary","user_code":"a","verification_uri":"https://x.test/","interval":"x"}`, "interval is not a number"},
		{`{"error":"unauthorized_client"}`, "unauthorized_client"},
	} {
		s, _ := serve(t, always(200, row.body))
		_, err := Device{Server: s, ClientID: "id"}.Start(t.Context())
		wantText(t, err, row.want)
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %q, want no code in it", row.body, err)
		}
	}
}

func FuzzDeviceAnswer(f *testing.F) {
	for _, seed := range []string{`{"device_code":"dc","user_code":"AB","verification_uri":"https://auth.test/","expires_in":600,"interval":5}`,
		`{"device_code":"dc","user_code":"AB","verification_url":"http://x","verification_uri_complete":"https://x/?a","interval":"1e9"}`, `{"interval":{}}`, `[]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		a := &answer{Request: &Request{}, status: 200, body: []byte(body)}
		m, err := a.members()
		if err != nil {
			return
		}
		p, err := m.prompt(time.Now())
		if err == nil && (p.DeviceCode == "" || p.UserCode == "" || !browsable(p.VerificationURI) || p.Interval <= 0 || p.Interval > maxLifetime) {
			t.Errorf("got %+v, want one that can be shown and asked for", p)
		}
	})
}
