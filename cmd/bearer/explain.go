package main

import (
	"regexp"
	"strings"
)

// explain returns err as one printable line in the terms of the file that
// declares clients. The errors of the library name packages and fields of Go
// types, which a user of the command does not see.
func explain(err error) string {
	// One line, since a script may read stderr by lines.
	line := strings.Join(strings.Fields(err.Error()), " ")
	line = packages.ReplaceAllString(line, "$1")
	return printable(terms.Replace(line))
}

// packages matches the prefix of an error of one of our packages, at the
// beginning or after the text that it was wrapped in.
var packages = regexp.MustCompile(`(^|: |; and )(?:(?:bearer|config|grant|login|DirStore): )+`)

// terms maps the library's terms to the keys of the file.
var terms = strings.NewReplacer(
	"Server.Issuer", "issuer",
	"Server.AuthURL", "auth_url",
	"Server.TokenURL", "token_url",
	"Server.RevokeURL", "revoke_url",
	"Server.DeviceAuthURL", "device_auth_url",
	"Loopback.RedirectURL", "redirect_url",
	"AuthorizationCode.RedirectURL", "redirect_url",

	// How the client authenticates.
	"Basic.SecretFunc: ", "",
	"Post.SecretFunc: ", "",
	"Basic.ID has a colon, which cannot be sent with Raw", "client_id has a colon, which basic_format raw cannot send",
	"(grant.Basic)", "(auth_method client_secret_basic)",
	"(grant.Post)", "(auth_method client_secret_post)",
	"use grant.Basic", "use auth_method client_secret_basic",
	"use grant.Post", "use auth_method client_secret_post",
	"check ID and Secret", "check the client's id and secret",
	"set Auth if", "set auth_method if",
	"credentials belong in Auth", "give client_id and the client's secret instead",

	"call Start again", "log in again",
	"the Store is out of order", "the stored token cannot be used",
	"the Store", "the store",
	"the Source", "the server",
)
