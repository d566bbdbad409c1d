package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	"example.com/bearer/internal/origin"
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
	besideUse    = []string{"use", "base_url", "hosts", "insecure_allow_http", "connection", "allowed_domains", "allow"}
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
		k.wrong(c, "provider", k.notThere(c.own.Provider, "a provider", append(sorted(k.file.Providers), sorted(builtIn)...)))
		return
	case c.own.Use != "":
		k.alone(c, "use", besideUse)
		k.use(c)
		k.api(c)
		return
	case c.Source != "":
		if k.loader.Sources[c.Source] == nil {
			k.wrong(c, "source", k.notThere(c.Source, "a source of this program", sorted(k.loader.Sources)))
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

// notThere says that a name leads nowhere, and where it may have been meant to
// lead.
func (k *checker) notThere(name, what string, known []string) string {
	known = slices.DeleteFunc(known, func(name string) bool { return name == "" }) // see Loader.Stores
	text := fmt.Sprintf("%s is not %s", quoted(name), what)
	if meant := nearest(name, known); meant != "" {
		return text + "; did you mean " + meant + "?"
	}
	if len(known) == 0 {
		return text + "; there is none"
	}
	return text + "; there are " + strings.Join(known, ", ")
}

func (k *checker) use(c *declared) {
	other := k.clients[c.own.Use]
	switch {
	case other == nil && k.declares(c.own.Use):
	case other == nil:
		k.wrong(c, "use", k.notThere(c.own.Use, "a client", sorted(k.clients)))
	case other == c:
		k.wrong(c, "use", "a client cannot use itself")
	case other.own.Use != "":
		k.wrong(c, "use", quoted(c.own.Use)+" uses "+other.own.Use+" itself; write use: "+other.own.Use)
	}
}

// declares reports whether the file has a client of that name, if only one that
// could not be decoded.
func (k *checker) declares(name string) bool {
	_, ok := k.file.Clients[name]
	return ok
}

// onlyFor says which grants a setting is for.
var onlyFor = map[string]string{
	"chain": "jwt_bearer token_exchange", "assertion": "jwt_bearer", "assertion_file": "jwt_bearer", "assertion_command": "jwt_bearer",
	"assertion_jwt": "jwt_bearer", "subject_token": "token_exchange", "subject_token_file": "token_exchange",
	"subject_token_command": "token_exchange", "subject_token_type": "token_exchange", "actor_token": "token_exchange",
	"actor_token_file": "token_exchange", "actor_token_command": "token_exchange", "actor_token_type": "token_exchange",
	"requested_token_type": "token_exchange", "redirect_url": "authorization_code",
}

// credential checks how the client gets its tokens.
func (k *checker) credential(c *declared) {
	grantType := c.grantType()
	v := reflect.ValueOf(c.own)
	for _, f := range fieldsOf(v.Type()) {
		if grants := onlyFor[f.name]; grants != "" && !v.FieldByIndex(f.index).IsZero() && !slices.Contains(strings.Fields(grants), grantType) {
			k.wrong(c, f.name, "this is for grant_type "+strings.ReplaceAll(grants, " ", " and ")+", and the client's is "+grantType)
		}
	}
	if !slices.Contains([]string{"client_credentials", "authorization_code", "device_code", "jwt_bearer", "token_exchange"}, grantType) {
		k.wrong(c, "grant_type", "this grant type is not supported; write one of client_credentials, authorization_code, device_code, jwt_bearer, token_exchange")
		return
	}
	if c.TokenURL == "" && c.Issuer == "" {
		k.missing(c, "token_url", "; set it, or issuer to discover it, or provider")
	}
	if grantType == "authorization_code" && c.AuthURL == "" && c.Issuer == "" {
		k.missing(c, "auth_url", "; grant_type authorization_code sends the user there")
	}
	if grantType == "device_code" && c.DeviceAuthURL == "" && c.Issuer == "" {
		k.missing(c, "device_auth_url", "; grant_type device_code starts there")
	}
	k.authentication(c)
	switch grantType {
	case "jwt_bearer":
		k.assertion(c)
	case "token_exchange":
		k.tokens(c)
	case "authorization_code":
		if !is(c.PKCE, true) && c.authMethod() == "none" {
			k.wrong(c, "pkce", "a public client needs PKCE, since nothing else protects its code; remove this, or set a client_secret")
		}
	}
	if c.Chain != "" {
		k.chain(c)
	}
}

func (k *checker) authentication(c *declared) {
	method := c.authMethod()
	anonymous := method == "none" && (c.grantType() == "jwt_bearer" || c.grantType() == "token_exchange")
	if c.ClientID == "" && !anonymous {
		k.missing(c, "client_id", "; set it")
	}
	secret, key := c.clientSecret(), c.privateKey()
	public := ""
	if c.grantType() != "client_credentials" {
		public = ", or auth_method: none for a public client"
	}
	switch method {
	case "client_secret_basic", "client_secret_post", "client_secret_jwt":
		if !secret.set() {
			k.missing(c, "client_secret", ", which auth_method "+method+" needs; set it, client_secret_file or client_secret_command"+public)
		}
	case "private_key_jwt":
		if !key.set() {
			k.missing(c, "private_key_file", ", which auth_method private_key_jwt needs; set it, private_key or private_key_command")
		}
	case "tls_client_auth", "self_signed_tls_client_auth":
		if k.loader.Base == nil && (c.TLSConfig == nil || c.TLSConfig.Cert == "" && c.TLSConfig.CertFile == "") {
			k.missing(c, "tls_config", " or has no certificate, which auth_method "+method+" needs; set its cert_file and key_file")
		}
	case "none":
		if secret.set() {
			k.wrong(c, c.secretKey(), "auth_method none sends no secret; remove this, or write auth_method: client_secret_basic")
		}
	}
	if c.BasicFormat != "" && method != "client_secret_basic" {
		k.wrong(c, "basic_format", "this is for auth_method client_secret_basic, and the client's is "+method)
	}
	k.readable(c, "client_secret_file", c.ClientSecretFile)
	k.signing(c)
}

// signing checks a private key that can be had without running a command.
func (k *checker) signing(c *declared) {
	if !k.readable(c, "private_key_file", c.PrivateKeyFile) || len(c.PrivateKeyCommand) > 0 || !c.privateKey().set() {
		return
	}
	key := "private_key"
	if c.PrivateKeyFile != "" {
		key = "private_key_file"
	}
	if c.OAuth2 != nil {
		key = "client_certificate_" + strings.TrimPrefix(key, "private_")
	}
	if _, err := c.privateKey().signingKey(context.Background(), "", ""); err != nil {
		k.wrong(c, key, err.Error())
	}
}

func (k *checker) assertion(c *declared) {
	set := c.assertion().set()
	switch {
	case c.Chain != "" && (set || c.AssertionJWT != nil):
		k.wrong(c, "chain", "the token of "+quoted(c.Chain)+" is the assertion, and another one is set too; remove one of them")
	case c.Chain == "" && !set && c.AssertionJWT == nil:
		k.missing(c, "assertion", ", which grant_type jwt_bearer needs; set it, assertion_file, assertion_command, assertion_jwt or chain")
	case c.AssertionJWT != nil:
		if !c.privateKey().set() {
			k.missing(c, "private_key_file", ", which assertion_jwt needs; set it, private_key or private_key_command")
		}
		if c.AssertionJWT.Issuer == "" && c.ClientID == "" {
			k.missing(c, "client_id", "; set it, or assertion_jwt.iss")
		}
		for name := range c.AssertionJWT.Claims {
			if slices.Contains([]string{"iss", "sub", "aud", "jti", "iat", "exp"}, name) {
				k.wrong(c, "assertion_jwt.claims", name+" is set by itself; remove it")
			}
		}
	}
	k.readable(c, "assertion_file", c.AssertionFile)
}

func (k *checker) tokens(c *declared) {
	switch {
	case c.Chain != "" && c.subjectToken().set():
		k.wrong(c, "chain", "the token of "+quoted(c.Chain)+" is the subject token, and another one is set too; remove one of them")
	case c.Chain == "" && !c.subjectToken().set():
		k.missing(c, "subject_token", ", which grant_type token_exchange needs; set it, subject_token_file, subject_token_command or chain")
	}
	k.readable(c, "subject_token_file", c.SubjectTokenFile)
	k.readable(c, "actor_token_file", c.ActorTokenFile)
}

// chain checks that a chain leads to a client, and ends.
func (k *checker) chain(c *declared) {
	seen := []string{c.name}
	for next := c.Chain; next != ""; {
		other := k.clients[next]
		switch {
		case other == nil && len(seen) == 1 && !k.declares(next):
			k.wrong(c, "chain", k.notThere(next, "a client", sorted(k.clients)))
			return
		case other == nil:
			return // that client, or its own chain, is at fault
		case slices.Contains(seen, next):
			k.wrong(c, "chain", "this chain has no end: "+strings.Join(append(seen, next), ", "))
			return
		}
		seen = append(seen, next)
		next = other.Chain
		if other.own.Use != "" {
			next = other.own.Use
		}
	}
}

// urls checks each URL for what would show a secret.
func (k *checker) urls(c *declared) {
	v := reflect.ValueOf(c.Client)
	for _, f := range fieldsOf(v.Type()) {
		if f.typ != urlType || v.FieldByIndex(f.index).IsZero() {
			continue
		}
		raw := v.FieldByIndex(f.index).String()
		if inURL.MatchString(raw) {
			filled, missing := fill(raw, "connection", func(name string) string { return c.Connection[name] })
			if missing != "" {
				k.wrong(c, f.name, "${connection."+missing+"} has no value; set connection."+missing+" of client "+c.name)
				continue
			}
			if strings.Contains(filled, "${token.") {
				if f.name != "base_url" {
					k.wrong(c, f.name, "${token.NAME} can only stand in base_url and hosts: there is no token yet")
				}
				continue
			}
			if problem := checkURL(filled); problem != "" {
				k.wrong(c, f.name, "with what connection says, this "+problem)
				continue
			}
			raw = filled
		}
		u, err := url.Parse(raw)
		switch {
		case err != nil || f.name == "proxy_url" || f.name == "redirect_url":
		case u.User != nil:
			k.wrong(c, f.name, "this URL has a user name or password in it; remove them, and use client_id and client_secret")
		case u.Scheme == "http" && !is(c.InsecureAllowHTTP, false) && !origin.Loopback(u.Hostname()):
			k.wrong(c, f.name, "this is plaintext http, which would show secrets to the network; use https, or set insecure_allow_http")
		}
	}
}

// connections checks that what stands for a part of a host cannot lead to
// another one.
func (k *checker) connections(c *declared) {
	for _, name := range sorted(c.Connection) {
		if strings.ContainsAny(c.Connection[name], "@?#\\ ${}") {
			k.wrong(c, "connection."+name, `this has a character that changes where a URL leads; remove it`)
		}
	}
}

// api checks where the token goes.
func (k *checker) api(c *declared) {
	dynamic := strings.Contains(string(c.BaseURL), "${token.")
	for i, host := range c.Hosts {
		key := fmt.Sprintf("hosts[%d]", i)
		filled, missing := fill(host, "connection", func(name string) string { return c.Connection[name] })
		switch {
		case missing != "":
			k.wrong(c, key, "${connection."+missing+"} has no value; set connection."+missing+" of client "+c.name)
		case strings.Contains(filled, "${token."):
			dynamic = true
		case strings.Contains(host, "://"):
			advice := "api.example.com"
			if u, err := url.Parse(host); err == nil && u.Host != "" && u.User == nil {
				advice = printable(u.Host)
			}
			k.wrong(c, key, "this is a URL, not a host; write "+advice)
		case strings.ContainsAny(filled, "/?#@ *"):
			k.wrong(c, key, "this is not a host; write one such as api.example.com or api.example.com:8443")
		case strings.Contains(filled, ":"):
			if _, port, err := net.SplitHostPort(filled); err != nil || port == "" {
				k.wrong(c, key, "this is not a host and a port; write them as api.example.com:8443")
			}
		}
	}
	if dynamic && len(c.AllowedDomains) == 0 {
		key := "base_url"
		if !strings.Contains(string(c.BaseURL), "${token.") {
			key = "hosts"
		}
		k.wrong(c, key, "${token.NAME} is what the server answers; set allowed_domains to where it may lead")
	}
	k.reach(c)
	k.limits(c)
	for i, domain := range c.AllowedDomains {
		host := strings.TrimPrefix(domain, "*.")
		if strings.ContainsAny(host, "/:?#@ *$") || !strings.Contains(host, ".") {
			k.wrong(c, fmt.Sprintf("allowed_domains[%d]", i), "this is neither a host nor *. and a domain of at least two parts; write one such as *.example.com")
		}
	}
}

// parts checks how the token is kept, and the connections.
func (k *checker) parts(c *declared) {
	if c.Store != nil && !c.Store.Off {
		switch {
		case c.Store.Name != "" && k.loader.Stores[c.Store.Name] == nil:
			k.wrong(c, "store.name", k.notThere(c.Store.Name, "a store of this program", sorted(k.loader.Stores)))
		case c.Store.Name == "" && c.Store.Dir == "" && !k.present(c, "store.dir") && !k.present(c, "store.name"):
			k.wrong(c, "store", "this does not say where; set dir")
		}
	}
	var blocks []string
	if c.TLSConfig != nil {
		blocks = append(blocks, "tls_config")
		k.tls(c, "tls_config", c.TLSConfig)
	}
	if c.OAuth2 != nil && c.OAuth2.TLSConfig != nil {
		blocks = append(blocks, "oauth2.tls_config")
		k.tls(c, "oauth2.tls_config", c.OAuth2.TLSConfig)
	}
	if c.ProxyURL != "" {
		blocks = append(blocks, "proxy_url")
	}
	if k.loader.Base != nil {
		for _, key := range blocks {
			k.wrong(c, key, "the program has its own transport (Loader.Base), which this cannot change; remove one of them")
		}
	}
}

func (k *checker) tls(c *declared, key string, t *TLSConfig) {
	if _, setting, err := t.config(); err != nil {
		text := err.Error()
		if os.IsNotExist(err) {
			text = "there is no such file"
		}
		if setting != "" {
			key = join(key, setting)
		}
		k.wrong(c, key, text)
	}
}

// readable reports whether a file can be read, and adds a fault if not. No file
// is readable.
func (k *checker) readable(c *declared, key string, path Path) bool {
	if path == "" {
		return true
	}
	info, err := os.Stat(string(path))
	if err == nil && info.Mode().IsRegular() { // else opening it may wait for a writer
		var f *os.File
		if f, err = os.Open(string(path)); err == nil {
			f.Close()
		}
	}
	switch {
	case os.IsNotExist(err):
		k.wrong(c, key, "there is no such file; make it, or correct the path, which is relative to the folder of this file")
	case err != nil:
		k.wrong(c, key, "this file cannot be read; check its permissions")
	case info.IsDir():
		k.wrong(c, key, "this is a folder; name a file")
	default:
		return true
	}
	return false
}
