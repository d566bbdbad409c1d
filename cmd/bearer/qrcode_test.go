package main

import (
	"bytes"
	"strings"
	"testing"

	"rsc.io/qr"
)

// What is drawn is the code, with a margin: two modules in each character.
func TestQRCodeDrawsTheCode(t *testing.T) {
	const text = "https://auth.example.com/device?user_code=WDJB-MJHT"
	want, err := qr.Encode(text, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	drawn := qrCode(text, 80, 40)
	var light [][]bool
	for line := range strings.Lines(drawn) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\x1b[0m")
		line = strings.TrimPrefix(line, "\x1b[97;40m")
		var upper, lower []bool
		for _, r := range line {
			if !strings.ContainsRune(" ▀▄█", r) {
				t.Fatalf("got %q, want blocks only", line)
			}
			upper = append(upper, r == '▀' || r == '█')
			lower = append(lower, r == '▄' || r == '█')
		}
		light = append(light, upper, lower)
	}
	const margin = 2
	// The last line may be half a character.
	for y := -margin; y < want.Size+margin-1; y++ {
		for x := -margin; x < want.Size+margin; x++ {
			if got, want := !light[y+margin][x+margin], want.Black(x, y); got != want {
				t.Fatalf("column %d of row %d: got dark %v, want %v in\n%s", x, y, got, want, drawn)
			}
		}
	}
}

func TestQRCodeOnlyWhereItFits(t *testing.T) {
	const short = "https://auth.example.com/device"
	for _, tt := range []struct {
		what, text    string
		columns, rows int
		drawn         bool
	}{
		{"enough room", short, 80, 24, true},
		{"too narrow", short, 20, 24, false},
		{"too low", short, 80, 10, false},
		{"longer than any code", strings.Repeat("x", 5000), 10_000, 10_000, false},
		{"nothing known of the terminal", short, 0, 0, false},
	} {
		if got := qrCode(tt.text, tt.columns, tt.rows) != ""; got != tt.drawn {
			t.Errorf("%s: got a code: %v, want %v", tt.what, got, tt.drawn)
		}
	}
	var file bytes.Buffer
	if err := writeQRCode(&file, short); err != nil || file.Len() > 0 {
		t.Errorf("no terminal: got %d bytes and %v, want nothing", file.Len(), err)
	}
}
