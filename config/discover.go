package config

import (
	"context"
	"time"

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

// A source is the grant of a declared client. It holds the grant in a func:
// some verbs of fmt print what a pointer leads to without asking its methods,
// and a grant has secrets.
type source struct {
	grant              func(context.Context) (bearer.Source, error)
	tokenURL, clientID string
}

// A refresher is a source whose grant is a bearer.Refresher.
type refresher struct {
	source
	grace time.Duration
}

// ReuseGrace is that of the server; see [grant.Server.ReuseGrace].
func (r refresher) ReuseGrace() time.Duration { return r.grace }

// newSource returns the source of b's tokens at a server whose endpoints d
// finds, if d is not nil.
func (b *builder) newSource(server grant.Server, d *discovery) bearer.Source {
	usual := b.source(server)
	s := source{
		grant:    func(context.Context) (bearer.Source, error) { return usual, nil },
		tokenURL: server.TokenURL, clientID: b.ClientID,
	}
	if d != nil && server.TokenURL == "" {
		s.tokenURL = server.Issuer // which stays the same when an endpoint moves
		s.grant = func(ctx context.Context) (bearer.Source, error) {
			found, err := d.get(ctx)
			if err != nil {
				return nil, err
			}
			return b.source(found), nil
		}
	}
	if _, ok := usual.(bearer.Refresher); ok {
		return refresher{s, server.ReuseGrace}
	}
	if b.chain != nil {
		return chainedSource{s, b.chain}
	}
	return s
}

func (s source) Token(ctx context.Context) (*bearer.Token, error) {
	g, err := s.grant(ctx)
	if err != nil {
		return nil, err
	}
	return g.Token(ctx)
}

func (r refresher) Refresh(ctx context.Context, prev *bearer.Token) (*bearer.Token, error) {
	g, err := r.grant(ctx)
	if err != nil {
		return nil, err
	}
	return g.(bearer.Refresher).Refresh(ctx, prev)
}

// Credential binds stored tokens to the server and the client; see
// [grant.ClientCredentials.Credential].
func (s source) Credential() (tokenURL, clientID string) { return s.tokenURL, s.clientID }
