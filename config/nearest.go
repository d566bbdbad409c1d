package config

import "strings"

// otherNames are what other programs, and the RFCs, call the keys of a file.
var otherNames = map[string]string{
	"token_endpoint": "token_url", "access_token_url": "token_url",
	"authorization_endpoint": "auth_url", "authorize_url": "auth_url", "authorization_url": "auth_url",
	"revocation_endpoint": "revoke_url", "revocation_url": "revoke_url",
	"device_authorization_endpoint": "device_auth_url", "device_authorization_url": "device_auth_url",
	"scope": "scopes", "redirect_uri": "redirect_url", "redirect_uris": "redirect_url",
	"token_endpoint_auth_method": "auth_method", "auth_style": "auth_method", "client_auth": "auth_method",
	"grant": "grant_type", "grant_types": "grant_type", "flow": "grant_type", "type": "grant_type",
	"id": "client_id", "key": "client_id", "secret": "client_secret", "password": "client_secret",
	"params": "endpoint_params", "extra_params": "endpoint_params", "url": "base_url", "domains": "hosts", "host": "hosts",
	"circuit_breaker": "breaker", "storage": "store", "tls": "tls_config", "proxy": "proxy_url",
	"client_secret_ref": "client_secret_file", "client_certificate_key_ref": "client_certificate_key_file",
	"discovery_url": "issuer", "issuer_url": "issuer", "refresh_before": "refresh", "header": "headers",
}

// mostCompared bounds how many names one is compared with: a file may have many
// thousand clients, and as many mistakes.
const mostCompared = 200

// nearest returns the known key that name was probably meant to be, "" if there
// is none.
func nearest(name string, known []string) string {
	plain := strings.NewReplacer("-", "", "_", "", ".", "", " ", "")
	squeeze := func(s string) string { return plain.Replace(strings.ToLower(s)) }
	meant := otherNames[strings.ReplaceAll(strings.ToLower(name), "-", "_")]
	best, least := "", 3 // three letters wrong is another word
	if len(known) > mostCompared {
		return ""
	}
	squeezed := squeeze(name)
	for _, k := range known {
		if k == meant {
			return k
		}
		if longer := len(squeezed) - len(k); longer > least || -longer > 2*least {
			continue // so much longer or shorter is another word
		}
		if d := distance(squeezed, squeeze(k)); d < least && d*3 <= len(k) {
			best, least = k, d
		}
	}
	return best
}

// distance returns how many letters are to be inserted, removed, replaced or
// swapped with their neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
