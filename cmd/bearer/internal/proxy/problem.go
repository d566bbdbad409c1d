package proxy

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A problem is an answer of the proxy itself, as application/problem+json (RFC
// 9457). It says what to do, and holds no secret.
type problem struct {
	kind       string // the last part of type
	status     int
	title      string
	detail     string
	client     string // empty: it concerns none
	retryAfter time.Duration
	header     [2]string // another header; the name is empty if there is none
}

// typeBase is what the types of problems begin with.
const typeBase = "https://example.com/bearer/problems/"

func (p *problem) write(w http.ResponseWriter) {
	text, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Client string `json:"client,omitempty"`
	}{typeBase + p.kind, p.title, p.status, p.detail, p.client})
	if err != nil { // cannot happen: these are strings
		text = []byte("{}")
	}
	text = append(text, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds()))))
	}
	if p.header[0] != "" {
		h.Set(p.header[0], p.header[1])
	}
	w.WriteHeader(p.status)
	w.Write(text) // fails only if the caller has left
}

func foreignHost(host string) *problem {
	return &problem{
		kind: "foreign-host", status: http.StatusMisdirectedRequest, title: "This proxy does not have that name",
		detail: "The request is for the host " + strconv.Quote(host) + ", which a web page may have chosen. Call the proxy by the address that it printed, or start it with --host and that name.",
	}
}

func fromBrowser() *problem {
	return &problem{
		kind: "browser", status: http.StatusForbidden, title: "Requests of web pages are refused",
		detail: "The request has a header that browsers send, Origin or Sec-Fetch-Site. If it is a program's, remove them. The status page opens by its link, typed or pasted into the address bar.",
	}
}

func unknownCaller() *problem {
	return &problem{
		kind: "caller-token", status: http.StatusUnauthorized, title: "A caller's token is required",
		detail: "Send a token of this proxy's callers as Authorization: Bearer TOKEN, or in X-Bearer-Proxy. The proxy says at its start which file holds it.",
		header: [2]string{"WWW-Authenticate", `Bearer realm="bearer proxy"`},
	}
}

func noPage() *problem {
	return &problem{
		kind: "page", status: http.StatusForbidden, title: "The page opens by a link",
		detail: "Open the link that the proxy printed at its start, which works once. POST " + own + "link, with a caller's token, returns another.",
	}
}

func badMethod(method string) *problem {
	return &problem{
		kind: "method", status: http.StatusMethodNotAllowed, title: "This method is not forwarded",
		detail: method + " is for proxies of another kind, or would show the token. Use the API's own methods, with the path at this proxy.",
		header: [2]string{"Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
	}
}

func badPath() *problem {
	return &problem{
		kind: "path", status: http.StatusBadRequest, title: "The path is ambiguous",
		detail: "The path has a segment . or .., in some spelling, or a control character. Send the path that is meant.",
	}
}

func noClient(names []string) *problem {
	return &problem{
		kind: "client", status: http.StatusNotFound, title: "There is no such client",
		detail: "A path begins with the name of a client. Those that are served: " + strings.Join(names, ", ") + ".",
	}
}

func notAllowed(client, what string) *problem {
	return &problem{
		kind: "not-allowed", status: http.StatusForbidden, title: "This request is not allowed", client: client,
		detail: "The declaration of " + client + " does not allow " + what + " for this path. See allow in its file.",
	}
}
