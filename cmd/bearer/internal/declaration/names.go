package declaration

import "regexp"

// valid matches the names of clients, as package config has them. A shell that
// completes a name must not be given anything else.
var valid = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// Names returns the names of the clients in a file's data, in its order, as far
// as it can be read. Nothing else in the file is looked at.
func Names(data []byte) []string {
	document, err := load(data)
	if err != nil || len(document.Content) == 0 {
		return nil
	}
	i := index(document.Content[0], "clients")
	if i < 0 {
		return nil
	}
	var names []string
	clients := document.Content[0].Content[i+1]
	for i := 0; i+1 < len(clients.Content); i += 2 {
		if name := clients.Content[i].Value; valid.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}
