package credential

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"example.com/bearer/grant"
)

// SecretVariable is where a client's secret is looked for when there is no file.
const SecretVariable = "BEARER_CLIENT_SECRET"

// ErrNoSecret means that the client has to authenticate, and with what was not said.
var ErrNoSecret = errors.New("there is no client secret: set " + SecretVariable + ", or give --client-secret-file FILE")

// A Secret is where the client's secret comes from: what was typed, else the
// file, else the environment. It is a source, since a file may be replaced while
// the program runs.
type Secret struct {
	Typed grant.Secret
	File  string
}

// Get reads the secret.
func (s Secret) Get(context.Context) (string, error) {
	if s.Typed != "" {
		return string(s.Typed), nil
	}
	if s.File == "" {
		if v := os.Getenv(SecretVariable); v != "" {
			return v, nil
		}
		return "", ErrNoSecret
	}
	data, err := os.ReadFile(s.File)
	if err != nil {
		return "", fmt.Errorf("client secret: %w", err)
	}
	secret := strings.TrimSpace(string(data)) // an editor ends a file with a newline
	if secret == "" {
		return "", fmt.Errorf("client secret: %s is empty", s.File)
	}
	return secret, nil
}

// Known reports whether there is a secret to be had without asking anybody.
func (s Secret) Known() bool {
	_, err := s.Get(context.Background())
	return !errors.Is(err, ErrNoSecret)
}
