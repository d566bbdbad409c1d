package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// A decoder turns the nodes of a document into structs, by the tags of their
// fields, and notes where everything stands.
type decoder struct {
	faults
	at   map[string]place // of each value, by its path
	keys map[string]place // of each key
	// unclear has the paths of maps that may say more than was understood.
	unclear map[string]bool
	dir     string // what relative paths are relative to
	getenv  func(string) string
	nodes   int // visited so far
	// exceeded says that there were too many nodes, or levels of them.
	exceeded bool
	// confined says that the file must not reach out of its folder.
	confined bool
}

// node decodes n into v, which is settable. f says what is known of the field
// that v is.
func (d *decoder) node(n *yaml.Node, v reflect.Value, path string, f field, depth int) {
	n, ok := d.resolve(n, path, depth)
	if !ok {
		return
	}
	at := place{n.Line, n.Column}
	if _, known := d.at[path]; !known {
		d.at[path] = at
	}
	if v.Type() == commandType && d.confined {
		d.forbid(at, path, "run commands")
	}
	if f.secret {
		for i := range 1 + strings.Count(n.Value, "\n") {
			d.secret[n.Line+i] = true
		}
	}
	if n.Style&yaml.TaggedStyle != 0 && n.Tag != "!!str" {
		d.add(at, path, "a tag is not allowed; remove it", "")
		return
	}
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case isNull(n) && n.Style&^yaml.FlowStyle == 0:
		d.add(at, path, "there is no value; set one, or remove the key", "")
	case t.Kind() == reflect.Struct:
		d.object(n, v, path, depth)
	case t.Kind() == reflect.Map:
		d.dictionary(n, v, path, f, depth)
	case t.Kind() == reflect.Slice:
		d.list(n, v, path, f, depth)
	case t.Kind() == reflect.Interface:
		v.Set(reflect.ValueOf(d.any(n, path, depth)))
	case n.Kind != yaml.ScalarNode:
		d.add(at, path, "this is not a single value", "")
	default:
		d.scalar(n, v, path, f)
	}
}

// resolve follows an alias, and ends what goes on for too long: aliases of
// aliases, and an alias within its own anchor.
func (d *decoder) resolve(n *yaml.Node, path string, depth int) (*yaml.Node, bool) {
	if d.nodes++; d.nodes > maxNodes || depth > maxDepth {
		if !d.exceeded {
			d.exceeded = true
			d.add(place{n.Line, n.Column}, "", "aliases make the file too large or too deep from here on; write the values out", "")
		}
		return nil, false
	}
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil {
			return nil, false
		}
		return d.resolve(n.Alias, path, depth+1)
	}
	return n, true
}

// A pair is a key with its value.
type pair struct{ key, value *yaml.Node }

// pairs returns what a map says, merge keys (<<) included: its own keys come
// first, then those of the maps that it merges.
func (d *decoder) pairs(n *yaml.Node, path string, depth int) []pair {
	var own, merged []pair
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := place{key.Line, key.Column}
		if key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Style == 0 {
			merged = append(merged, d.merged(value, path, depth)...)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			d.add(at, path, "a key is not a single word", "")
			continue
		}
		if other := first[key.Value]; other != nil {
			d.add(at, path, fmt.Sprintf("%s is set twice, first in line %d; remove one", printable(key.Value), other.Line),
				fmt.Sprintf("a key is set twice, first in line %d; remove one", other.Line))
			continue
		}
		first[key.Value] = key
		own = append(own, pair{key, value})
	}
	for _, p := range merged {
		if first[p.key.Value] == nil {
			first[p.key.Value] = p.key
			own = append(own, p)
		}
	}
	return own
}

// merged returns the pairs of the map, or the list of maps, that a merge key
// leads to.
func (d *decoder) merged(n *yaml.Node, path string, depth int) []pair {
	n, ok := d.resolve(n, path, depth+1)
	if !ok {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return d.pairs(n, path, depth+1)
	case yaml.SequenceNode:
		var all []pair
		for _, one := range n.Content {
			all = append(all, d.merged(one, path, depth+1)...)
		}
		return all
	}
	d.unclear[path] = true
	d.add(place{n.Line, n.Column}, path, "a merge key (<<) leads to a map, or to a list of maps", "")
	return nil
}

// object decodes a map with known keys.
func (d *decoder) object(n *yaml.Node, v reflect.Value, path string, depth int) {
	at := place{n.Line, n.Column}
	whole := v
	if v.Kind() == reflect.Pointer {
		v = reflect.New(v.Type().Elem()).Elem()
	}
	keep := func() {
		if whole.Kind() == reflect.Pointer {
			whole.Set(v.Addr())
		}
	}
	offField := v.FieldByName("Off")
	if n.Kind != yaml.MappingNode {
		switch {
		case offField.IsValid() && n.Tag == "!!bool":
			on, _ := strconv.ParseBool(n.Value)
			offField.SetBool(!on)
			keep()
		case offField.IsValid():
			d.add(at, path, "this is neither a map of settings nor false", "")
		default:
			d.add(at, path, "this is not a map of settings; write key: value, one a line and indented", "")
		}
		return
	}
	defer keep()
	fields := fieldsOf(v.Type())
	groups := map[string]string{}
	for _, p := range d.pairs(n, path, depth) {
		keyAt := place{p.key.Line, p.key.Column}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == p.key.Value })
		if i < 0 {
			d.unknown(p, path, fields)
			continue
		}
		f := fields[i]
		inner := join(path, f.name)
		d.keys[inner] = keyAt
		if f.secret {
			d.secret[p.key.Line] = true
		}
		if f.group != "" {
			if other := groups[f.group]; other != "" {
				d.add(keyAt, inner, other+" is set too; set one of them", "")
			}
			groups[f.group] = f.name
		}
		d.node(p.value, v.FieldByIndex(f.index), inner, f, depth+1)
	}
}

// unknown reports a key that is not known here.
func (d *decoder) unknown(p pair, path string, fields []field) {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	at := place{p.key.Line, p.key.Column}
	meant := nearest(p.key.Value, names)
	if looksSecret(p.key.Value) || looksSecret(meant) {
		d.secret[p.key.Line] = true
		d.secret[p.value.Line] = true
	}
	if meant != "" { // so near to a known key is no secret
		d.keys[join(path, meant)] = at // so that it does not count as missing
		d.add(at, path, printable(p.key.Value)+" is not a known key; did you mean "+meant+"?", "")
		return
	}
	advice := ""
	switch {
	case path != "":
		if home := elsewhere(p.key.Value); home != "" {
			advice = "; it belongs in " + home
		}
	default:
		advice = "; the keys here are " + strings.Join(names, ", ")
	}
	d.add(at, path, printable(p.key.Value)+" is not a known key"+advice, "a key is not known"+advice)
}

// elsewhere returns where a key is known, if it is within a client.
func elsewhere(name string) string {
	for _, part := range fieldsOf(reflect.TypeFor[Client]()) {
		if part.typ.Kind() != reflect.Pointer || part.typ.Elem().Kind() != reflect.Struct || part.name == "oauth2" {
			continue
		}
		for _, f := range fieldsOf(part.typ.Elem()) {
			if f.name == name {
				return part.name
			}
		}
	}
	return ""
}

// looksSecret reports whether the value of an unknown key may be a secret.
func looksSecret(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"secret", "passw", "token", "private", "assertion", "credential", "key", "auth"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// dictionary decodes a map whose keys the author chooses.
func (d *decoder) dictionary(n *yaml.Node, v reflect.Value, path string, f field, depth int) {
	if n.Kind != yaml.MappingNode {
		d.add(place{n.Line, n.Column}, path, "this is not a map; write name: value, one a line and indented", "")
		return
	}
	m := reflect.MakeMap(v.Type())
	element := v.Type().Elem()
	for _, p := range d.pairs(n, path, depth) {
		name, at := p.key.Value, place{p.key.Line, p.key.Column}
		if f.secret {
			d.secret[p.key.Line] = true
		}
		if element.Kind() == reflect.Pointer && !names.MatchString(name) {
			d.add(at, path, printable(name)+" is not a name; use letters, digits, - and _", "a name has other characters than letters, digits, - and _")
			continue
		}
		inner := join(path, printable(name))
		if f.secret {
			inner = path // a secret may stand where a name should
		}
		d.keys[inner] = at
		value := reflect.New(element).Elem()
		d.node(p.value, value, inner, field{name: name, secret: f.secret}, depth+1)
		m.SetMapIndex(reflect.ValueOf(name), value)
	}
	v.Set(m)
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, f field, depth int) {
	if n.Kind != yaml.SequenceNode {
		text, plain := "this is not a list; write it as [one, another]", ""
		if n.Kind == yaml.ScalarNode && !f.secret {
			text, plain = fmt.Sprintf("%s is not a list; write [%s]", quoted(n.Value), strings.Join(strings.FieldsFunc(printable(n.Value), func(r rune) bool {
				return r == ',' || unicode.IsSpace(r)
			}), ", ")), text
		}
		d.add(place{n.Line, n.Column}, path, text, plain)
		return
	}
	if v.Type() == commandType && len(n.Content) == 0 {
		d.add(place{n.Line, n.Column}, path, "this is empty; write [command, argument]", "")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, one := range n.Content {
		d.node(one, list.Index(i), fmt.Sprintf("%s[%d]", path, i), field{name: f.name, secret: f.secret}, depth+1)
	}
	v.Set(list)
}

// any decodes what may be anything, such as a claim.
func (d *decoder) any(n *yaml.Node, path string, depth int) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, p := range d.pairs(n, path, depth) {
			if value, ok := d.resolve(p.value, path, depth+1); ok {
				m[p.key.Value] = d.any(value, join(path, printable(p.key.Value)), depth+1)
			}
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, one := range n.Content {
			if value, ok := d.resolve(one, path, depth+1); ok {
				list = append(list, d.any(value, path, depth+1))
			}
		}
		return list
	}
	switch n.Tag {
	case "!!bool":
		b, _ := strconv.ParseBool(n.Value)
		return b
	case "!!int":
		if i, err := strconv.ParseInt(n.Value, 0, 64); err == nil {
			return i
		}
	case "!!float":
		if x, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return x
		}
	}
	return d.expand(n, path, false)
}

// scalar decodes a single value.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, f field) {
	at := place{n.Line, n.Column}
	// quote says what is wrong with the value, and shows it if it may be shown.
	quote := func(is, instead string) {
		text, plain := quoted(n.Value)+" "+is, "this "+is+instead
		if f.secret {
			text = "this " + is
		}
		d.add(at, path, text+instead, plain)
	}
	switch t := v.Type(); {
	case t == durationType:
		raw := d.expand(n, path, false)
		if n.Tag == "!!bool" && n.Value == "false" {
			v.SetInt(int64(off))
			return
		}
		duration, err := time.ParseDuration(raw)
		switch {
		case err != nil:
			meant := meantDuration(n.Value)
			d.add(at, path, quoted(n.Value)+" is not a duration; write "+meant, "this is not a duration; write one such as 5m")
		case duration < 0:
			quote("is negative", "; write false to turn it off")
		case duration == 0:
			quote("is no time at all", "; remove the key for the default, or write false to turn it off")
		default:
			v.SetInt(int64(duration))
		}
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Bool:
		switch d.expand(n, path, false) {
		case "true":
			v.Set(reflect.ValueOf(new(true)))
		case "false":
			v.Set(reflect.ValueOf(new(false)))
		default:
			quote("is neither true nor false", "")
		}
	case t == urlType:
		raw := d.expand(n, path, true)
		if problem := checkURL(raw); problem != "" {
			shown := "this"
			if !f.secret && raw != "" && !strings.ContainsAny(raw, "@?#") {
				shown = quoted(n.Value)
			}
			d.add(at, path, shown+" "+problem, "this "+problem)
			return
		}
		v.SetString(raw)
	case t == pathType:
		if raw := d.expand(n, path, false); raw != "" {
			absolute := d.path(raw)
			if d.confined && !within(d.dir, absolute) {
				d.forbid(at, path, "name paths outside its folder")
				return
			}
			v.SetString(absolute)
		}
	case t.Kind() == reflect.String:
		raw := d.expand(n, path, strings.Contains(path, "hosts[") || strings.Contains(path, "allowed_domains["))
		if raw == "" && !strings.Contains(path, ".rename.") {
			if !strings.Contains(n.Value, "${") { // else expand has said why
				d.add(at, path, "this is empty; set it, or remove the key", "")
			}
			return
		}
		if len(f.enum) > 0 {
			raw = short(f.urn, raw)
			if !slices.Contains(f.enum, raw) && (f.urn == "" || !strings.HasPrefix(raw, "urn:")) {
				d.enum(n, path, f)
				return
			}
		}
		v.SetString(raw)
	default:
		panic(fmt.Sprintf("config: a field of type %v", t)) // a mistake in this package, which each of its tests would meet
	}
}

func (d *decoder) enum(n *yaml.Node, path string, f field) {
	at, list := place{n.Line, n.Column}, strings.Join(f.enum, ", ")
	advice := "; write one of " + list
	if meant := meantValue(n.Value, f.enum); meant != "" {
		advice = "; did you mean " + meant + "?"
	}
	d.add(at, path, quoted(n.Value)+" is not one of the values"+advice, "this is not one of the values; write one of "+list)
}

// meantValue returns the value that raw was probably meant to be: the nearest,
// or the only one that raw is a part of, as basic is of client_secret_basic.
func meantValue(raw string, values []string) string {
	if meant := nearest(raw, values); meant != "" {
		return meant
	}
	var within []string
	part := strings.ToLower(strings.NewReplacer(".", "", "-", "_").Replace(raw))
	for _, value := range values {
		if len(part) > 1 && strings.Contains(strings.ToLower(value), part) {
			within = append(within, value)
		}
	}
	if len(within) == 1 {
		return within[0]
	}
	return ""
}

var variable = regexp.MustCompile(`\$\$|\$\{([^}]*)\}`)

var (
	envName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	dynamicName = regexp.MustCompile(`^(connection|token)\.[A-Za-z_][A-Za-z0-9_]*$`)
)

// expand replaces ${NAME} by the environment variable, and $$ by $. With
// dynamic, ${connection.NAME} and ${token.NAME} stay: they are replaced when
// the client is made, or when there is a token.
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
			d.add(at, path, "the environment variable "+name+" is not set", "")
		}
		return ""
	})
}

// path returns an absolute path.
func (d *decoder) path(raw string) string {
	if rest, ok := strings.CutPrefix(raw, "~/"); ok || raw == "~" {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(raw) {
		return filepath.Clean(raw)
	}
	return filepath.Join(d.dir, raw)
}

// within reports whether path, with what its links lead to, is below dir. What
// is not there yet is where its folder is.
func within(dir, path string) bool {
	real := func(path string) string {
		for rest := ""; ; {
			if found, err := filepath.EvalSymlinks(path); err == nil {
				return filepath.Join(found, rest)
			}
			parent := filepath.Dir(path)
			if parent == path {
				return filepath.Join(path, rest)
			}
			path, rest = parent, filepath.Join(filepath.Base(path), rest)
		}
	}
	below, err := filepath.Rel(real(dir), real(path))
	return err == nil && filepath.IsLocal(below)
}

var number = regexp.MustCompile(`^\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*$`)

// meantDuration returns how to write what raw probably means.
func meantDuration(raw string) string {
	parts := number.FindStringSubmatch(raw)
	if parts == nil {
		return "one such as 5m"
	}
	switch unit := strings.ToLower(parts[2]); {
	case unit == "":
		return parts[1] + "s"
	case strings.HasPrefix(unit, "ms"), strings.HasPrefix(unit, "milli"):
		return parts[1] + "ms"
	case strings.HasPrefix(unit, "s"):
		return parts[1] + "s"
	case strings.HasPrefix(unit, "m"):
		return parts[1] + "m"
	case strings.HasPrefix(unit, "h"):
		return parts[1] + "h"
	case strings.HasPrefix(unit, "d"), strings.HasPrefix(unit, "w"):
		hours := 24.0
		if unit[0] == 'w' {
			hours = 24 * 7
		}
		if n, err := strconv.ParseFloat(parts[1], 64); err == nil && n < 1e5 {
			return strconv.FormatFloat(n*hours, 'f', -1, 64) + "h"
		}
	}
	return "one such as 5m"
}

// quoted returns a value as a fault shows it.
func quoted(raw string) string { return strconv.Quote(printable(raw)) }

// printable returns the beginning of text without what a terminal could take
// for a command or for another line.
func printable(text string) string {
	const most = 40
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// sorted returns the keys of a map in their order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
