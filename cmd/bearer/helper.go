package main

import (
	"os"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/cmd/bearer/internal/helper"
)

func newHelper() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "helper",
		Short: "Give git, go or kubectl a client's token when they ask for credentials",
		Long: `Speak the protocol by which git, go or kubectl ask for credentials. They get the
client's token for URLs at the client's hosts only: those that it declares, or else
that of its base_url.

They run it in any folder, so that a bearer.yaml there does not count: only the file
that --config or BEARER_CONFIG names, or the one in your own folder.`,
		Example: `  git config --global credential.https://git.example.com.helper '!bearer helper git forge'
  go env -w GOAUTH='bearer helper goauth modules'
  bearer helper kubectl --help   # for the kubeconfig`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no helper for %q, only for git, goauth and kubectl", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newGitHelper(), newGoauthHelper(), newKubectlHelper())
	return cmd
}

func newGitHelper() *cobra.Command {
	return &cobra.Command{
		Use:   "git CLIENT OPERATION",
		Short: "A git credential helper",
		Long: `Answer git's credential protocol; git adds the OPERATION. From version 2.46 on git
sends the token as Bearer, before as the password of Basic authentication, with the
user name of the URL or else oauth2.

A token that the server has rejected is renewed for the next time.`,
		Example:           `  git config --global credential.https://git.example.com.helper '!bearer helper git forge'`,
		Args:              clientAnd("an operation"),
		ValidArgsFunction: completeClient,
		RunE: func(cmd *cobra.Command, args []string) error {
			return help(cmd, args[0], func(h *helper.Helper) error {
				return h.Git(cmd.Context(), args[1], cmd.InOrStdin(), cmd.OutOrStdout())
			})
		},
	}
}

func newGoauthHelper() *cobra.Command {
	return &cobra.Command{
		Use:   "goauth CLIENT [URL]",
		Short: "An authentication command for GOAUTH",
		Long: `Answer the go command as go help goauth describes it; go adds the URL. A token that
the module proxy has rejected is renewed.`,
		Example: `  go env -w GOAUTH='bearer helper goauth modules'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return oneClient(cmd, args)
		},
		ValidArgsFunction: completeClient,
		RunE: func(cmd *cobra.Command, args []string) error {
			return help(cmd, args[0], func(h *helper.Helper) error {
				return h.Goauth(cmd.Context(), append(args, "")[1], cmd.InOrStdin(), cmd.OutOrStdout())
			})
		},
	}
}

func newKubectlHelper() *cobra.Command {
	return &cobra.Command{
		Use:   "kubectl CLIENT",
		Short: "A credential plugin for kubectl and other clients of Kubernetes",
		Long: `Print an ExecCredential of client.authentication.k8s.io/v1, for a user in the
kubeconfig. It needs provideClusterInfo, since the token goes only to clusters whose
server is one of the client's hosts.`,
		Example: `  users:
  - name: me
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: bearer
        args: [helper, kubectl, cluster]
        interactiveMode: Never
        provideClusterInfo: true`,
		Args:              oneClient,
		ValidArgsFunction: completeClient,
		RunE: func(cmd *cobra.Command, args []string) error {
			return help(cmd, args[0], func(h *helper.Helper) error {
				return h.Kubectl(cmd.Context(), os.Getenv(helper.ExecInfo), cmd.OutOrStdout())
			})
		},
	}
}

// help has answer answer for a client. Other programs run a helper in any folder,
// also in a cloned repository, so a file there does not count.
func help(cmd *cobra.Command, name string, answer func(*helper.Helper) error) error {
	if configFlag(cmd) == "" && os.Getenv(declaration.Variable) == "" {
		own, err := declaration.Own()
		if err != nil {
			return err
		}
		if err := cmd.Flag("config").Value.Set(own); err != nil {
			return err
		}
	}
	c, err := openClient(cmd, name)
	if err != nil {
		return err
	}
	c.brief()
	defer c.close()
	where, err := c.target()
	if err != nil {
		return err
	}
	return answer(&helper.Helper{Tokens: c, Target: where})
}

// clientAnd requires two arguments, a client and what another program adds.
func clientAnd(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 2 {
			return usagef("%s takes the name of a client and %s: see bearer help helper", cmd.Name(), what)
		}
		return nil
	}
}
