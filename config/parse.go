package config

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// What a file may have. Each is far above what people write, and low enough
// that a hostile file costs milliseconds.
const (
	maxSize  = 1 << 20 // bytes
	maxDepth = 32
	maxNodes = 50_000 // keys and values that are visited, those of aliases once for each
	maxNames = 1000   // clients, and providers: what they share is merged into each
	maxKeys  = 256    // of a map whose keys the author chooses
)

// parse returns the root of the document in data, nil after a fault. JSON is
// YAML but for its surrogate pairs, which no name in a file needs.
//
// The messages of package yaml quote values, so each is replaced by our own
// words.
func (f *faults) parse(data []byte) *yaml.Node {
	if len(data) > maxSize {
		f.add(place{}, "", "the file is larger than 1 MiB", "")
		return nil
	}
	var root yaml.Node
	err := load(data, &root)
	if errors.Is(err, io.EOF) {
		f.add(place{}, "", "the file is empty; declare clients", "")
		return nil
	}
	if err != nil {
		f.syntax(err, string(data))
		return nil
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 || isNull(root.Content[0]) {
		f.add(place{}, "", "the file is empty; declare clients", "")
		return nil
	}
	return root.Content[0]
}

// load reads the one document. Package yaml panics for some input that it does
// not expect; to the author of a file that is a syntax error too.
func load(data []byte, root *yaml.Node) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("the parser failed")
		}
	}()
	l, err := yaml.NewLoader(strings.NewReader(string(data)), yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		return err
	}
	if err := l.Load(root); err != nil {
		return err
	}
	var second yaml.Node
	switch err := l.Load(&second); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return &secondDocument{place{second.Line, second.Column}}
}

type secondDocument struct{ at place }

func (*secondDocument) Error() string { return "a second document" }

// syntax adds the fault that err, from package yaml, is.
func (f *faults) syntax(err error, data string) {
	if e, ok := errors.AsType[*secondDocument](err); ok {
		f.add(e.at, "", "a second document begins here; a file has one", "")
		return
	}
	var at place
	words := "this is not YAML"
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		at = place{e.Mark.Line, e.Mark.Column}
		if e.Stage == yaml.ReaderStage {
			at = placeOf(data, e.Mark.Index)
		}
		words = wording(e)
		line := lineOf(data, at.line)
		switch {
		case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
			words = "a tab cannot indent; use spaces"
		case strings.Contains(line, "${") && strings.Contains(words, "is missing; a "):
			words = "quote a value with ${NAME} within { } and [ ]: YAML takes its braces for its own"
		}
	}
	f.add(at, "", words, "")
}

// lineOf returns that line of the data, "" if there is none.
func lineOf(data string, line int) string {
	lines := strings.Split(data, "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	return lines[line-1]
}

// placeOf returns the place of that byte.
func placeOf(data string, index int) place {
	before := data[:max(0, min(index, len(data)))]
	return place{1 + strings.Count(before, "\n"), 1 + len(before) - (strings.LastIndex(before, "\n") + 1)}
}

// phrases are our words for the messages of package yaml, by a part of them.
var phrases = []struct{ theirs, ours string }{
	{"mapping values are not allowed", `a ":" is not expected here; check the indentation, or quote the value`},
	{"mapping keys are not allowed", `a "?" is not expected here; quote the value`},
	{"block sequence entries are not allowed", `a "-" is not expected here; check the indentation, or quote the value`},
	{"cannot start any token", "a value cannot begin with this character; quote the value, and indent with spaces"},
	{"incompatible YAML", "a line that begins with % is not allowed here; remove it"},
	{"directive", "a line that begins with % is not allowed here; remove it"},
	{"tab", "a tab cannot indent; use spaces"},
	{"could not find expected ':'", `a ":" is missing after the key, or a line is not indented enough`},
	{"did not find expected key", "a key is expected here; check the indentation, and quotes within quotes"},
	{"expected ',' or ']'", `a "," or a "]" is missing; a list that began with "[" does not end`},
	{"expected ',' or '}'", `a "," or a "}" is missing; a map that began with "{" does not end`},
	{"'-' indicator", `a "-" is expected here; check the indentation`},
	{"unexpected end of stream", "a quote is not closed"},
	{"unknown escape character", `a backslash within double quotes needs another one, or use single quotes`},
	{"hexadecimal number", "an escape within double quotes is not complete"},
	{"node content", "a value is missing"},
	{"comment without preceding", `a comment needs a space before its "#"`},
	{"document start", "text follows the end of the document; check the indentation"},
	{"anchor", "an alias names an anchor that is not there"},
	{"depth", "values are nested too deeply"},
	{"nesting", "values are nested too deeply"},
	{"UTF-8", "the text is not UTF-8"},
	{"control characters", "a control character is not allowed; write it as an escape within double quotes"},
	{"Unicode", "this is not a Unicode character"},
}

func wording(e *yaml.LoadError) string {
	if e.Stage == yaml.ResolverStage || e.Stage == yaml.ConstructorStage {
		return "a tag does not fit its value; remove the tag"
	}
	for _, p := range phrases {
		if strings.Contains(e.Message, p.theirs) || p.theirs == "depth" && strings.Contains(e.ContextMsg, "level") {
			return p.ours
		}
	}
	return fmt.Sprintf("this is not YAML (%s)", e.Stage)
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}
