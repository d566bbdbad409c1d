package vault

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"
)

// probeTimeout leaves a user the time to unlock the keyring.
const probeTimeout = 30 * time.Second

// Probe finds out where a new token is to be kept: in the keyring, if it gives
// back what was put into it, and else in files. A machine without a desktop often
// has no keyring, or one that nobody can unlock.
func Probe(ctx context.Context) (store string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := inKeyring(ctx, func() error {
		name, want := "probe-"+rand.Text(), rand.Text()
		if err := keyring.Set(keyringService, name, want); err != nil {
			return err
		}
		got, err := keyring.Get(keyringService, name)
		if err == nil && got != want {
			err = fmt.Errorf("the keyring gave back something else than was put into it")
		}
		if deleteErr := keyring.Delete(keyringService, name); err == nil {
			err = deleteErr
		}
		return err
	})
	if err != nil {
		return Dir
	}
	return Keyring
}
