package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
)

// An Output is where results are written, one a line, as they complete.
//
// Each line is one write, so that only a kill in the middle of one tears it: a
// torn line has no end and is cut off when the file is opened again. The file is
// locked, so that no second process writes into it.
type Output struct {
	w      io.Writer
	file   *os.File // nil unless w is one that Open opened
	before Counts   // what was there already
	done   record   // what was there already; not changed afterwards

	mu  sync.Mutex // guards what follows; held while a line is written
	err error      // of the first write that failed: nothing may follow half a line
}

var errLocked = errors.New("another process is writing into it")

// NewOutput returns an Output that writes to w and knows of no earlier results.
func NewOutput(w io.Writer) *Output { return &Output{w: w} }

// Open opens the file of results at path. If resume is false, it must not exist
// or be empty. Otherwise its results count: Open reads them, and cuts off a line
// that was torn when the writing process was killed.
func Open(path string, resume bool) (*Output, error) {
	// Responses may hold what is not for everyone on this machine.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	o := &Output{w: f, file: f}
	if err := o.begin(resume); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return o, nil
}

func (o *Output) begin(resume bool) error {
	info, err := o.file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("this is not a regular file: write to it by > instead of -o")
	}
	if err := lock(o.file); err != nil {
		return err
	}
	// Only now: a process that has just ended may have written more.
	if info, err = o.file.Stat(); err != nil {
		return err
	}
	if info.Size() > 0 && !resume {
		return errors.New("the file has content: continue it with --resume, or remove it")
	}
	end, err := o.read()
	if err != nil {
		return err
	}
	if err := o.file.Truncate(end); err != nil {
		return err
	}
	_, err = o.file.Seek(end, io.SeekStart)
	return err
}

// read reads the results that are there, and returns where the last whole line
// ends. One line at a time is in memory.
func (o *Output) read() (end int64, err error) {
	r := bufio.NewReaderSize(o.file, 256<<10)
	var text []byte
	for n := 1; ; n++ {
		text = text[:0]
		for {
			part, err := r.ReadSlice('\n')
			text = append(text, part...)
			if errors.Is(err, io.EOF) {
				return end, nil // without what is torn
			}
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return 0, err
			}
		}
		if err := o.recall(text); err != nil {
			return 0, fmt.Errorf("line %d %w", n, err)
		}
		end += int64(len(text))
	}
}

// recall takes a result of an earlier run into account.
func (o *Output) recall(text []byte) error {
	var r struct {
		Line   int64  `json:"line"`
		Hash   string `json:"hash"`
		Status int    `json:"status"`
		Error  string `json:"error"`
	}
	err := json.Unmarshal(text, &r)
	hash, hashErr := strconv.ParseUint(r.Hash, 16, 64)
	if err != nil || hashErr != nil || r.Line < 1 {
		return errors.New("is not a result of bearer batch: give another file to -o")
	}
	if !o.done.add(r.Line, hash) {
		return fmt.Errorf("is a second result of line %d of the input: remove one of them", r.Line)
	}
	o.before.add(r.Status, r.Error != "")
	return nil
}

// Before returns the results that were there when the file was opened.
func (o *Output) Before() Counts { return o.before }

// write writes one result as one line.
func (o *Output) write(r *Result) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		if _, err := o.w.Write(b.Bytes()); err != nil {
			o.err = fmt.Errorf("the results cannot be written: %w", err)
		}
	}
	return o.err
}

// Close makes sure that the results are on the disk. It must not be called while
// a batch runs.
func (o *Output) Close() error {
	if o.file == nil {
		return nil
	}
	return errors.Join(o.file.Sync(), o.file.Close())
}
