package config

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"example.com/bearer/grant"
	"example.com/bearer/internal/mistake"
)

const (
	// commandLimit is the time that a command has to print a secret. It allows
	// for a password manager that asks over a network, not for a human.
	commandLimit = 10 * time.Second

	maxSecret = 64 << 10 // bytes of a secret; a chain of certificates is smaller
)

// A secretSource is where a secret comes from: one of these is set, or none.
type secretSource struct {
	value   Secret
	file    Path
	command Command
	dir     string // where the command runs
	// confined says that the file must not lead out of dir.
	confined bool
	lent     bool // the program has it, see lender
}

func (s secretSource) set() bool {
	return s.value != "" || s.file != "" || len(s.command) > 0 || s.lent
}

// get returns the secret. It is called for each token request, so a file that
// is replaced is read again.
func (s secretSource) get(ctx context.Context) (string, error) {
	switch {
	case s.file != "" && s.confined && !within(s.dir, string(s.file)):
		// It did not when the set was opened: a link has been put in its place.
		return "", mistake.Errorf("%s leads out of its folder, where a file that you have not approved may not read", s.file)
	case s.file != "":
		return readSecret(s.file)
	case len(s.command) > 0:
		return s.run(ctx)
	}
	return string(s.value), nil
}

// Format keeps the secret from being printed as part of another value.
func (s secretSource) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, hidden) }

// readSecret reads a file. An editor ends it with a newline, which is not part
// of the secret.
func readSecret(path Path) (string, error) {
	f, err := os.Open(string(path))
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	return trimmed(data, string(path))
}

func trimmed(data []byte, from string) (string, error) {
	secret := strings.TrimSpace(string(data))
	switch {
	case len(data) > maxSecret:
		return "", fmt.Errorf("%s has more than 64 KiB", from)
	case secret == "":
		return "", fmt.Errorf("%s %w", from, errEmpty)
	}
	return secret, nil
}

var errEmpty = errors.New("is empty")

// run runs the command. Its error has neither the arguments nor what the
// command printed, since both may hold the secret.
func (s secretSource) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Dir = s.dir
	cmd.WaitDelay = time.Second // for children that keep the pipe open
	var out bytes.Buffer
	cmd.Stdout = &limited{w: &out, left: maxSecret + 1}
	name := "the command " + printable(s.command[0])
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s did not end in time: %w", name, ctx.Err())
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s failed with %s; run it by hand to see why", name, exit.ProcessState)
	case errors.Is(err, exec.ErrWaitDelay):
		// It ended well, and left a child, such as an agent, with the pipe.
	case err != nil:
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // without the path
		}
		return "", mistake.Errorf("%s cannot run: %w", name, err)
	}
	secret, err := trimmed(out.Bytes(), "the output of "+name)
	if err != nil {
		return "", mistake.Errorf("%w", err)
	}
	return secret, nil
}

// limited drops what does not fit, so that the command does not fail instead of
// being told.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	kept := p[:min(len(p), l.left)]
	l.left -= len(kept)
	if _, err := l.w.Write(kept); err != nil {
		return 0, err
	}
	return len(p), nil
}

// signingKey returns the private key that s holds.
func (s secretSource) signingKey(ctx context.Context, id, algorithm string) (grant.SigningKey, error) {
	text, err := s.get(ctx)
	if err != nil {
		return grant.SigningKey{}, err
	}
	signer, err := parseKey(text)
	if err != nil {
		return grant.SigningKey{}, err
	}
	return grant.SigningKey{Signer: signer, ID: id, Algorithm: algorithm}, nil
}

// parseKey parses a private key in PEM, in each of the formats that OpenSSL
// writes. Its errors do not show it.
func parseKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("this is not a private key in PEM; it begins with -----BEGIN PRIVATE KEY-----")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("the private key is encrypted; decrypt it, or have private_key_command do so")
	}
	return nil, errors.New("this is not a private key that can sign; use RSA, ECDSA or Ed25519")
}
