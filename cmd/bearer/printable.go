package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// What a server sent and what a file holds may contain characters that a
// terminal obeys, and others that change the direction of text or hide part of
// it. The command escapes them wherever it prints such text.

// printable returns text with each character that is not plainly visible
// escaped, as in Go's string literals.
func printable(text string) string {
	return escape(text, func(b *strings.Builder, r rune) {
		if r > 0xffff {
			fmt.Fprintf(b, `\U%08x`, r)
		} else {
			fmt.Fprintf(b, `\u%04x`, r)
		}
	})
}

// writeJSON writes v as one line of JSON. encoding/json escapes ASCII control
// characters only; writeJSON escapes the other invisible ones too. Parsers read
// the same strings either way.
func writeJSON(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	line := escape(string(data), func(b *strings.Builder, r rune) {
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(b, `\u%04x`, unit)
		}
	})
	_, err = io.WriteString(w, line+"\n")
	return err
}

func escape(text string, escaped func(*strings.Builder, rune)) string {
	var b strings.Builder
	for _, r := range text {
		if visible(r) {
			b.WriteRune(r)
		} else {
			escaped(&b, r)
		}
	}
	return b.String()
}

func visible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
