package bearertest

import (
	"maps"
)

// Counts is what a [Server] has received and done so far.
type Counts struct {
	Requests map[Endpoint]int      // that arrived, including those that met a fault
	Grants   map[string]GrantCount // token requests by grant_type

	Issued        int // access tokens, by any grant
	Accepted      int // API requests that were let through
	Rejected      int // API requests without a valid token, or without the scope
	Faults        int // requests that met a fault
	ReuseDetected int // refresh tokens used again after their rotation and Config.ReuseGrace
	Revoked       int // tokens revoked at the revocation endpoint
}

// GrantCount is what a [Server] has received of one grant_type.
type GrantCount struct {
	Requests int // that arrived, including those that met a fault
	Issued   int // access tokens
}

// TokenRequests returns how many requests the token endpoint received.
func (c Counts) TokenRequests() int { return c.Requests[TokenEndpoint] }

// Counts returns a snapshot: all numbers are of the same moment.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Requests = maps.Clone(c.Requests)
	c.Grants = maps.Clone(c.Grants)
	return c
}
