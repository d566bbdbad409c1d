package declaration

import (
	"strings"
	"testing"

	"example.com/bearer/config"
)

// An edit keeps all that it is not about: comments, order, quotes, empty lines.
func TestDeclareKeepsTheRest(t *testing.T) {
	const rest = `# yaml-language-server: $schema=bearer.schema.json

# what holds for all
defaults:
  store: {dir: ~/state} # one line

clients:
  # the first
  a:
    token_url: "https://a.test/token" # quoted
    client_id: 'a'
    scopes: [x, y]

    # and more of it
    client_secret_file: a.secret


  b: {provider: matter, client_id: b, client_secret_file: b.secret}
`
	const end = `
providers: # of our own
  acme:
    token_url: >-
      https://acme.test/token

# the end
`
	for what, tt := range map[string]struct {
		name     string
		settings []Setting
		anew     bool
		before   string // "" is rest+end
		want     string
	}{
		"a new client": {
			"c", []Setting{{"issuer", "https://c.test"}, {"scopes", []string{"x", "z"}}, {"public_clients", false}, {"store", map[string]string{"name": "dir"}}}, false, "",
			rest + "  c:\n    issuer: https://c.test\n    scopes: [x, z]\n    public_clients: false\n    store: {name: dir}\n" + end,
		},
		"a setting": {
			"a", []Setting{{"token_url", "https://new.test"}, {"audience", "x"}, {"scopes", nil}, {"absent", nil}}, false, "",
			strings.NewReplacer(`"https://a.test/token"`, "https://new.test", "    scopes: [x, y]\n", "", "a.secret\n", "a.secret\n    audience: x\n").Replace(rest) + end,
		},
		"a client anew": {
			"b", []Setting{{"token_url", "https://new.test"}}, true, "",
			rest[:strings.LastIndex(rest, "  b: ")] + "  b:\n    token_url: https://new.test\n" + end,
		},
		"no file":       {"a", []Setting{{"client_id", "x"}}, false, "\n", "clients:\n  a:\n    client_id: x\n"},
		"only comments": {"a", []Setting{{"client_id", "x"}}, false, "# mine\n", "# mine\n\nclients:\n  a:\n    client_id: x\n"},
		"no clients":    {"a", []Setting{{"client_id", "x"}}, false, "clients: {}\n", "clients:\n  a:\n    client_id: x\n"},
		"clients without value": {"a", []Setting{{"client_id", "x"}}, false, "clients:\n",
			"clients:\n  a:\n    client_id: x\n"},
		"what looks like a variable": {"a", []Setting{{"client_id", "${HOME}"}, {"audience", "5$"}}, false, "\n",
			"clients:\n  a:\n    client_id: $${HOME}\n    audience: 5$\n"},
		"what looks like something else": {"1", []Setting{{"client_id", "true"}, {"audience", "a: #b"}}, false, "\n",
			"clients:\n  '1':\n    client_id: \"true\"\n    audience: 'a: #b'\n"},
		"empty lines within a text": {"b", []Setting{{"client_id", "x"}}, false, "clients:\n  a:\n    client_secret: |\n      one\n\n      two\n",
			"clients:\n  a:\n    client_secret: |\n      one\n\n      two\n  b:\n    client_id: x\n"},
		"from Windows": {"b", []Setting{{"client_id", "x"}}, false, "\ufeff# mine\r\nclients:\r\n  a:\r\n    client_id: y\r\n\r\n    audience: z\r\n",
			"\ufeff# mine\r\nclients:\r\n  a:\r\n    client_id: y\r\n\r\n    audience: z\r\n  b:\r\n    client_id: x\r\n"},
		"four spaces": {"b", []Setting{{"client_id", "x"}}, false, "---\nclients:\n    a:\n        scopes:\n            - y\n        client_id: y\n",
			"---\nclients:\n    a:\n        scopes:\n            - y\n        client_id: y\n    b:\n        client_id: x\n"},
		"lists at their keys": {"b", []Setting{{"client_id", "x"}}, false, "clients:\n  a:\n    scopes:\n    - y\n    client_id: y\n",
			"clients:\n  a:\n    scopes:\n    - y\n    client_id: y\n  b:\n    client_id: x\n"},
	} {
		before := tt.before
		if before == "" {
			before = rest + end
		}
		got, err := File{Path: "f", Data: []byte(strings.TrimPrefix(before, "\n"))}.Declare(tt.name, tt.settings, tt.anew)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got the error %v and\n%s\nwant\n%s", what, err, got, tt.want)
		}
	}
}

// What the program cannot edit it leaves alone.
func TestDeclareRefusesWhatItCannotEdit(t *testing.T) {
	for what, data := range map[string]string{
		"JSON":              `{"clients": {}}`,
		"not YAML":          "clients: [",
		"a list":            "- a\n",
		"clients is a list": "clients: [a]\n",
		"an alias":          "x: &x {client_id: a}\nclients: {a: *x}\n",
		"a shared anchor":   "clients:\n  a: &a {client_id: x}\n  b: *a\n",
		"JSON with a BOM":   "\ufeff{}",
		"two documents":     "clients: {}\n---\nclients: {}\n",
	} {
		anew := what == "a shared anchor"
		got, err := File{Path: "f", Data: []byte(data)}.Declare("a", []Setting{{"client_id", "z"}}, anew)
		if err == nil || !strings.Contains(err.Error(), "f: ") || !strings.Contains(err.Error(), "declare the client a there by hand") {
			t.Errorf("%s: got %v and\n%s\nwant an error that says what to do", what, err, got)
		}
	}
}

// Whatever file there is, an edit changes nothing but its client, and ends.
func FuzzDeclare(f *testing.F) {
	for _, seed := range []string{"", "# c\n", "clients:\n  a: {client_id: x}\n", "clients:\n  a: &a {}\n\n  b: *a\n", "a: |\n\n  x\n\nclients:\n", "{}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		file := File{Path: "f", Data: []byte(data)}
		edited, err := file.Declare("c", []Setting{{"issuer", "https://c.test"}, {"client_id", "x"}}, true)
		if err != nil {
			return
		}
		if _, before := new(config.Loader).Parse([]byte(data)); before != nil {
			return
		}
		set, err := new(config.Loader).Parse(edited)
		if err != nil {
			// The client itself lacks a secret.
			for _, fault := range err.(*config.Error).Faults {
				if fault.Path != "clients.c" {
					t.Errorf("got the fault %v after an edit, want none", fault)
				}
			}
			return
		}
		t.Errorf("got %v, want that the new client lacks a secret", set)
	})
}
