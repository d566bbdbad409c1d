package grant

import "testing"

// RFC 7009 section 2.2: a token that the server does not know is not an error.
// Some servers answer 400 all the same. A 401 is about the client, and other
// codes are refusals.
func TestRevokeOfAnUnknownToken(t *testing.T) {
	for _, row := range []struct {
		status int
		code   string
		fails  bool
	}{
		{400, "invalid_token", false},
		{401, "invalid_token", true},
		{400, "unsupported_token_type", true},
	} {
		s, _ := serve(t, always(row.status, `{"error":"`+row.code+`"}`))
		err := s.Revoke(t.Context(), basic, "unknown", "")
		if (err != nil) != row.fails {
			t.Errorf("%d %s: got %v, want an error: %v", row.status, row.code, err, row.fails)
		}
	}
}
