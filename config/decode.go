package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	hidden := false // the previous value was secret
	for _, p := range d.pairs(n, path, depth) {
		keyAt := place{p.key.Line, p.key.Column}
		if hidden && n.Style&yaml.FlowStyle != 0 {
			d.secret[p.key.Line] = true // where a secret of several lines ends
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == p.key.Value })
		if i < 0 {
			d.unknown(p, path, fields)
			continue
		}
		f := fields[i]
		hidden = f.secret
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

var names = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// dictionary decodes a map whose keys the author chooses.
func (d *decoder) dictionary(n *yaml.Node, v reflect.Value, path string, f field, depth int) {
	if n.Kind != yaml.MappingNode {
		d.add(place{n.Line, n.Column}, path, "this is not a map; write name: value, one a line and indented", "")
		return
	}
	m := reflect.MakeMap(v.Type())
	element := v.Type().Elem()
	most := maxKeys
	if element.Kind() == reflect.Pointer {
		most = maxNames
	}
	for _, p := range d.pairs(n, path, depth) {
		if m.Len() == most {
			d.add(place{p.key.Line, p.key.Column}, path, fmt.Sprintf("there are more than %d; use several files", most), "")
			break
		}
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
		if n.Kind == yaml.ScalarNode && n.Tag != "!!bool" && !f.secret {
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

// sorted returns the keys of a map in their order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
