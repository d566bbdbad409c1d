package bearertest

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// readForm gives the parameters of the body, form-encoded or a JSON object,
// and those of the query. It reads up to 1 MiB.
func readForm(r *http.Request) (body, query url.Values, err error) {
	query, err = url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, query, err
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(b) == 0:
		return url.Values{}, query, nil
	case media == "application/json":
		body, err = jsonForm(b)
	default:
		body, err = url.ParseQuery(string(b))
	}
	return body, query, err
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

// repeated names a parameter that is there twice. RFC 6749 section 3.2
// forbids that; audience and resource may be repeated by RFC 8693 and 8707.
func (p params) repeated() string {
	for name, values := range p {
		if len(values) > 1 && name != "audience" && name != "resource" {
			return name
		}
	}
	return ""
}

// merge gives the parameters of both.
func merge(a, b url.Values) url.Values {
	all := make(url.Values, len(a)+len(b))
	for _, m := range []url.Values{a, b} {
		for name, values := range m {
			all[name] = append(all[name], values...)
		}
	}
	return all
}
