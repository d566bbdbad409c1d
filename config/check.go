package config

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A declared client is one that a file declares, with what holds for it.
type declared struct {
	Client        // with what its provider and the defaults say
	own    Client // what it says itself
	name   string
	lost   bool // its provider is not there, so it lacks much
	lender lender
}

// A checker looks for what is wrong between the settings of a client. What is
// wrong with one value alone, the decoder has found.
type checker struct {
	*decoder
	file    *File
	loader  *Loader
	clients map[string]*declared
	scope   [sha256.Size]byte // sets the keys of a confined file's tokens apart; else zero
}

// where returns the place and the path of a setting that holds for c, wherever
// it was set; the client's own if it was not set at all.
func (k *checker) where(c *declared, key string) (place, string) {
	name := join("clients", c.name)
	for _, path := range []string{join(name, key), join(name, "oauth2."+key), join("providers", join(c.Provider, key)), join("defaults", key)} {
		if at, ok := k.at[path]; ok {
			return at, path
		}
	}
	return k.keys[name], name
}

// wrong adds a fault about a setting that is there.
func (k *checker) wrong(c *declared, key, text string) {
	at, path := k.where(c, key)
	k.add(at, path, text, "")
}

// quotes is wrong for a text that quotes the file, and plain is the same for a
// line that holds a secret.
func (k *checker) quotes(c *declared, key, text, plain string) {
	at, path := k.where(c, key)
	k.add(at, path, text, plain)
}

// missing adds a fault about a setting that is not there. One whose value is at
// fault, or that was misspelt, is there; so is one of its other forms.
func (k *checker) missing(c *declared, key, why string) {
	name := join("clients", c.name)
	if k.unclear[name] {
		return
	}
	stem := strings.TrimSuffix(key, "_file")
	if k.present(c, stem) || k.present(c, stem+"_file") || k.present(c, stem+"_command") {
		return
	}
	k.add(k.keys[name], name, key+" is missing"+why, "")
}

// present reports whether a setting is in the file, whatever its value.
func (k *checker) present(c *declared, key string) bool {
	for _, within := range []string{join("clients", c.name), join("clients", c.name+".oauth2"), join("providers", c.Provider), "defaults"} {
		if _, ok := k.keys[join(within, key)]; ok {
			return true
		}
	}
	return false
}

// own lists which settings may stand beside use, and beside oauth2.
var (
	besideUse    = []string{"use", "base_url", "hosts", "insecure_allow_http", "connection", "allowed_domains", "token_header", "token_scheme", "allow"}
	besideOAuth2 = append([]string{
		"oauth2", "refresh", "breaker", "store", "default_lifetime", "tls_config", "proxy_url", "no_proxy", "proxy_connect_header", "token_request", "token_response",
	}, besideUse[1:]...)
)

// alone reports settings that cannot stand beside that one.
func (k *checker) alone(c *declared, key string, beside []string) {
	v := reflect.ValueOf(c.own)
	for _, f := range fieldsOf(v.Type()) {
		if !v.FieldByIndex(f.index).IsZero() && !slices.Contains(beside, f.name) {
			k.wrong(c, f.name, "this cannot stand beside "+key+"; remove one of them")
		}
	}
}

func (k *checker) check(c *declared) {
	switch {
	case c.lost:
		k.nowhere(c, "provider", c.own.Provider, "a provider", append(sorted(k.file.Providers), sorted(builtIn)...))
		return
	case c.own.Use != "":
		k.alone(c, "use", besideUse)
		k.use(c)
		k.api(c)
		return
	case c.Source != "" && k.confined:
		at, path := k.where(c, "source")
		k.forbid(at, path, "use a source of this program")
	case c.Source != "":
		if k.loader.Sources[c.Source] == nil {
			k.nowhere(c, "source", c.Source, "a source of this program", sorted(k.loader.Sources))
		}
	default:
		if c.own.OAuth2 != nil {
			k.alone(c, "oauth2", besideOAuth2)
		}
		k.credential(c)
	}
	k.urls(c)
	k.connections(c)
	k.api(c)
	k.parts(c)
}

// nowhere adds the fault that a name leads nowhere, and where it may have been
// meant to lead.
func (k *checker) nowhere(c *declared, key, name, what string, known []string) {
	known = slices.DeleteFunc(known, func(name string) bool { return name == "" }) // see Loader.Stores
	const shown = 20                                                               // a longer list helps no one
	advice, plain := "", ""
	switch meant := nearest(name, known); {
	case meant != "": // so near to a known name is no secret
		advice = "; did you mean " + meant + "?"
		plain = advice
	case len(known) == 0:
		advice = "; there is none"
		plain = advice
	case len(known) > shown:
		advice = "; there are " + strings.Join(known[:shown], ", ") + " and others"
	default:
		advice = "; there are " + strings.Join(known, ", ")
	}
	k.quotes(c, key, fmt.Sprintf("%s is not %s%s", quoted(name), what, advice), "this is not "+what+plain)
}

func (k *checker) use(c *declared) {
	other := k.clients[c.own.Use]
	switch {
	case other == nil && k.declares(c.own.Use):
	case other == nil:
		k.nowhere(c, "use", c.own.Use, "a client", sorted(k.clients))
	case other == c:
		k.wrong(c, "use", "a client cannot use itself")
	case other.own.Use == c.name:
		k.quotes(c, "use", quoted(c.own.Use)+" uses this client in turn; declare the credential in one of them", "these clients use each other; declare the credential in one of them")
	case other.own.Use != "":
		theirs := printable(other.own.Use)
		k.quotes(c, "use", quoted(c.own.Use)+" uses "+theirs+" itself; write use: "+theirs, "that client uses another one itself; name that one")
	}
}

// declares reports whether the file has a client of that name, if only one that
// could not be decoded.
func (k *checker) declares(name string) bool {
	_, ok := k.file.Clients[name]
	return ok
}
