package main

import (
	"regexp"
	"strings"
)

// explain returns err as one printable line in the terms of the command line.
// The errors of the library name packages and fields of Go types, which a user
// of the command does not see.
func explain(err error) string {
	// One line, since a script may read stderr by lines.
	line := strings.Join(strings.Fields(err.Error()), " ")
	line = packages.ReplaceAllString(line, "$1")
	return printable(terms.Replace(line))
}

// packages matches the prefix of an error of one of our packages, at the
// beginning or after the text that it was wrapped in.
var packages = regexp.MustCompile(`(^|: |; and )(?:(?:bearer|grant|login|DirStore): )+`)

// terms maps the library's terms to the command's.
var terms = strings.NewReplacer(
	"Server.Issuer", "--issuer",
	"Server.AuthURL", "--auth-url",
	"Server.TokenURL", "--token-url",
	"Server.RevokeURL", "--revoke-url",
	"Server.DeviceAuthURL", "--device-auth-url",
	"Loopback.RedirectURL", "--redirect-url",
	"AuthorizationCode.RedirectURL", "--redirect-url",

	// How the client authenticates.
	"Basic.SecretFunc: ", "",
	"Post.SecretFunc: ", "",
	"Basic.ID has a colon, which cannot be sent with Raw", "--client-id has a colon, which --client-auth basic-raw cannot send",
	"(grant.Basic)", "(--client-auth basic)",
	"(grant.Post)", "(--client-auth post)",
	"use grant.Basic", "use --client-auth basic",
	"use grant.Post", "use --client-auth post",
	"check ID and Secret", "check the client's id and secret",
	"set Auth if", "set --client-auth if",
	"credentials belong in Auth", "give --client-id and the client's secret instead",

	"call Start again", "log in again",
	"the Store is out of order", "the stored token cannot be used",
	"the Store", "the store",
	"the Source", "the server",
)
