// Package home finds the folder where the program keeps what is the user's: the
// file that declares clients, tokens, locks and approvals.
package home

import (
	"fmt"
	"os"
	"path/filepath"
)

// Variable is the environment variable that names another folder than the usual
// one.
const Variable = "BEARER_HOME"

// Folder returns the folder's absolute path: locks and keyring items depend on
// it, so it must not depend on the working directory. The folder is made when it
// is first written to.
func Folder() (string, error) {
	folder := os.Getenv(Variable)
	if folder == "" {
		config, err := os.UserConfigDir()
		if err != nil {
			return "", fmt.Errorf("there is no folder for what the program keeps: set %s: %w", Variable, err)
		}
		folder = filepath.Join(config, "bearer")
	}
	return filepath.Abs(folder)
}
