package bearertest

import (
	"encoding/json"
	"net/http"
)

// oauthError is an error answer (RFC 6749 section 5.2).
type oauthError struct {
	status      int
	Code        string `json:"error,omitempty"`
	Description string `json:"error_description,omitempty"`
	basic       bool   // the client tried HTTP Basic, so it is challenged for it
}

// refuse returns an oauthError with status 400.
func refuse(code, description string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: code, Description: description}
}

func (e *oauthError) write(w http.ResponseWriter) {
	if e.basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="bearertest"`)
	}
	writeJSON(w, e.status, e)
}

// writeJSON answers with v, which must not be cached (RFC 6749 section 5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // v is one of our own types, and they all have a JSON form
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}
