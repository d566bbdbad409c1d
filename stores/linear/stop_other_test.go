//go:build !unix

package linear

import (
	"os"
	"time"
)

// suspend does nothing: this system has no such signal.
func suspend(*os.Process, time.Duration) {}
