package bearertest

const (
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	jwtType         = "urn:ietf:params:oauth:token-type:jwt"
)

// tokenExchange is RFC 8693. The subject_token is one of this server's, or a
// JWT of one of Config.Issuers; the new token is for the same subject.
func tokenExchange(s *Server, q grantRequest) (*tokenAnswer, *oauthError) {
	if want := q.body.get("requested_token_type"); want != "" && want != accessTokenType {
		return nil, refuse("invalid_request", "only access tokens are issued")
	}
	subject, err := s.exchanged("subject_token", q)
	if err != nil {
		return nil, err
	}
	if q.body.get("actor_token") != "" || q.body.get("actor_token_type") != "" {
		if _, err := s.exchanged("actor_token", q); err != nil {
			return nil, err
		}
	}
	g := Grantee{ClientID: q.client.ID, Subject: subject.Subject, Scope: q.scope, Audience: q.audience}
	if g.Scope == "" {
		g.Scope = subject.Scope
	} else if subject.Scope != "" && !within(g.Scope, subject.Scope) {
		return nil, refuse("invalid_scope", "more scope than the subject_token has")
	}
	if len(g.Audience) == 0 { // an exchange may lead to any audience
		g.Audience = subject.Audience
	}
	answer := s.access(q.cfg, g, new(family))
	answer.IssuedTokenType = accessTokenType
	return answer, nil
}

// exchanged returns whom the token in the parameter name is for.
func (s *Server) exchanged(name string, q grantRequest) (Grantee, *oauthError) {
	token := q.body.get(name)
	if token == "" {
		return Grantee{}, refuse("invalid_request", name+" is missing")
	}
	switch q.body.get(name + "_type") {
	case accessTokenType:
		if t := s.state.validAccess(token); t != nil {
			return t.Grantee, nil
		}
	case jwtType:
		if c, err := s.vouched(token, q); err == nil {
			return Grantee{Subject: c.Subject}, nil
		}
	case "":
		return Grantee{}, refuse("invalid_request", name+"_type is missing")
	}
	// RFC 8693 section 2.2.2 has invalid_request for a token that is not valid.
	return Grantee{}, refuse("invalid_request", name+" is not accepted")
}
