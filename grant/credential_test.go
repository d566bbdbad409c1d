package grant

import "testing"

// G23: each grant names what its tokens are bound to.
func TestCredential(t *testing.T) {
	s := Server{TokenURL: "https://auth.test/token"}
	tls := Server{TokenURL: s.TokenURL, MTLSAliases: MTLSAliases{TokenURL: "https://mtls.auth.test/token"}}
	type credential interface{ Credential() (string, string) }
	for _, row := range []struct {
		name  string
		grant credential
		url   string
		id    string
	}{
		{"client credentials", ClientCredentials{Server: s, Auth: Basic{ID: "a"}}, s.TokenURL, "a"},
		{"pointers", &ClientCredentials{Server: s, Auth: &Post{ID: "a"}}, s.TokenURL, "a"},
		{"an assertion", ClientCredentials{Server: s, Auth: PrivateKeyJWT{ID: "a"}}, s.TokenURL, "a"},
		{"a certificate", ClientCredentials{Server: tls, Auth: &TLS{ID: "a"}}, s.TokenURL, "a"},
		{"only an alias", ClientCredentials{Server: Server{MTLSAliases: tls.MTLSAliases}, Auth: &TLS{ID: "a"}}, tls.MTLSAliases.TokenURL, "a"},
		{"authorization code, public", AuthorizationCode{Server: s, ClientID: "a"}, s.TokenURL, "a"},
		{"authorization code, confidential", AuthorizationCode{Server: s, Auth: Basic{ID: "a"}}, s.TokenURL, "a"},
		{"device", Device{Server: s, ClientID: "a"}, s.TokenURL, "a"},
		{"device, confidential", Device{Server: s, Auth: Post{ID: "a"}}, s.TokenURL, "a"},
		{"JWT bearer", JWTBearer{Server: s, Auth: ClientSecretJWT{ID: "a"}}, s.TokenURL, "a"},
		{"JWT bearer alone", JWTBearer{Server: s}, s.TokenURL, ""},
		{"token exchange", TokenExchange{Server: s, Auth: None{ID: "a"}}, s.TokenURL, "a"},
		{"another package's Auth", ClientCredentials{Server: s, Auth: apiKey("k")}, s.TokenURL, ""},
		{"a nil pointer", ClientCredentials{Server: s, Auth: (*Basic)(nil)}, s.TokenURL, ""},
	} {
		if url, id := row.grant.Credential(); url != row.url || id != row.id {
			t.Errorf("%s: got %q and %q, want %q and %q", row.name, url, id, row.url, row.id)
		}
	}
}

// G23: a wrapper that embeds a ClientAuth names the same client.
func TestCredentialOfAnEmbeddedAuth(t *testing.T) {
	type traced struct{ Basic }
	if _, id := (ClientCredentials{Auth: traced{Basic{ID: "a"}}}).Credential(); id != "a" {
		t.Errorf("got %q, want %q", id, "a")
	}
}
