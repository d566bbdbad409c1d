package bearer

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// stored is what a Store holds of a token: JSON with a version, so that a
// later release can change the form and still read this one.
type stored struct {
	Version      int       `json:"v"`
	AccessToken  string    `json:"access_token,omitempty"`
	TokenType    string    `json:"token_type,omitempty"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	Expiry       time.Time `json:"expiry,omitzero"`
	Scope        string    `json:"scope,omitempty"`
}

const storedVersion = 1

// What is outside of these, JSON cannot tell (RFC 3339 section 5.6). Either
// is as good as the time it stands for.
var (
	longAgo = time.Unix(0, 0).UTC()
	farAway = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
)

func encode(t *Token) ([]byte, error) {
	scope, _ := t.Extra("scope").(string)
	expiry := t.Expiry.UTC().Round(0)
	switch year := expiry.Year(); {
	case year < 0:
		expiry = longAgo
	case year > 9999:
		expiry = farAway
	}
	return json.Marshal(stored{
		Version:      storedVersion,
		AccessToken:  t.AccessToken,
		TokenType:    t.TokenType,
		RefreshToken: t.RefreshToken,
		Expiry:       expiry,
		Scope:        scope,
	})
}

// decode is the inverse of encode. Its errors do not show the data.
func decode(data []byte) (*Token, error) {
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, errors.New("the stored token is not the JSON that this package writes: delete it and log in again")
	}
	if s.Version != storedVersion {
		return nil, fmt.Errorf("the stored token has version %d, and this release reads version %d: delete it and log in again", s.Version, storedVersion)
	}
	if s.AccessToken == "" && s.RefreshToken == "" {
		return nil, errors.New("the stored token has neither an access token nor a refresh token: delete it and log in again")
	}
	t := &Token{AccessToken: s.AccessToken, TokenType: s.TokenType, RefreshToken: s.RefreshToken, Expiry: s.Expiry}
	if err := checkHeader(t); err != nil {
		return nil, err
	}
	if s.Scope != "" {
		t = t.WithExtra(map[string]any{"scope": s.Scope})
	}
	return t, nil
}
