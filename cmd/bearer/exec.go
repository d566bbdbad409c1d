package main

import (
	"errors"
	"io/fs"
	"os"
	osexec "os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"example.com/bearer/config"
)

// tokenVariable is where exec puts the token.
const tokenVariable = "BEARER_TOKEN"

// The exit statuses of exec when there is no command to run, as env(1) has them.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

func newExec() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec CLIENT [flags] -- COMMAND [ARG...]",
		Short: "Run a command with a valid access token in " + tokenVariable,
		Long: `Run a command with a valid access token in the environment variable
` + tokenVariable + `. The token is not renewed while the command runs; for one that runs
for longer, see bearer proxy.

The command does not get the secrets of clients: variables named
BEARER_..._CLIENT_SECRET, and those that hold a secret which the file declares, are
left out of its environment.

What follows -- is the command and its flags. The exit status is the command's;
127 if it is not found, and 126 if it cannot be executed.`,
		Example: `  bearer exec reports -- sh -c 'curl -H "Authorization: Bearer $BEARER_TOKEN" https://api.example.com/v1/reports'
  bearer exec reports -- python3 report.py --year 2026`,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return completeClient(cmd, args, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("exec takes the name of a client and a command: see bearer exec --help")
			}
			return runWithToken(cmd, args[0], args[1:])
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usagef("%w: put -- before the command, if that is its flag", err)
	})
	return cmd
}

// runWithToken runs a command with the client's token. On Unix it returns only if
// the command could not be run.
func runWithToken(cmd *cobra.Command, name string, argv []string) error {
	path, err := osexec.LookPath(argv[0])
	if err != nil {
		return notRun{err}
	}
	c, err := openClient(cmd, name)
	if err != nil {
		return err
	}
	c.brief()
	token, err := c.Token(cmd.Context())
	c.close()
	if err != nil {
		return err
	}
	env := append(withoutSecrets(os.Environ(), c.Set), tokenVariable+"="+token.AccessToken)
	if err := become(cmd.Context(), path, argv, env); err != nil {
		return notRun{err}
	}
	return nil
}

// notRun is a command that could not be run. An error that has an exit status of
// its own is not changed.
type notRun struct{ err error }

func (e notRun) Error() string { return e.err.Error() }
func (e notRun) Unwrap() error { return e.err }

func (e notRun) ExitStatus() int {
	switch own, ok := errors.AsType[silent](e.err); {
	case ok:
		return int(own)
	case errors.Is(e.err, osexec.ErrNotFound), errors.Is(e.err, fs.ErrNotExist):
		return exitNotFound
	}
	return exitNotExecutable
}

// ourSecrets matches the names of variables that the command reads secrets from.
var ourSecrets = regexp.MustCompile(`^BEARER_(.*_)?CLIENT_SECRET$`)

// withoutSecrets returns the environment without an earlier token, and without
// what holds a secret of a declared client, under whatever name the file reads
// it.
func withoutSecrets(env []string, set *config.Set) []string {
	secrets := map[string]bool{}
	for _, name := range set.Names() {
		if declared, err := set.Declaration(name); err == nil {
			collect(reflect.ValueOf(declared), secrets)
		}
	}
	return slices.DeleteFunc(env, func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return name == tokenVariable || ourSecrets.MatchString(strings.ToUpper(name)) || secrets[value]
	})
}

// collect collects all secrets within a declaration.
func collect(v reflect.Value, secrets map[string]bool) {
	if v.IsValid() && v.Type() == reflect.TypeFor[config.Secret]() {
		if v.Len() > 0 {
			secrets[v.String()] = true
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		collect(v.Elem(), secrets)
	case reflect.Struct:
		for i := range v.NumField() {
			collect(v.Field(i), secrets)
		}
	case reflect.Slice:
		for i := range v.Len() {
			collect(v.Index(i), secrets)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			collect(v.MapIndex(key), secrets)
		}
	}
}
