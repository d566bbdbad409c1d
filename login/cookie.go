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
	Verifier string // empty once the code has been sent: the login is spent
	ReturnTo string
	Expires  time.Time
}

// spent reports whether the code of the login has been sent. What is left of
// the login is the right to see its outcome again.
func (p pending) spent() bool { return p.Verifier == "" }

// A jar keeps the pending logins of a browser, each in its own cookie, so that
// a login in one tab does not end one in another.
type jar struct {
	key      grant.Secret
	secure   bool
	lifetime time.Duration
}

// maxPending bounds the cookies. The browser sends them with every request, and
// pages that a user opens can begin logins: without a bound they could grow
// until servers refuse the header.
const maxPending = 5

// name returns the name of a login's cookie. The prefix makes the browser
// accept the cookie only from this very host and over https, so that a sibling
// domain cannot plant the login of an attacker (RFC 6265bis section 4.1.3.2).
func (j jar) name(state string) string {
	if j.secure {
		return "__Host-login-" + state
	}
	return "login-" + state
}

// put begins a login. bound is what [bind] returned, for put, get and spend.
func (j jar) put(w http.ResponseWriter, r *http.Request, state, bound string, p pending) error {
	j.makeRoom(w, r)
	return j.write(w, state, bound, p, j.lifetime)
}

// has reports whether the browser sent a cookie for the state, good or bad.
func (j jar) has(r *http.Request, state string) bool {
	_, err := r.Cookie(j.name(state))
	return err == nil && state != ""
}

// get returns the login with that state. The seal of its cookie covers the
// state and what else the login is bound to. A cookie that does not open is
// left alone: it may belong to another Handler of this site.
func (j jar) get(r *http.Request, state, bound string) (pending, error) {
	cookie, err := r.Cookie(j.name(state))
	if err != nil {
		return pending{}, errNoLogin
	}
	p, err := j.open(bound, cookie.Value)
	if err != nil || !time.Now().Before(p.Expires) {
		return pending{}, errNoLogin
	}
	return p, nil
}

// spend replaces the login by one whose code is spent, so that not even another
// process sends the code again. It lasts as long as the outcome is shared.
func (j jar) spend(w http.ResponseWriter, state, bound string, p pending) error {
	p.Verifier = ""
	return j.write(w, state, bound, p, reloadWindow)
}

var errNoLogin error = noLogin{}

// noLogin is [grant.ErrStateMismatch], with words that fit.
type noLogin struct{}

func (noLogin) Error() string {
	return "login: the callback matches no pending login of this browser and this Handler: it took too long, is over, or began in another browser; start again"
}

func (noLogin) Unwrap() error { return grant.ErrStateMismatch }

// makeRoom deletes the oldest logins. Browsers send older cookies first (RFC
// 6265 section 5.4).
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

func (j jar) write(w http.ResponseWriter, state, bound string, p pending, lifetime time.Duration) error {
	p.Expires = time.Now().Add(lifetime)
	value, err := j.seal(bound, p)
	if err != nil {
		return err
	}
	j.set(w, j.name(state), value, int(lifetime.Seconds()))
	return nil
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

// seal encrypts a login as lines, none of whose values contains a line break,
// and authenticates bound with it.
func (j jar) seal(bound string, p pending) (string, error) {
	aead, err := j.aead()
	if err != nil {
		return "", err
	}
	plain := strings.Join([]string{strconv.FormatInt(p.Expires.Unix(), 10), p.Verifier, p.ReturnTo}, "\n")
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, []byte(plain), []byte(bound))), nil
}

func (j jar) open(bound, value string) (pending, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return pending{}, err
	}
	aead, err := j.aead()
	if err != nil {
		return pending{}, err
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(bound))
	if err != nil {
		return pending{}, err
	}
	line := strings.Split(string(plain), "\n")
	if len(line) != 3 {
		return pending{}, errors.New("the cookie is from another release")
	}
	seconds, err := strconv.ParseInt(line[0], 10, 64)
	return pending{Expires: time.Unix(seconds, 0), Verifier: line[1], ReturnTo: line[2]}, err
}

// aead returns AES-256-GCM with a key that is derived for these cookies only: the
// caller may use the Key elsewhere. Random nonces are safe for 2^32
// logins with one key.
func (j jar) aead() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(j.key), nil, "example.com/bearer/login cookie 1", 32)
	if err != nil {
		return nil, fmt.Errorf("login: cannot derive the key of the cookies: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("login: cannot use the key of the cookies: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
