package config

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"

	"example.com/bearer"
)

// Loader reads files. Its zero value works. Do not change its fields while it
// is in use; its methods may be called concurrently.
type Loader struct {
	// Getenv returns an environment variable, "" if it is not set. Nil:
	// [os.Getenv].
	Getenv func(string) string

	// Dir is what relative paths are relative to. Empty: the folder of the
	// file; for Parse the working directory.
	Dir string

	// Name is what faults call the data that Parse reads. Empty: "config".
	Name string

	// Confined is for a file that was found rather than named, such as one of
	// a repository that somebody else wrote, and that also says which hosts
	// get the tokens: commands, environment variables, paths outside its
	// folder, and the Sources and Stores that it names are faults. The keys of
	// its tokens depend on its content, so that it finds none of another file.
	Confined bool

	// Base sends all requests: to APIs, to which it is the Base of the
	// [bearer.Transport], and to authorization servers, to which it is the
	// Transport of the [example.com/bearer/grant.Server]. A file that sets
	// tls_config or proxy_url is at fault then. Nil: what each of them uses by
	// itself.
	Base http.RoundTripper

	// Hooks are told what happens to each client's token. Nil: none.
	Hooks *bearer.Hooks

	// Logger logs the same, with the client's name as the attribute "client".
	// Nil: nothing is logged.
	Logger *slog.Logger

	// MaxReplayBytes is that of each client's [bearer.Transport].
	MaxReplayBytes int64

	// Keep is what this Loader returned before: a client that is declared as it
	// was there keeps its Cache, and with it its token. So a program can read a
	// file again that has changed. Nil: all clients begin anew.
	Keep *Set

	// Sources are the sources of tokens that a file may name, by source. Each
	// is called once for each client that names it, when the set is opened. It
	// must make no request. Nil: none.
	Sources map[string]func(name string, c Client) (bearer.Source, error)

	// Stores are the stores that a file may name, by store.name; see Sources.
	// The one named "" is for clients that declare no store. Nil: none.
	Stores map[string]func(name string, c Client) (bearer.Store, error)

	// ClientSecret returns what returns the secret of a client that declares
	// none but can use one, nil if there is none. It is called when the set is
	// opened, and what it returns is called for each token request. A client
	// with required authenticates with a secret and is at fault without one;
	// another one is public then. Nil: secrets are in the file.
	ClientSecret func(name string, required bool) func(context.Context) (string, error)
}

// Load reads a file with the zero [Loader].
func Load(path string) (*Set, error) { return new(Loader).Load(path) }

// Parse reads data with the zero [Loader].
func Parse(data []byte) (*Set, error) { return new(Loader).Parse(data) }

// Load opens the clients that a file declares, in YAML or JSON. It makes no
// request. What is wrong with the file is an [*Error], which has all faults.
func (l *Loader) Load(path string) (*Set, error) {
	data, err := readLimited(path)
	if err != nil {
		return nil, err
	}
	dir := l.Dir
	if dir == "" {
		dir = filepath.Dir(path)
	}
	return l.open(data, path, dir)
}

// Parse is Load for data. Relative paths are relative to Dir.
func (l *Loader) Parse(data []byte) (*Set, error) {
	return l.open(data, cmp.Or(l.Name, "config"), l.Dir)
}

// readLimited reads a file, or as much of it as shows that it is too large.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

func (l *Loader) open(data []byte, name, dir string) (*Set, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d := &decoder{
		faults: faults{file: name, secret: map[int]bool{}},
		at:     map[string]place{}, keys: map[string]place{}, unclear: map[string]bool{}, dir: dir, confined: l.Confined, getenv: l.Getenv,
	}
	if d.getenv == nil {
		d.getenv = os.Getenv
	}
	root := d.parse(data)
	if root == nil {
		return nil, d.err()
	}
	var file File
	d.node(root, reflect.ValueOf(&file).Elem(), "", field{}, 0)
	if d.exceeded || d.full() {
		return nil, d.err()
	}
	if len(file.Clients) == 0 && d.err() == nil {
		d.add(place{}, "", "no client is declared; set clients", "")
	}
	k := &checker{decoder: d, file: &file, loader: l, clients: map[string]*declared{}}
	if l.Confined {
		k.scope = sha256.Sum256(data)
	}
	k.providers()
	for name, own := range file.Clients {
		if own == nil {
			continue // the decoder has said why
		}
		provider, found := k.provider(own.Provider)
		c := &declared{own: *own, name: name, Client: own.withDefaults(provider, file.Defaults), lost: !found}
		if own.Use != "" {
			c.Client = *own
		}
		c.lend(l)
		k.clients[name] = c
	}
	for _, name := range sorted(k.clients) {
		if k.full() {
			break
		}
		k.check(k.clients[name])
	}
	k.breakers()
	if err := d.err(); err != nil {
		return nil, err
	}
	return l.set(k)
}
