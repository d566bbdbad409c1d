package main

import "github.com/spf13/cobra"

// Topics of the help, which are commands that do not run.

func newExitStatusTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-status",
		Short: "What the exit statuses say to a script",
		Long: `The exit status of bearer says to a script what can be done:

    0   it worked
    1   it failed, and will fail again until something is changed
    2   the command line or the environment is wrong
    3   a login is required: run bearer login CLIENT
   75   it failed, and may work later: the server is down, or its circuit
        breaker is open (EX_TEMPFAIL)
  130   Ctrl-C

Each but 0 comes with a line on stderr that says why. bearer get --fail has 22 too,
for a response of status 400 or more, and bearer exec has those of its command.`,
	}
}

func newFileTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "file",
		Short: "Where clients are declared, and which file counts",
		Long: `Clients are declared in a file, which bearer init begins:

  clients:
    reports:
      issuer: https://auth.example.com
      client_id: batch
      client_secret_file: secrets/reports
      base_url: https://api.example.com/v1

One file counts, the first of these that there is:

  1. the one that --config names
  2. the one that BEARER_CONFIG names
  3. ./bearer.yaml, in the working directory
  4. bearer.yaml in your own folder: bearer in your config folder, or BEARER_HOME

bearer login and bearer token write what their flags say about a client to 1, 2 or
4. A file that is merely found in the working directory is confined until you
approve it: see bearer allow --help. bearer check says what is wrong with the file,
bearer schema tells an editor what it can have.

Tokens of clients that declare no store are kept in the operating system's keyring
where there is one, else in your own folder; store: {name: keyring}, store: {name:
dir}, store: {dir: PATH} and BEARER_STORE decide otherwise.`,
	}
}
