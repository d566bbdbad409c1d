package credential

import (
	"context"
	"errors"
	"os"
	"strings"

	"example.com/bearer/grant"
	"example.com/bearer/internal/mistake"
)

// SharedVariable held the secret of whichever client was used first, so any
// server could be sent it. It is no longer read.
const SharedVariable = "BEARER_CLIENT_SECRET"

// Variable is the environment variable that holds the client secret of the
// credential with this name. Names that differ only in - and _ share one.
func Variable(name string) string {
	return "BEARER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_CLIENT_SECRET"
}

// ErrNoSecret means that the client must authenticate, but has no secret.
var ErrNoSecret = errors.New("there is no client secret")

// A Secret says where the client secret of the credential Name comes from: the
// terminal, else the file, else the environment. Get reads it each time, since
// a file may be replaced while the program runs.
type Secret struct {
	Name  string
	Typed grant.Secret
	File  string
}

// Get reads the secret. Its errors are mistakes: to read it again does not
// help, so a Cache must not wait and try.
func (s Secret) Get(context.Context) (string, error) {
	if s.Typed != "" {
		return string(s.Typed), nil
	}
	if s.File == "" {
		if v := os.Getenv(Variable(s.Name)); v != "" {
			return v, nil
		}
		return "", mistake.Errorf("%w: set %s, or give --client-secret-file FILE", ErrNoSecret, Variable(s.Name))
	}
	data, err := os.ReadFile(s.File)
	if err != nil {
		return "", mistake.Errorf("client secret: %w", err)
	}
	// An editor ends a file with a newline.
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", mistake.Errorf("client secret: %s is empty", s.File)
	}
	return secret, nil
}

// Known reports whether there is a secret that need not be typed.
func (s Secret) Known() bool {
	_, err := s.Get(context.Background())
	return !errors.Is(err, ErrNoSecret)
}
