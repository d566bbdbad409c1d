package helper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// The API that kubectl and Kubernetes' clients use for credential plugins.
const (
	execVersion = "client.authentication.k8s.io/v1"
	execKind    = "ExecCredential"
)

// ExecInfo is the environment variable by which they say for which cluster they
// ask.
const ExecInfo = "KUBERNETES_EXEC_INFO"

// execCredential has the parts of an ExecCredential that are used here.
type execCredential struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		Cluster *struct {
			Server string `json:"server"`
		} `json:"cluster,omitempty"`
	} `json:"spec,omitzero"`
	Status struct {
		ExpirationTimestamp string `json:"expirationTimestamp,omitempty"`
		Token               string `json:"token,omitempty"`
	} `json:"status"`
}

// Kubectl is a credential plugin of Kubernetes' clients. info is the value of
// [ExecInfo]. It has to say which server is asked for, so that the token goes to
// no other.
func (h *Helper) Kubectl(ctx context.Context, info string, out io.Writer) error {
	if info == "" {
		return fmt.Errorf("%s is not set: kubectl sets it when it runs this as a credential plugin, with provideClusterInfo: true in the kubeconfig", ExecInfo)
	}
	var asked execCredential
	if err := json.Unmarshal([]byte(info), &asked); err != nil || asked.Kind != execKind {
		return fmt.Errorf("%s is not an %s", ExecInfo, execKind)
	}
	if asked.APIVersion != execVersion {
		return fmt.Errorf("kubectl asks with apiVersion %q: write %s in the kubeconfig", asked.APIVersion, execVersion)
	}
	if asked.Spec.Cluster == nil || asked.Spec.Cluster.Server == "" {
		return errors.New("kubectl does not say for which cluster it asks: write provideClusterInfo: true in the kubeconfig, so that the token goes to no other")
	}
	server, err := url.Parse(asked.Spec.Cluster.Server)
	if err != nil {
		return errors.New("the cluster's server is not a URL")
	}
	if err := h.Target.Host(server); err != nil {
		return fmt.Errorf("the cluster's server: %w", err)
	}
	token, err := h.Tokens.Token(ctx)
	if err != nil {
		return err
	}
	answer := execCredential{APIVersion: execVersion, Kind: execKind}
	answer.Status.Token = token.AccessToken
	if !token.Expiry.IsZero() {
		answer.Status.ExpirationTimestamp = token.Expiry.UTC().Format(time.RFC3339)
	}
	return json.NewEncoder(out).Encode(answer)
}
