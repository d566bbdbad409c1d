package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/template"

	_ "embed"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/config"
)

func newInit() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "init PROVIDER",
		Short: "Write a commented file to start with",
		Long: `Write a commented file to start with, ./bearer.yaml unless -o names another one.
One that exists is never overwritten.

PROVIDER is ` + strings.Join(config.Providers(), ", ") + `, or the URL of an issuer, whose endpoints are found by
RFC 8414 when they are needed.`,
		Example: `  bearer init matter
  bearer init https://auth.example.com -o acme.yaml
  bearer init matrica -o -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("init takes one argument, a provider: %s, or the URL of an issuer", strings.Join(config.Providers(), ", "))
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return config.Providers(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := starter(args[0])
			if err != nil {
				return err
			}
			if output == "-" {
				_, err := fmt.Fprint(cmd.OutOrStdout(), text)
				return err
			}
			return writeNew(cmd, output, text)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", declaration.Name, "write `FILE`; - is stdout")
	return cmd
}

//go:embed init.tmpl
var starterText string

var starterTemplate = template.Must(template.New("").Parse(starterText))

// starter returns the file for a provider.
func starter(provider string) (string, error) {
	what, err := describe(provider)
	if err != nil {
		return "", err
	}
	what.Variable = secretVariable(what.Name)
	var text strings.Builder
	err = starterTemplate.Execute(&text, what)
	return text.String(), err
}

// A description is what the template says of a server.
type description struct {
	Name, Variable         string
	Issuer                 string
	Provider, Scopes, Host string // of a known provider
	Login                  bool
}

func describe(provider string) (description, error) {
	if !slices.Contains(config.Providers(), provider) {
		u, err := url.Parse(provider)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || !plain.MatchString(u.String()) {
			return description{}, usagef("%q is neither one of %s nor the URL of an issuer, such as https://auth.example.com", provider, strings.Join(config.Providers(), ", "))
		}
		return description{Name: nameOf(u), Issuer: u.String()}, nil
	}
	// What is known of a provider is what a client without settings has.
	set, err := config.Parse(fmt.Appendf(nil, "clients: {x: {provider: %s, client_id: x, client_secret: x}}", provider))
	if err != nil {
		return description{}, err
	}
	c, err := set.Declaration("x")
	return description{
		Name: provider, Provider: provider,
		Scopes: strings.Join(c.Scopes, ", "), Host: c.Hosts[0], Login: usersToken(c),
	}, err
}

// plain matches the URLs that YAML takes as they are. An issuer has neither query
// nor fragment (RFC 8414 section 2).
var plain = regexp.MustCompile(`^[A-Za-z0-9:/._~%\[\]-]*[A-Za-z0-9/._~%\]-]$`)

// nameOf returns a client's name for an issuer: example for auth.example.com.
func nameOf(issuer *url.URL) string {
	labels := strings.Split(strings.ToLower(issuer.Hostname()), ".")
	name := labels[max(0, len(labels)-2)]
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(name, "0123456789-") == "" {
		return "server" // an address
	}
	return strings.Trim(name, "-")
}

// writeNew writes a file that must not be there yet.
func writeNew(cmd *cobra.Command, path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s exists, and is not overwritten: name another file with -o, or print it with -o -", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	then := "bearer check --config " + path
	if path == declaration.Name {
		then = "bearer allow, and bearer check"
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s. Fill it in, then type %s.\n", printable(path), printable(then))
	return err
}
