package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/zalando/go-keyring"
)

// probeTimeout leaves the user time to unlock the keyring.
const probeTimeout = 30 * time.Second

// Probe decides where to keep a new token: in the keyring if it returns what
// was put into it, and otherwise in files. A machine without a desktop often
// has no keyring, or one that nothing can unlock.
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
			err = errors.New("the keyring does not return what was put into it")
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
