package config

import (
	"reflect"
	"strings"
	"sync"
)

// A field is a key of a file: what its struct's tags say.
//
//	json:"name"     the key
//	jsonschema:"…"  its description
//	group:"g"       at most one field of a group is set
//	enum:"a,b"      the values; with urn:"kind" also any URN
//	secret:""       its value is never quoted
type field struct {
	name, doc, group string
	enum             []string
	urn              string
	secret           bool
	index            []int
	typ              reflect.Type
}

// fieldsByType has what fieldsOf found: reflection is slow, and a file may have
// many clients.
var fieldsByType sync.Map // of []field by reflect.Type

// fieldsOf returns the fields of a struct and of those that it embeds, in their
// order. The slice is shared and must not be changed.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldsByType.Load(t); ok {
		return known.([]field)
	}
	var fields []field
	for _, sf := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if sf.Anonymous || name == "" || name == "-" {
			continue
		}
		f := field{
			name: name, doc: sf.Tag.Get("jsonschema"), group: sf.Tag.Get("group"), urn: sf.Tag.Get("urn"),
			index: sf.Index, typ: sf.Type,
		}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		_, f.secret = sf.Tag.Lookup("secret")
		f.secret = f.secret || sf.Type == secretType || sf.Type.Kind() == reflect.Map && sf.Type.Elem() == secretType
		fields = append(fields, f)
	}
	fieldsByType.Store(t, fields)
	return fields
}

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[Duration]()
	urlType      = reflect.TypeFor[URL]()
	pathType     = reflect.TypeFor[Path]()
	commandType  = reflect.TypeFor[Command]()
)

// urns are what the short names stand for.
var urns = map[string]string{
	"grant-type jwt_bearer":     "urn:ietf:params:oauth:grant-type:jwt-bearer",
	"grant-type token_exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
	"grant-type device_code":    "urn:ietf:params:oauth:grant-type:device_code",
}

func init() {
	for _, name := range []string{"access_token", "refresh_token", "id_token", "id-jag", "saml1", "saml2", "jwt"} {
		urns["token-type "+name] = "urn:ietf:params:oauth:token-type:" + name
	}
}

// short returns the short name of a URN of that kind, or value itself.
func short(kind, value string) string {
	for name, urn := range urns {
		if k, n, _ := strings.Cut(name, " "); k == kind && urn == value {
			return n
		}
	}
	return value
}

// long returns the URN that a short name of that kind stands for, or value
// itself.
func long(kind, value string) string {
	if urn, ok := urns[kind+" "+value]; ok {
		return urn
	}
	return value
}
