package bearer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"time"

	"golang.org/x/oauth2/clientcredentials"
)

// A record is what a Store holds of a credential: JSON with a version. Later
// releases add members, which this one leaves out when it writes; a change that
// an older release cannot read has another version.
type record struct {
	Version      int       `json:"v"`
	AccessToken  string    `json:"access_token,omitempty"`
	TokenType    string    `json:"token_type,omitempty"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	Expiry       time.Time `json:"expiry,omitzero"`
	Scope        string    `json:"scope,omitempty"`

	Extras map[string]any `json:"extras,omitempty"` // those that Cache.Extras names
	binding
	notes
}

// A binding says whose tokens a record holds. Records of older releases, and
// of Sources that do not tell, have an empty one.
type binding struct {
	TokenURL string `json:"token_url,omitempty"`
	ClientID string `json:"client_id,omitempty"`
}

// bindingOf is the binding of source's tokens. The grants of package grant
// tell theirs by a method.
func bindingOf(source Source) binding {
	if source == nil || isNil(source) {
		return binding{}
	}
	switch s := source.(type) {
	case interface {
		Credential() (tokenURL, clientID string)
	}:
		tokenURL, clientID := s.Credential()
		return binding{tokenURL, clientID}
	case *clientcredentials.Config:
		return binding{s.TokenURL, s.ClientID}
	}
	return binding{}
}

// excludes reports whether b and other belong to different credentials.
func (b binding) excludes(other binding) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	return differ(b.TokenURL, other.TokenURL) || differ(b.ClientID, other.ClientID)
}

const recordVersion = 1

// What is outside of these, JSON cannot express (RFC 3339 section 5.6). Either
// is as good as the time it stands for.
var (
	longAgo = time.Unix(0, 0).UTC()
	farAway = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
)

// extrasOf returns the extras of t that are worth keeping: a Token does not say
// which it has.
func extrasOf(t *Token, names []string) map[string]any {
	extras := map[string]any{}
	for _, name := range names {
		switch value := reflect.ValueOf(t.Extra(name)); {
		case value.CanInt():
			extras[name] = value.Int()
		case value.CanUint():
			extras[name] = value.Uint()
		case value.CanFloat():
			if f := value.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) { // a form can have them, JSON cannot
				extras[name] = f
			}
		case value.Kind() == reflect.Bool:
			extras[name] = value.Bool()
		case value.Kind() == reflect.String && value.Len() > 0:
			extras[name] = value.String()
		}
	}
	return extras
}

func encode(t *Token, b binding, extras []string, n notes) ([]byte, error) {
	scope, _ := t.Extra("scope").(string)
	expiry := t.Expiry.UTC().Round(0)
	switch year := expiry.Year(); {
	case year < 0:
		expiry = longAgo
	case year > 9999:
		expiry = farAway
	}
	return json.Marshal(record{
		Version:      recordVersion,
		AccessToken:  t.AccessToken,
		TokenType:    t.TokenType,
		RefreshToken: t.RefreshToken,
		Expiry:       expiry,
		Scope:        scope,
		Extras:       extrasOf(t, extras),
		binding:      b,
		notes:        n,
	})
}

// decode is the inverse of encode. The token is nil if there are notes alone.
func decode(data []byte, b binding) (*Token, notes, error) {
	r, err := parse(data)
	if err != nil {
		return nil, notes{}, err
	}
	t, err := r.token(b)
	return t, r.notes, err
}

// parse reads a record. Its errors do not show the data.
func parse(data []byte) (*record, error) {
	r := new(record)
	if json.Unmarshal(data, r) != nil && unmarshalToken(data, r) != nil {
		return nil, errors.New("the stored token is not the JSON that this package writes: delete it and log in again")
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("the stored token has version %d, and this release reads version %d: delete it and log in again", r.Version, recordVersion)
	}
	if r.AccessToken == "" && r.RefreshToken == "" && r.Failure == nil {
		return nil, errors.New("the stored token has neither an access token nor a refresh token: delete it and log in again")
	}
	return r, nil
}

// unmarshalToken reads a record without its notes: those that cannot be read are
// not worth a login.
func unmarshalToken(data []byte, r *record) error {
	var bare struct {
		record

		// They hide those of notes.
		Intent   json.RawMessage `json:"intent"`
		Reusable json.RawMessage `json:"reusable"`
		Failure  json.RawMessage `json:"failure"`
		Renewals json.RawMessage `json:"renewals"`
	}
	err := json.Unmarshal(data, &bare)
	*r = bare.record
	return err
}

// vacant reports whether the record has notes alone: there was no token yet,
// and the endpoint failed.
func (r *record) vacant() bool { return r.AccessToken == "" && r.RefreshToken == "" }

// token returns the token in the record of a credential that is bound to b; nil
// if there is none. Its errors do not show the data.
func (r *record) token(b binding) (*Token, error) {
	if b.excludes(r.binding) {
		return nil, &foreignError{r.binding, r.RefreshToken != ""}
	}
	if r.vacant() {
		return nil, nil
	}
	t := &Token{AccessToken: r.AccessToken, TokenType: r.TokenType, RefreshToken: r.RefreshToken, Expiry: r.Expiry}
	if err := checkHeader(t); err != nil {
		return nil, err
	}
	extras := maps.Clone(r.Extras)
	if r.Scope != "" {
		if extras == nil {
			extras = map[string]any{}
		}
		extras["scope"] = r.Scope
	}
	if len(extras) > 0 {
		t = t.WithExtra(extras)
	}
	return t, nil
}

// A foreignError says that a record belongs to another credential.
type foreignError struct {
	of    binding
	login bool // it has a refresh token, which only its owner can replace
}

func (e *foreignError) Error() string {
	return fmt.Sprintf("the token stored under Cache.Key is of client %q at %q: use a different Key for each client and server, or delete it", e.of.ClientID, e.of.TokenURL)
}
