package config

import (
	"fmt"
	"net/http"
	"strings"
)

// limits checks the patterns of allow.
func (k *checker) limits(c *declared) {
	if c.Allow != nil && len(c.Allow) == 0 {
		k.wrong(c, "allow", "this allows nothing; list what is allowed, or remove the key")
	}
	for i, pattern := range c.Allow {
		if problem := checkPattern(pattern); problem != "" {
			k.wrong(c, fmt.Sprintf("allow[%d]", i), problem)
		}
	}
}

// checkPattern says what is wrong with a pattern of allow, "" if nothing is.
func checkPattern(pattern string) (problem string) {
	const such = `; write a path, or a method and a path, such as "GET /v1/"`
	method, path, both := strings.Cut(pattern, " ")
	if !both {
		method, path = "", pattern
	}
	switch path = strings.TrimLeft(path, " \t"); {
	case !strings.HasPrefix(path, "/"):
		return "this has no path that begins with /" + such
	case strings.ContainsAny(path, "?#*"):
		return `this has a character that no path has; "/v1/" is /v1/ and all below it, and {name} is one segment`
	case method != strings.ToUpper(method):
		return "the method is not in capitals; write " + printable(strings.ToUpper(method))
	}
	defer func() {
		if recover() != nil { // what ServeMux does about a pattern that it cannot parse
			problem = "this is not a pattern" + such
		}
	}()
	http.NewServeMux().Handle(pattern, http.NotFoundHandler())
	return ""
}
