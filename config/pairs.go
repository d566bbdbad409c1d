package config

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// resolve follows an alias, and ends what goes on for too long: aliases of
// aliases, and an alias within its own anchor.
func (d *decoder) resolve(n *yaml.Node, path string, depth int) (*yaml.Node, bool) {
	if d.nodes++; d.exceeds(n, depth) {
		return nil, false
	}
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil {
			return nil, false
		}
		return d.resolve(n.Alias, path, depth+1)
	}
	return n, true
}

// exceeds reports, and once adds as a fault, that there is too much.
func (d *decoder) exceeds(n *yaml.Node, depth int) bool {
	if d.nodes <= maxNodes && depth <= maxDepth {
		return false
	}
	if !d.exceeded {
		d.exceeded = true
		d.add(place{n.Line, n.Column}, "", "aliases make the file too large or too deep from here on; write the values out", "")
	}
	return true
}

// A pair is a key with its value.
type pair struct{ key, value *yaml.Node }

// pairs returns what a map says, merge keys (<<) included: its own keys come
// first, then those of the maps that it merges.
func (d *decoder) pairs(n *yaml.Node, path string, depth int) []pair {
	var own, merged []pair
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := place{key.Line, key.Column}
		if d.nodes++; d.exceeds(key, depth) || d.full() {
			d.unclear[path] = true
			break // also of a map that is merged many times, or has many unknown keys
		}
		if key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Style == 0 {
			merged = append(merged, d.merged(value, path, depth)...)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			d.add(at, path, "a key is not a single word", "")
			continue
		}
		if other := first[key.Value]; other != nil {
			d.add(at, path, fmt.Sprintf("%s is set twice, first in line %d; remove one", printable(key.Value), other.Line),
				fmt.Sprintf("a key is set twice, first in line %d; remove one", other.Line))
			continue
		}
		first[key.Value] = key
		own = append(own, pair{key, value})
	}
	for _, p := range merged {
		if first[p.key.Value] == nil {
			first[p.key.Value] = p.key
			own = append(own, p)
		}
	}
	return own
}

// merged returns the pairs of the map, or the list of maps, that a merge key
// leads to.
func (d *decoder) merged(n *yaml.Node, path string, depth int) []pair {
	n, ok := d.resolve(n, path, depth+1)
	if !ok {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return d.pairs(n, path, depth+1)
	case yaml.SequenceNode:
		var all []pair
		for _, one := range n.Content {
			all = append(all, d.merged(one, path, depth+1)...)
		}
		return all
	}
	d.unclear[path] = true
	d.add(place{n.Line, n.Column}, path, "a merge key (<<) leads to a map, or to a list of maps", "")
	return nil
}
