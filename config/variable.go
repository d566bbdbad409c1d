package config

import (
	"regexp"

	"go.yaml.in/yaml/v4"
)

var variable = regexp.MustCompile(`\$\$|\$\{([^}]*)\}`)

var (
	envName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	dynamicName = regexp.MustCompile(`^(connection|token|callback)\.[A-Za-z_][A-Za-z0-9_]*$`)
)

// expand replaces ${NAME} by the environment variable, and $$ by $. With
// dynamic, ${connection.NAME}, ${token.NAME} and ${callback.NAME} stay: they
// are replaced when the client is made, or when there is a token.
func (d *decoder) expand(n *yaml.Node, path string, dynamic bool) string {
	at := place{n.Line, n.Column}
	return variable.ReplaceAllStringFunc(n.Value, func(match string) string {
		if match == "$$" {
			return "$"
		}
		name := match[2 : len(match)-1]
		switch {
		case dynamicName.MatchString(name) && dynamic:
			return match
		case dynamicName.MatchString(name):
			d.add(at, path, "${"+name+"} can only stand in URLs and hosts", "")
		case !envName.MatchString(name):
			d.add(at, path, "${"+printable(name)+"} is not a variable; write ${NAME} for the environment, or $$ for a dollar sign",
				"${} is not a variable; write ${NAME} for the environment, or $$ for a dollar sign")
		default:
			if d.confined {
				d.forbid(at, path, "read the environment")
				return ""
			}
			if value := d.getenv(name); value != "" {
				return value
			}
			d.add(at, path, "the environment variable "+name+" is not set or empty; set it", "")
		}
		return ""
	})
}
