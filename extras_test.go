package bearer_test

import (
	"context"
	"testing"

	"example.com/bearer"
)

// What Cache.Extras names survives a restart, for a program that learns from
// the token answer where the API is.
func TestExtrasSurviveARestart(t *testing.T) {
	store := new(bearer.MemoryStore)
	first := &bearer.Cache{Store: store, Key: "k", Extras: []string{"instance_url"}, Source: bearer.SourceFunc(func(context.Context) (*bearer.Token, error) {
		return (&bearer.Token{AccessToken: "a"}).WithExtra(map[string]any{"instance_url": "https://na1.test", "other": "x"}), nil
	})}
	second := &bearer.Cache{Store: store, Key: "k", Extras: []string{"instance_url"}}
	for _, c := range []*bearer.Cache{first, second} {
		got, err := c.Token(t.Context())
		if err != nil || got.Extra("instance_url") != "https://na1.test" {
			t.Fatalf("got %v, want the instance_url", err)
		}
	}
}
