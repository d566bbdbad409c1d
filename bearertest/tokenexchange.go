package bearertest

const (
	accessTokenType = "urn:ietf:params:oauth:token-type:access_token"
	jwtType         = "urn:ietf:params:oauth:token-type:jwt"
)

// tokenExchange is RFC 8693. The subject's token is one of this server's, or
// a JWT of one of Config.Issuers; the new one speaks for the same subject.
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
	scope := q.scope
	if scope == "" {
		scope = subject.scope
	} else if subject.scope != "" && !within(scope, subject.scope) {
		return nil, refuse("invalid_scope", "more scope than the subject_token has")
	}
	answer := s.access(q.cfg, grantee{client: q.client.ID, subject: subject.subject, scope: scope}, new(family))
	answer.IssuedTokenType = accessTokenType
	return answer, nil
}

// exchanged is whom the token in the parameter name speaks for.
func (s *Server) exchanged(name string, q grantRequest) (grantee, *oauthError) {
	token := q.body.get(name)
	if token == "" {
		return grantee{}, refuse("invalid_request", name+" is missing")
	}
	switch q.body.get(name + "_type") {
	case accessTokenType:
		if t := s.state.goodAccess(token); t != nil {
			return t.grantee, nil
		}
	case jwtType:
		if c, err := s.vouched(token, q); err == nil {
			return grantee{subject: c.Subject}, nil
		}
	case "":
		return grantee{}, refuse("invalid_request", name+"_type is missing")
	}
	// RFC 8693 section 2.2.2 has invalid_request for a token that is not good.
	return grantee{}, refuse("invalid_request", name+" is not accepted")
}
