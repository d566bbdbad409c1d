package main

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"strings"
	"unicode/utf8"

	"github.com/mdp/qrterminal/v3"
	"golang.org/x/term"
)

// mostEncoded is the longest text that a QR code of a terminal's width may
// hold. It is also far less than what no QR code can hold, for which the
// library panics.
const mostEncoded = 500

// writeQRCode draws text as a QR code for a camera, if w is a terminal with
// enough room.
func writeQRCode(w io.Writer, text string) error {
	fd, ok := terminal(w)
	if !ok || os.Getenv("TERM") == "dumb" {
		return nil
	}
	columns, rows, err := term.GetSize(fd)
	if err != nil {
		return nil
	}
	code := qrCode(text, columns, rows)
	if code == "" {
		return nil
	}
	_, err = io.WriteString(w, "Or scan this:\n\n"+code)
	return err
}

// qrCode returns a QR code, or "" if it needs more columns or rows than there
// are: broken lines and half a code are of no use.
func qrCode(text string, columns, rows int) string {
	if len(text) > mostEncoded {
		return ""
	}
	var drawn bytes.Buffer
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qrterminal.L, Writer: &drawn, HalfBlocks: true, QuietZone: 2,
	})
	lines := strings.Split(strings.TrimSuffix(drawn.String(), "\n"), "\n")
	if len(lines) >= rows || utf8.RuneCountInString(lines[0]) > columns {
		return ""
	}
	// White on black, whatever colours the terminal has.
	before, after := "\x1b[97;40m", "\x1b[0m"
	if runtime.GOOS == "windows" {
		// Its console may not obey, and is white on black itself.
		before, after = "", ""
	}
	var code strings.Builder
	for _, line := range lines {
		code.WriteString(before + line + after + "\n")
	}
	return code.String()
}

// terminal returns the file descriptor of w, if w is a terminal.
func terminal(w io.Writer) (fd int, ok bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}
