package config

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
)

// onlyFor says which grants a setting is for.
var onlyFor = map[string]string{
	"chain": "jwt_bearer token_exchange", "assertion": "jwt_bearer", "assertion_file": "jwt_bearer", "assertion_command": "jwt_bearer",
	"assertion_jwt": "jwt_bearer", "subject_token": "token_exchange", "subject_token_file": "token_exchange",
	"subject_token_command": "token_exchange", "subject_token_type": "token_exchange", "actor_token": "token_exchange",
	"actor_token_file": "token_exchange", "actor_token_command": "token_exchange", "actor_token_type": "token_exchange",
	"requested_token_type": "token_exchange", "redirect_url": "authorization_code",
	"exchange_params": "authorization_code", "code_param": "authorization_code", "pkce": "authorization_code",
	"refresh_auth_method": "authorization_code device_code", "refresh_url": "authorization_code device_code",
	"refresh_params": "authorization_code device_code", "refresh_scopes": "authorization_code device_code",
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
	issuer := c.Issuer != "" || k.present(c, "issuer") // one at fault is there
	if c.TokenURL == "" && !issuer {
		k.missing(c, "token_url", "; set it, or issuer to discover it, or provider")
	}
	if grantType == "authorization_code" && c.AuthURL == "" && !issuer {
		k.missing(c, "auth_url", "; grant_type authorization_code sends the user there")
	}
	if grantType == "device_code" && c.DeviceAuthURL == "" && !issuer {
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
		k.wrong(c, "chain", "the token of the chain is the assertion, and another one is set too; remove one of them")
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
		k.wrong(c, "chain", "the token of the chain is the subject token, and another one is set too; remove one of them")
	case c.Chain == "" && !c.subjectToken().set():
		k.missing(c, "subject_token", ", which grant_type token_exchange needs; set it, subject_token_file, subject_token_command or chain")
	}
	k.readable(c, "subject_token_file", c.SubjectTokenFile)
	k.readable(c, "actor_token_file", c.ActorTokenFile)
}

// readable reports whether the file of a secret can be read, and adds a fault if
// not. No file is readable.
func (k *checker) readable(c *declared, key string, path Path) bool {
	if path == "" || !k.opens(c, key, path) {
		return path == ""
	}
	if _, err := readSecret(path); errors.Is(err, errEmpty) {
		k.wrong(c, key, "this file is empty; write the secret into it")
		return false
	}
	return true
}

// opens reports whether a file can be opened, and adds a fault if not.
func (k *checker) opens(c *declared, key string, path Path) bool {
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
	case !info.Mode().IsRegular():
		k.wrong(c, key, "this is not a regular file; name one")
	default:
		return true
	}
	return false
}
