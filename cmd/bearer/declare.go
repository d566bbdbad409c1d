package main

import (
	"context"
	"errors"
	"reflect"
	"strings"

	"example.com/bearer/cmd/bearer/internal/declaration"
	"example.com/bearer/config"
)

// What the command line says about a client becomes its declaration, in the
// user's own file or in the one that the user names. First it is only tried: a
// typing error must not be written down.

// declare makes s.declared the file with what the command line says.
func (s *session) declare() error {
	declares := s.declared != nil && s.has(s.name)
	switch {
	case declares && len(s.setup.settings) == 0:
		return nil
	case declares && s.file.Found:
		return s.changeThere(s.file)
	case !declares && (!s.setup.canDeclare(s.name) || s.declared != nil && s.file.Found):
		return s.unknown()
	}
	path, err := declaration.Target(configFlag(s.cmd))
	if err != nil {
		return err
	}
	file, err := declaration.ReadOrNew(path)
	if err != nil {
		return err
	}
	before, err := s.openBefore(file)
	if err != nil {
		return err
	}
	return s.change(file, before)
}

// openBefore opens the file as it is. It returns nil if that does not declare
// the client.
func (s *session) openBefore(file declaration.File) (*declared, error) {
	if len(declaration.Names(file.Data)) == 0 {
		return nil, nil // it is new, or what is in it is no client
	}
	before, err := openFile(file, s.setup.typed)
	if err != nil || !before.has(s.name) {
		return nil, err
	}
	return before, nil
}

// change opens the file with the settings of the command line, unless it says
// the same already.
func (s *session) change(file declaration.File, before *declared) error {
	var was config.Client
	if before != nil {
		was, _ = before.Declaration(s.name) // it is there
		s.setup.anew = s.setup.moves(was)
	}
	isNew := before == nil || s.setup.anew
	if isNew {
		if err := s.setup.asNew(s.name); err != nil {
			return err
		}
	}
	if err := s.open(file); err != nil {
		return err
	}
	is, err := s.Declaration(s.name)
	if err != nil {
		return err
	}
	if isNew && s.setup.authentication(is, s.secrets.known(s.name)) {
		if err := s.open(file); err != nil {
			return err
		}
	}
	if s.setup.anew && s.sharesSecret(before) {
		variable := secretVariable(s.name)
		return usagef("%s may be the secret of %s at %s: unset it or give --client-secret-file, or take another name", variable, s.name, host(was))
	}
	if before != nil && reflect.DeepEqual(was, is) {
		s.declared, s.setup.settings = before, nil
		return nil
	}
	s.before = before
	return nil
}

// sharesSecret reports whether the environment's secret, which the client as it
// was declared uses, would be sent to its new server.
func (s *session) sharesSecret(before *declared) bool {
	return s.setup.typed[s.name] == "" && before.secrets.uses(s.name) && s.secrets.uses(s.name) && s.secrets.known(s.name)
}

// open opens the file with the settings of the command line.
func (s *session) open(file declaration.File) error {
	s.setup.sort()
	data, err := file.Declare(s.name, s.setup.settings, s.setup.anew)
	if err != nil {
		return err
	}
	file.Data = data
	s.declared, err = openFile(file, s.setup.typed)
	return s.flagged(err)
}

// flagged returns faults of the client as an error about the command line, where
// they come from.
func (s *session) flagged(err error) error {
	faulty, ok := errors.AsType[*config.Error](err)
	if !ok {
		return err
	}
	var texts []string
	client := "clients." + s.name
	for _, fault := range faulty.Faults {
		switch key, within := strings.CutPrefix(fault.Path, client+"."); {
		case within:
			texts = append(texts, s.setup.flagOf(key)+": "+fault.Text)
		case fault.Path == client || fault.Path == "clients":
			texts = append(texts, fault.Text)
		default:
			return err
		}
	}
	return usagef("%s cannot be declared: %s", s.name, strings.Join(texts, "; "))
}

// changes reports whether the command line says what the file does not.
func (s *session) changes() bool { return len(s.setup.settings) > 0 }

// save writes the declaration, and deletes the token of what it replaces.
func (s *session) save(ctx context.Context) error {
	if !s.changes() {
		return nil
	}
	err := declaration.Update(ctx, s.file.Path, func(f declaration.File) ([]byte, error) {
		return f.Declare(s.name, s.setup.settings, s.setup.anew)
	})
	if err != nil || s.before == nil {
		return err
	}
	old, err := s.before.Cache(s.name)
	if err != nil || old.Store == nil || old.Key == s.cache.Key && old.Store == s.cache.Store {
		return err
	}
	return old.Delete(ctx)
}
