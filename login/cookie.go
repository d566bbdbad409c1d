package login

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/bearer/grant"
)

// pending is a login that is under way. It travels in a cookie.
type pending struct {
	Verifier string
	ReturnTo string
	Expires  time.Time
}

// A jar keeps the pending logins of a browser, each in a cookie of its own, so that a login in one
// tab does not end one in another.
type jar struct {
	key      grant.Secret
	secure   bool
	lifetime time.Duration
}

// maxPending bounds the cookies. They go with every request, and pages that a user opens can begin
// logins: without a bound they could grow until servers refuse the header.
const maxPending = 5

// name of the cookie of a login. The prefix makes the browser accept the cookie only from this
// very host and with https, so that no sibling domain can plant the login of an attacker
// (RFC 6265bis section 4.1.3.2).
func (j jar) name(state string) string {
	if j.secure {
		return "__Host-login-" + state
	}
	return "login-" + state
}

func (j jar) put(w http.ResponseWriter, r *http.Request, state string, p pending) error {
	j.makeRoom(w, r)
	p.Expires = time.Now().Add(j.lifetime)
	value, err := j.seal(state, p)
	if err != nil {
		return err
	}
	j.set(w, j.name(state), value, int(j.lifetime.Seconds()))
	return nil
}

// take gives the login with that state and forgets it, so that a callback counts once. The state
// is good if there is a cookie of its name whose seal, which covers it, is whole.
func (j jar) take(w http.ResponseWriter, r *http.Request, state string) (pending, error) {
	cookie, err := r.Cookie(j.name(state))
	if err != nil || state == "" {
		return pending{}, errNoLogin
	}
	j.set(w, cookie.Name, "", -1)
	p, err := j.open(state, cookie.Value)
	if err != nil || !time.Now().Before(p.Expires) {
		return pending{}, errNoLogin
	}
	return p, nil
}

var errNoLogin error = noLogin{}

// noLogin is [grant.ErrStateMismatch], with words that fit.
type noLogin struct{}

func (noLogin) Error() string {
	return "login: the callback fits no login of this browser: it took too long, is done already, or was begun in another one; start again"
}

func (noLogin) Unwrap() error { return grant.ErrStateMismatch }

// makeRoom forgets the oldest logins. Browsers send older cookies first (RFC 6265 section 5.4).
func (j jar) makeRoom(w http.ResponseWriter, r *http.Request) {
	var names []string
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, j.name("")) {
			names = append(names, c.Name)
		}
	}
	for _, name := range names[:max(0, len(names)-maxPending+1)] {
		j.set(w, name, "", -1)
	}
}

func (j jar) set(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, MaxAge: maxAge,
		Path:     "/", // as __Host- requires
		Secure:   j.secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // Strict would keep it from the callback, which comes from another site
	})
}

// seal writes a login as lines, none of whose values has a line break in it.
func (j jar) seal(state string, p pending) (string, error) {
	aead, err := j.aead()
	if err != nil {
		return "", err
	}
	plain := strings.Join([]string{strconv.FormatInt(p.Expires.Unix(), 10), p.Verifier, p.ReturnTo}, "\n")
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, []byte(plain), []byte(state))), nil
}

func (j jar) open(state, value string) (pending, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return pending{}, err
	}
	aead, err := j.aead()
	if err != nil {
		return pending{}, err
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(state))
	if err != nil {
		return pending{}, err
	}
	line := strings.Split(string(plain), "\n")
	if len(line) != 3 {
		return pending{}, errors.New("the cookie is of another release")
	}
	seconds, err := strconv.ParseInt(line[0], 10, 64)
	return pending{Expires: time.Unix(seconds, 0), Verifier: line[1], ReturnTo: line[2]}, err
}

// aead is AES-256-GCM with a key that is for these cookies only, whatever else the caller's is used
// for. Random nonces are good for 2^32 logins with one key.
func (j jar) aead() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(j.key), nil, "example.com/bearer/login cookie 1", 32)
	if err != nil {
		return nil, fmt.Errorf("login: cannot derive the cookies' key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("login: cannot use the cookies' key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
