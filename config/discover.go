package config

import (
	"context"

	"example.com/bearer"
	"example.com/bearer/grant"
)

// A discovery finds the endpoints of a server at its first use, and keeps them
// for the life of the process. A failure is not kept.
type discovery struct {
	turn   chan struct{} // holds one while nobody discovers; guards found
	server grant.Server  // as declared
	found  *grant.Server
}

func newDiscovery(s grant.Server) *discovery {
	d := &discovery{turn: make(chan struct{}, 1), server: s}
	d.turn <- struct{}{}
	return d
}

// get returns the server with its endpoints. Callers at the same time share one
// discovery; each waits until its own context ends.
func (d *discovery) get(ctx context.Context) (grant.Server, error) {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return grant.Server{}, ctx.Err()
	}
	defer func() { d.turn <- struct{}{} }()
	if d.found != nil {
		return *d.found, nil
	}
	found, err := d.server.Discover(ctx)
	if err != nil {
		return grant.Server{}, err
	}
	d.found = &found
	return found, nil
}

// A discovered source is a grant at a server whose endpoints are found at the
// first use.
type discovered struct {
	server   *discovery
	clientID string
	grant    func(grant.Server) bearer.Source
}

func (d discovered) Token(ctx context.Context) (*bearer.Token, error) {
	s, err := d.server.get(ctx)
	if err != nil {
		return nil, err
	}
	return d.grant(s).Token(ctx)
}

// Credential binds a stored token to the issuer, which stays the same when an
// endpoint moves.
func (d discovered) Credential() (tokenURL, clientID string) {
	return d.server.server.Issuer, d.clientID
}

// A discoveredRefresher is a discovered source whose grant is a Refresher.
type discoveredRefresher struct{ discovered }

func (d discoveredRefresher) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	s, err := d.server.get(ctx)
	if err != nil {
		return nil, err
	}
	return d.grant(s).(bearer.Refresher).Refresh(ctx, prev)
}
