package grant

import (
	"reflect"

	"example.com/bearer/internal/mistake"
)

// nilInside rejects a nil pointer or func inside the interface in the named
// field. The interface is not nil then, and its first use would panic.
func nilInside(field string, value any) error {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Pointer, reflect.Func:
		if v.IsNil() {
			return mistake.Errorf("%s is a nil %T; set it, or leave it out", field, value)
		}
	}
	return nil
}
