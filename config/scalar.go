package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

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
	t := v.Type()
	inHost := t.Kind() == reflect.String && (strings.Contains(path, "hosts[") || strings.Contains(path, "allowed_domains["))
	before := len(d.findings)
	raw := d.expand(n, path, t == urlType || inHost)
	if len(d.findings) > before { // a variable has no value
		if strings.HasSuffix(path, ".client_secret") {
			v.SetString(n.Value) // the client has a secret, on which other keys depend
		}
		return
	}
	switch {
	case t == durationType:
		if n.Tag == "!!bool" && n.Value == "false" {
			v.SetInt(int64(off))
			return
		}
		duration, err := time.ParseDuration(raw)
		switch {
		case err != nil:
			meant := meantDuration(n.Value)
			if _, err := time.ParseDuration(meant); err != nil {
				meant = "one such as 5m" // it is too long, in any spelling
			}
			d.add(at, path, quoted(n.Value)+" is not a duration; write "+meant, "this is not a duration; write one such as 5m")
		case duration < 0:
			quote("is negative", "; write false to turn it off")
		case duration == 0:
			quote("is no time at all", "; remove the key for the default, or write false to turn it off")
		default:
			v.SetInt(int64(duration))
		}
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Bool:
		switch raw {
		case "true":
			v.Set(reflect.ValueOf(new(true)))
		case "false":
			v.Set(reflect.ValueOf(new(false)))
		default:
			quote("is neither true nor false", "")
		}
	case t == urlType:
		if problem := checkURL(raw); problem != "" {
			shown := "this"
			if !f.secret && raw != "" && !strings.ContainsAny(raw, "@?#") {
				shown = quoted(n.Value)
			}
			d.add(at, path, shown+" "+problem, "this "+problem)
			return
		}
		v.SetString(raw)
	case t.Kind() == reflect.String && raw == "" && !strings.Contains(path, ".rename."):
		d.add(at, path, "this is empty; set it, or remove the key", "")
	case t == pathType:
		absolute := d.path(raw)
		if d.confined && !within(d.dir, absolute) {
			d.forbid(at, path, "name paths outside its folder")
			return
		}
		v.SetString(absolute)
	case t.Kind() == reflect.String:
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
