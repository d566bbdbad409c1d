package fleet

import (
	"errors"
	"os"
	"os/exec"
)

// CanStop says that processes can be stopped and continued here.
const CanStop = false

func apart(*exec.Cmd) {}

func stop(*os.Process) error   { return errors.ErrUnsupported }
func resume(*os.Process) error { return errors.ErrUnsupported }
