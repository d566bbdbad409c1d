package config

import (
	"fmt"
	"slices"
	"strings"
)

// A Fault is one mistake in a file. It never shows a secret.
type Fault struct {
	File         string // as it was named; "config" for data without a name
	Line, Column int    // of the value, or of the key that is wrong; from 1; 0 if the file as a whole is at fault
	Path         string // such as clients.reports.refresh.before; empty for the file as a whole
	Text         string // what is wrong and what to do
	Confined     bool   // it is no fault without [Loader.Confined]
}

// String returns "FILE:LINE:COLUMN: PATH: TEXT", without what is not known.
func (f Fault) String() string {
	s := f.File + ":"
	if f.Line > 0 {
		s += fmt.Sprintf("%d:%d:", f.Line, f.Column)
	}
	if f.Path != "" {
		s += " " + f.Path + ":"
	}
	return s + " " + f.Text
}

// Error is all that is wrong with a file, in the order of its lines.
type Error struct{ Faults []Fault }

// Error returns one fault a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// maxFaults bounds an error. A file with more is not what its author thinks.
const maxFaults = 100

// A place is where something stands in the file.
type place struct{ line, column int }

// A finding is a fault before it is known whether its line holds a secret.
type finding struct {
	place
	path  string
	text  string // may quote a value or a key
	plain string // the same without; used if the line holds a secret; empty: text quotes nothing

	confined bool
}

// faults collects findings.
type faults struct {
	file     string
	findings []finding
	secret   map[int]bool // the lines that hold a secret
}

func (f *faults) add(p place, path, text, plain string) {
	f.findings = append(f.findings, finding{place: p, path: path, text: text, plain: plain})
}

// forbid adds what only a confined file may not do.
func (f *faults) forbid(p place, path, what string) {
	text := "this file may not " + what + " until you have approved it"
	f.findings = append(f.findings, finding{place: p, path: path, text: text, confined: true})
}

// err returns all findings as one error, nil if there are none. A value that
// was merged into several clients is at fault once.
func (f *faults) err() error {
	if len(f.findings) == 0 {
		return nil
	}
	slices.SortStableFunc(f.findings, func(a, b finding) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.column - b.column
	})
	e := new(Error)
	seen := map[Fault]bool{}
	for _, x := range f.findings {
		if x.plain != "" && f.secret[x.line] {
			x.text = x.plain
		}
		fault := Fault{f.file, x.line, x.column, x.path, x.text, x.confined}
		if seen[fault] {
			continue
		}
		seen[fault] = true
		if len(e.Faults) == maxFaults {
			e.Faults = append(e.Faults, Fault{File: f.file, Text: "and more; mend these first"})
			break
		}
		e.Faults = append(e.Faults, fault)
	}
	return e
}
