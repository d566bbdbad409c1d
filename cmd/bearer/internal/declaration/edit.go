package declaration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Setting is a key of a client with its value: a string, a bool, a list of
// strings, or a map of strings. Nil removes the key.
type Setting struct {
	Key   string
	Value any
}

// errEdit is for files that a person can edit, and this program cannot.
var errEdit = errors.New("this program cannot edit it")

// Declare returns the file's data with these settings of the client name, added
// to those that it has, or with anew in place of all but its store. Everything
// else stays: comments, order, and empty lines.
func (f File) Declare(name string, settings []Setting, anew bool) ([]byte, error) {
	data, bom := bytes.CutPrefix(f.Data, []byte(byteOrderMark))
	crlf := bytes.Contains(data, []byte("\r\n"))
	if crlf {
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	edited, err := edit(data, name, settings, anew)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; declare the client %s there by hand", f.Path, err, name)
	}
	if crlf {
		edited = bytes.ReplaceAll(edited, []byte("\n"), []byte("\r\n"))
	}
	if bom {
		edited = append([]byte(byteOrderMark), edited...)
	}
	return edited, nil
}

// byteOrderMark begins files of some editors on Windows, whose lines end in
// CR LF.
const byteOrderMark = "\ufeff"

func edit(data []byte, name string, settings []Setting, anew bool) ([]byte, error) {
	if isJSON(data) {
		return nil, fmt.Errorf("it is JSON, and %w", errEdit)
	}
	document, marked, err := parse(data)
	if err != nil {
		return nil, err
	}
	var preface []byte
	if document.Kind == 0 { // the file has comments at most, which belong to no node
		document.Kind, document.Content = yaml.DocumentNode, []*yaml.Node{empty()}
		if preface = bytes.TrimSpace(data); len(preface) > 0 {
			preface = append(preface, "\n\n"...)
		}
	}
	clients, err := mapping(document.Content[0], "clients")
	if err != nil {
		return nil, err
	}
	client, err := mapping(clients, name)
	if err != nil {
		return nil, err
	}
	for i := len(client.Content) - 2; anew && i >= 0; i -= 2 {
		if key := client.Content[i].Value; key != "store" {
			remove(client, key)
		}
	}
	for _, s := range settings {
		if s.Value == nil {
			remove(client, s.Key)
			continue
		}
		var value yaml.Node
		if err := value.Encode(s.Value); err != nil {
			return nil, err
		}
		escape(&value)
		set(client, s.Key, &value)
	}
	edited, err := print(document, layoutOf(data, document), marked)
	if err != nil {
		return nil, err
	}
	edited = append(preface, edited...)
	return edited, sameBut(data, edited, name)
}

// isJSON reports whether a file is JSON, whose style an edit would not keep.
func isJSON(data []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) }

// emptyLine stands for an empty line while a file is edited: package yaml keeps
// comments but not empty lines.
const emptyLine = "#:bearer:empty line"

// parse returns the document. If marked, comments stand for empty lines in it.
func parse(data []byte) (document *yaml.Node, marked bool, err error) {
	document, err = load(mark(data))
	if err == nil && within(document, emptyLine) { // in a text of several lines
		document, err = load(data)
		return document, false, err
	}
	return document, true, err
}

// load returns the one document of a file. Package yaml panics for some input
// that it does not expect, which is no YAML either.
func load(data []byte) (document *yaml.Node, err error) {
	notYAML := fmt.Errorf("it is not YAML, and %w", errEdit)
	defer func() {
		if recover() != nil {
			document, err = nil, notYAML
		}
	}()
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	document = new(yaml.Node)
	var second yaml.Node
	if err := loader.Load(document); err != nil && !errors.Is(err, io.EOF) {
		return nil, notYAML
	}
	if err := loader.Load(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it has more than one document, and %w", errEdit)
	}
	return document, nil
}

// mark puts a comment in place of each empty line, indented like the line that
// follows.
func mark(data []byte) []byte {
	lines := strings.Split(string(data), "\n")
	indent := ""
	for i := len(lines) - 2; i >= 0; i-- {
		if strings.TrimSpace(lines[i]) == "" {
			lines[i] = indent + emptyLine
		} else {
			indent = lines[i][:len(lines[i])-len(strings.TrimLeft(lines[i], " "))]
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// within reports whether a value or a key has that text.
func within(n *yaml.Node, text string) bool {
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, text) {
		return true
	}
	for _, inner := range n.Content {
		if within(inner, text) {
			return true
		}
	}
	return false
}

func print(document *yaml.Node, as layout, marked bool) ([]byte, error) {
	var out bytes.Buffer
	dumper, err := yaml.NewDumper(&out, yaml.WithIndent(as.indent), yaml.WithCompactSeqIndent(as.compact), yaml.WithExplicitStart(as.start),
		yaml.WithLineWidth(-1), yaml.WithUnicode(true))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(dumper.Dump(document), dumper.Close()); err != nil {
		return nil, err
	}
	if !marked {
		return out.Bytes(), nil
	}
	var lines []string
	for line := range strings.Lines(out.String()) {
		if strings.TrimSpace(line) == emptyLine {
			line = "\n"
		}
		lines = append(lines, line)
	}
	return []byte(strings.Join(lines, "")), nil
}

// sameBut returns an error unless two files declare the same but for the client
// name: what cannot be edited well is not edited.
func sameBut(before, after []byte, name string) error {
	var contents [2]map[string]any
	for i, data := range [][]byte{before, after} {
		if err := yaml.Unmarshal(data, &contents[i]); err != nil {
			return errEdit
		}
		clients, _ := contents[i]["clients"].(map[string]any)
		delete(clients, name)
		if len(clients) == 0 {
			delete(contents[i], "clients")
		}
	}
	if len(contents[0])+len(contents[1]) > 0 && !reflect.DeepEqual(contents[0], contents[1]) {
		return errEdit
	}
	return nil
}

// mapping returns the mapping that is the value of key in another mapping, and
// adds one if there is none. What has no value is an empty mapping.
func mapping(in *yaml.Node, key string) (*yaml.Node, error) {
	if isNull(in) {
		*in = *empty()
	}
	if in.Kind != yaml.MappingNode {
		return nil, errEdit
	}
	i := index(in, key)
	if i < 0 {
		value := empty()
		set(in, key, value)
		return value, nil
	}
	value := in.Content[i+1]
	if isNull(value) {
		comments := *value
		*value = *empty()
		value.HeadComment, value.LineComment = comments.HeadComment, comments.LineComment
	}
	if value.Kind != yaml.MappingNode {
		return nil, errEdit // an alias, say, which others share
	}
	return value, nil
}

func empty() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// index returns where in a mapping's content the key is, -1 if it is not there.
func index(in *yaml.Node, key string) int {
	for i := 0; i+1 < len(in.Content); i += 2 {
		if in.Content[i].Value == key {
			return i
		}
	}
	return -1
}

func set(in *yaml.Node, key string, value *yaml.Node) {
	if i := index(in, key); i >= 0 {
		value.LineComment = in.Content[i+1].LineComment
		in.Content[i+1] = value
		return
	}
	if len(in.Content) == 0 {
		in.Style &^= yaml.FlowStyle // "clients: {}" grows by lines
	}
	in.Content = append(in.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, value)
}

func remove(in *yaml.Node, key string) {
	if i := index(in, key); i >= 0 {
		in.Content = append(in.Content[:i], in.Content[i+2:]...)
	}
}

// escape changes a value to how the file writes it: ${NAME} is a variable there
// and $$ a dollar sign, and lists stand in one line.
func escape(value *yaml.Node) {
	if strings.Contains(value.Value, "${") || strings.Contains(value.Value, "$$") {
		value.Value = strings.ReplaceAll(value.Value, "$", "$$")
	}
	for _, inner := range value.Content {
		escape(inner)
	}
	if value.Kind != yaml.ScalarNode {
		value.Style = yaml.FlowStyle
	}
}
