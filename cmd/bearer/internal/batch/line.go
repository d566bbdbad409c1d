package batch

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line that is a request. Each request in flight holds
// one.
const maxLine = 1 << 20

// A line is one line of the input that is a request. Its number counts all
// lines; its hash is of its text. Both together are what a request is known by.
type line struct {
	number int64
	hash   uint64
	text   []byte
	err    error // why it is no request
}

// lines reads the input line by line.
type lines struct {
	r      *bufio.Reader
	number int64
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 64<<10)} }

// next returns the next line that is neither blank nor a comment. Its error is
// io.EOF at the end.
func (l *lines) next() (line, error) {
	for {
		text, sum, err := l.read()
		if err != nil {
			return line{}, err
		}
		l.number++
		if l.number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		text = bytes.TrimSpace(text)
		if len(text) > 0 && text[0] != '#' {
			out := line{number: l.number, hash: sum, text: text}
			if len(text) > maxLine {
				out.text, out.err = nil, fmt.Errorf("the line is longer than %d bytes: send such a body with bearer get -d @FILE", maxLine)
			}
			return out, nil
		}
	}
}

// read returns the next line and the hash of all of it. It keeps only as much of
// a long one as shows that it is too long.
func (l *lines) read() (text []byte, sum uint64, err error) {
	h := sha256.New()
	for {
		part, err := l.r.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(part) == 0 && text == nil {
			return nil, 0, io.EOF
		}
		whole := err == nil || errors.Is(err, io.EOF)
		if !whole && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, 0, err
		}
		if whole {
			part = bytes.TrimRight(part, "\r\n")
		}
		h.Write(part)
		if text == nil {
			text = make([]byte, 0, len(part)) // not nil, if the line is empty
		}
		if len(text) <= maxLine {
			text = append(text, part...)
		}
		if whole {
			return text, binary.BigEndian.Uint64(h.Sum(nil)), nil
		}
	}
}

// Count returns how many requests the input has, for a progress bar.
func Count(r io.Reader) (n int, err error) {
	l := newLines(r)
	for {
		if _, err := l.next(); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
		n++
	}
}
