package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the schema, docs/config.md and the golden files")

// current compares a committed file with what it must be, or writes it.
func current(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not current (%v); run go test -update .", path, err)
	}
}

// The committed schema is the one of the structs.
func TestSchemaIsCurrent(t *testing.T) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema(t)); err != nil {
		t.Fatal(err)
	}
	current(t, "bearer.schema.json", text.Bytes())
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|\$\{`

// schema generates the schema of File. A part that occurs in several places is
// a definition.
func schema(t *testing.T) *jsonschema.Schema {
	text := func() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }
	types := map[reflect.Type]*jsonschema.Schema{
		secretType: text(), urlType: text(), pathType: text(), commandType: {Type: "array", Items: text(), MinItems: new(1)},
		durationType: {AnyOf: []*jsonschema.Schema{{Type: "string", Pattern: durationPattern}, {Enum: []any{false}}}},
	}
	defs := map[string]*jsonschema.Schema{}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[TLSConfig](), reflect.TypeFor[OAuth2](), reflect.TypeFor[JWT](), reflect.TypeFor[TokenRequest](), reflect.TypeFor[TokenResponse](),
		reflect.TypeFor[Refresh](), reflect.TypeFor[Breaker](), reflect.TypeFor[Store](), reflect.TypeFor[Client](), reflect.TypeFor[Server](), reflect.TypeFor[File](),
	} {
		s, err := jsonschema.ForType(typ, &jsonschema.ForOptions{TypeSchemas: types})
		if err != nil {
			t.Fatal(err)
		}
		refine(s, typ)
		if typ == reflect.TypeFor[File]() {
			s.Schema, s.Title, s.Defs = "https://json-schema.org/draft/2020-12/schema", "Clients of package bearer", defs
			s.Required = []string{"clients"}
			return s
		}
		name := strings.ToLower(typ.Name())
		defs[name] = s
		types[typ] = &jsonschema.Schema{Ref: "#/$defs/" + name}
	}
	return nil
}

// refine adds to a struct's schema what the tags of its fields say.
func refine(s *jsonschema.Schema, t reflect.Type) {
	groups := map[string][]string{}
	for _, f := range fieldsOf(t) {
		p := s.Properties[f.name]
		withoutNull(p)
		if f.group != "" {
			for _, other := range groups[f.group] {
				s.AllOf = append(s.AllOf, &jsonschema.Schema{Not: &jsonschema.Schema{Required: []string{other, f.name}}})
			}
			groups[f.group] = append(groups[f.group], f.name)
		}
		if len(f.enum) > 0 {
			var values []any
			for _, value := range f.enum {
				values = append(values, value)
			}
			p.Type, p.Enum = "", values
			if f.urn != "" {
				p.Enum = nil
				p.AnyOf = []*jsonschema.Schema{{Enum: values}, {Type: "string", Pattern: "^urn:"}}
			}
		}
		if part := f.typ; part.Kind() == reflect.Pointer && part.Elem().Kind() == reflect.Struct {
			if _, ok := part.Elem().FieldByName("Off"); ok {
				p.AnyOf = []*jsonschema.Schema{{Ref: p.Ref}, {Type: "boolean"}}
				p.Ref = ""
			}
		}
		if f.typ.Kind() == reflect.Map && f.typ.Elem().Kind() == reflect.String {
			p.AdditionalProperties = &jsonschema.Schema{Types: []string{"string", "number", "boolean"}}
		}
	}
}

// withoutNull removes null from the types: a key without a value is at fault.
func withoutNull(s *jsonschema.Schema) {
	var types []string
	for _, one := range s.Types {
		if one != "null" {
			types = append(types, one)
		}
	}
	s.Types = nil
	if len(types) == 1 {
		s.Type = types[0]
	}
	for _, inner := range []*jsonschema.Schema{s.Items, s.AdditionalProperties} {
		if inner != nil {
			withoutNull(inner)
		}
	}
}

// compiled is the committed schema, ready to validate.
func compiled(t *testing.T) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("bearer.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("bearer.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instance(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Load(text, &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	v, err = validator.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Every example is valid by the schema, names it for editors, and opens.
func TestExamples(t *testing.T) {
	s := compiled(t)
	paths, err := filepath.Glob("examples/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("got no examples (%v)", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, text)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if strings.HasSuffix(path, ".yaml") && !bytes.HasPrefix(text, []byte("# yaml-language-server: $schema=../bearer.schema.json\n")) {
			t.Errorf("%s does not name the schema in its first line", path)
		}
		dir := t.TempDir()
		for _, name := range []string{"secrets/matter", "secrets/reports", "secrets/token", "y"} {
			put(t, filepath.Join(dir, name), "secret")
		}
		put(t, filepath.Join(dir, "key.pem"), testKey(t))
		loader := Loader{Dir: dir, Getenv: func(name string) string { return "value-of-" + strings.ToLower(name) }}
		set, err := loader.Load(path)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if len(set.Names()) == 0 {
			t.Errorf("%s: got no clients", path)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The schema refuses what is obviously wrong, so that an editor underlines it.
func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	for _, text := range []string{
		"providers: {}",
		"clients: {a: {client_idd: x}}",
		"clients: {a: {grant_type: client_credential}}",
		"clients: {a: {refresh: {before: 5 minutes}}}",
		"clients: {a: {client_secret: a, client_secret_file: b}}",
		"clients: {a: {scopes: a b}}",
		"clients: {a: {store: here}}",
		"clients: {a: null}",
	} {
		if err := s.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("%s: got valid, want an error", text)
		}
	}
	for _, text := range []string{
		"clients: {a: {grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', refresh: false, breaker: {open_for: 30s}, endpoint_params: {a: 1}}}",
		"clients: {a: {refresh: {before: false, timeout: 1m30s}}}",
	} {
		if err := s.Validate(instance(t, []byte(text))); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// docs/config.md has a table of every key, with its meaning and what it means
// to leave it out.
func TestDocsAreCurrent(t *testing.T) {
	const path, begin, end = "../docs/config.md", "<!-- keys: written by go test -update ./config -->\n", "<!-- end of keys -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for the tables", path)
	}
	var tables strings.Builder
	for _, part := range []struct {
		title string
		typ   reflect.Type
		omit  reflect.Type
	}{
		{"The file", reflect.TypeFor[File](), nil},
		{"A client", reflect.TypeFor[Client](), reflect.TypeFor[Server]()},
		{"A provider, and a client too", reflect.TypeFor[Server](), nil},
		{"token_request", reflect.TypeFor[TokenRequest](), nil},
		{"token_response", reflect.TypeFor[TokenResponse](), nil},
		{"refresh", reflect.TypeFor[Refresh](), nil},
		{"breaker", reflect.TypeFor[Breaker](), nil},
		{"store", reflect.TypeFor[Store](), nil},
		{"assertion_jwt", reflect.TypeFor[JWT](), nil},
		{"tls_config", reflect.TypeFor[TLSConfig](), nil},
		{"oauth2", reflect.TypeFor[OAuth2](), nil},
	} {
		fmt.Fprintf(&tables, "\n### %s\n\n| key | value | meaning |\n|---|---|---|\n", part.title)
		omit := map[string]bool{}
		if part.omit != nil {
			for _, f := range fieldsOf(part.omit) {
				omit[f.name] = true
			}
		}
		for _, f := range fieldsOf(part.typ) {
			if f.doc == "" {
				t.Errorf("%s.%s has no description", part.title, f.name)
			}
			if !omit[f.name] {
				fmt.Fprintf(&tables, "| `%s` | %s | %s |\n", f.name, kind(f), strings.ReplaceAll(f.doc, "|", "\\|"))
			}
		}
	}
	current(t, path, []byte(before+begin+tables.String()+"\n"+end+after))
}

// kind says what the value of a field looks like.
func kind(f field) string {
	switch t := f.typ; {
	case len(f.enum) > 0:
		return "`" + strings.Join(f.enum, "`, `") + "`"
	case t == secretType:
		return "secret"
	case t == durationType:
		return "duration, or `false`"
	case t == urlType:
		return "URL"
	case t == pathType:
		return "path"
	case t == commandType:
		return "command and arguments, a list"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map && f.secret:
		return "map of secrets"
	case t.Kind() == reflect.Map, t.Kind() == reflect.Struct:
		return "map"
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Bool:
		return "`true`, `false`"
	case t.Kind() == reflect.Pointer:
		return "map"
	}
	return "text"
}
