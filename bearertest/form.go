package bearertest

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// maxForm is the size of the largest body that is read for parameters.
const maxForm = 1 << 20

// readForm reads the parameters of the query and of the body, which is a form
// or, if allowed, a JSON object. An empty body needs no Content-Type.
func readForm(r *http.Request, allowJSON bool) (body, query url.Values, refusal *oauthError) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, nil, refuse("invalid_request", "the query is malformed")
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(b) > maxForm {
		return nil, query, refuse("invalid_request", "the body ended early or is larger than 1 MiB")
	}
	if len(b) == 0 {
		return url.Values{}, query, nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && media == "application/x-www-form-urlencoded":
		body, err = url.ParseQuery(string(b))
	case err == nil && media == "application/json" && allowJSON:
		body, err = jsonForm(b)
	default:
		return nil, query, refuse("invalid_request", "Content-Type must be application/x-www-form-urlencoded")
	}
	if err != nil {
		return nil, query, refuse("invalid_request", "the body is malformed")
	}
	return body, query, nil
}

// jsonForm reads a JSON object of strings, or lists of strings, as
// parameters.
func jsonForm(b []byte) (url.Values, error) {
	var members map[string]any
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	form := make(url.Values)
	for k, v := range members {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, item := range list {
			if text, ok := item.(string); ok {
				form.Add(k, text)
			}
		}
	}
	return form, nil
}

// params are the parameters of a request's body.
type params url.Values

func (p params) get(name string) string { return url.Values(p).Get(name) }

// repeated returns the name of a parameter that is there twice, which RFC 6749
// section 3.2 forbids. RFC 8693 and 8707 exempt audience and resource.
func (p params) repeated() string {
	for name, values := range p {
		if len(values) > 1 && name != "audience" && name != "resource" {
			return name
		}
	}
	return ""
}

// merge returns the parameters of both.
func merge(a, b url.Values) url.Values {
	all := make(url.Values, len(a)+len(b))
	for _, m := range []url.Values{a, b} {
		for name, values := range m {
			all[name] = append(all[name], values...)
		}
	}
	return all
}
