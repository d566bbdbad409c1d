package bearertest

import (
	"maps"
	"net/http"
	"slices"
)

// serveMetadata is RFC 8414. A [Fault] with Members changes the metadata.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request, q request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                           s.URL,
		"authorization_endpoint":                           s.Endpoint(AuthorizeEndpoint),
		"token_endpoint":                                   s.Endpoint(TokenEndpoint),
		"revocation_endpoint":                              s.Endpoint(RevokeEndpoint),
		"introspection_endpoint":                           s.Endpoint(IntrospectEndpoint),
		"device_authorization_endpoint":                    s.Endpoint(DeviceEndpoint),
		"response_types_supported":                         []string{"code"},
		"grant_types_supported":                            slices.Sorted(maps.Keys(grants)),
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            authMethods,
		"token_endpoint_auth_signing_alg_values_supported": slices.Concat(publicKeyAlgorithms, secretAlgorithms),
		"authorization_response_iss_parameter_supported":   true,
	})
}
