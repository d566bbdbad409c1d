package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// Bodies says what becomes of the bodies of responses. The zero value keeps them
// in the results.
type Bodies struct {
	Drop   bool   // read them, and keep nothing
	Folder string // a file for each there, named by the number of the line
}

// maxBody is the longest body that a result holds. Each request in flight may
// hold one.
const maxBody = 1 << 20

var errTooLong = fmt.Errorf("the body is longer than %d bytes: keep bodies in files with --bodies", maxBody)

// An answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer // reused from request to request
	file   string       // where the body is instead
	err    error        // why the body could not be kept; asking again does not help
}

func (a *answer) reset() {
	a.status, a.header, a.file, a.err = 0, nil, "", nil
	if a.body.Cap() > maxBody/8 {
		a.body = bytes.Buffer{} // the next one is probably small again
	}
	a.body.Reset()
}

// read reads and closes a response. Its error is that of the connection, if it
// is not a diskError.
func (a *answer) read(resp *http.Response, line int64, to Bodies) error {
	defer resp.Body.Close()
	a.reset()
	a.status, a.header = resp.StatusCode, resp.Header
	switch {
	case to.Drop:
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	case to.Folder != "":
		var err error
		a.file, err = save(resp.Body, filepath.Join(to.Folder, strconv.FormatInt(line, 10)))
		return err
	}
	n, err := a.body.ReadFrom(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && n > maxBody {
		a.body.Reset()
		a.err = errTooLong
	}
	return err
}

// A diskError says that a body cannot be written, as will be the next.
type diskError struct{ err error }

func (e diskError) Error() string { return "a body cannot be written: " + e.err.Error() }
func (e diskError) Unwrap() error { return e.err }

// save writes a body to path, whole or not at all. It returns path, or "" if the
// body is empty.
func save(body io.Reader, path string) (string, error) {
	// Always the same name: what a kill leaves is written over when the
	// request is sent again.
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return "", diskError{err}
	}
	defer os.Remove(part) // it has another name if all went well
	w := &disk{f: f}
	n, err := io.Copy(w, body)
	closed := f.Close()
	switch {
	case w.err != nil:
		return "", diskError{w.err}
	case err != nil:
		return "", err
	case closed != nil:
		return "", diskError{closed}
	case n == 0:
		return "", nil
	}
	if err := os.Rename(part, path); err != nil {
		return "", diskError{err}
	}
	return path, nil
}

// disk tells errors of writing from those of reading, which io.Copy does not.
type disk struct {
	f   *os.File
	err error
}

func (d *disk) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	d.err = errors.Join(d.err, err)
	return n, err
}
