package declaration

import (
	"bytes"

	"go.yaml.in/yaml/v4"
)

// A layout is what an edit keeps of how a file is written, beside what its nodes
// say themselves.
type layout struct {
	indent  int  // of a mapping within another one
	compact bool // lists begin to the left of that
	start   bool // the file begins with ---
}

// layoutOf returns the layout of a file, as the first places in it show that.
func layoutOf(data []byte, document *yaml.Node) layout {
	as := layout{start: bytes.HasPrefix(data, []byte("---\n"))}
	list := -1 // how far a list is indented
	var look func(n *yaml.Node)
	look = func(n *yaml.Node) {
		for i, inner := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && inner.Line > n.Content[i-1].Line {
				in := inner.Column - n.Content[i-1].Column
				switch {
				case inner.Kind == yaml.MappingNode && as.indent == 0 && in > 1 && in < 10: // what package yaml can write
					as.indent = in
				case inner.Kind == yaml.SequenceNode && list < 0:
					list = in
				}
			}
			look(inner)
		}
	}
	look(document)
	if as.indent == 0 {
		as.indent = 2
	}
	as.compact = list >= 0 && list < as.indent
	return as
}
