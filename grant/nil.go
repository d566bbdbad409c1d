package grant

import (
	"fmt"
	"reflect"
)

// nilInside refuses a nil pointer or func in the interface of the named field. The interface is not
// nil then, and the first use of it would panic.
func nilInside(field string, value any) error {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Pointer, reflect.Func:
		if v.IsNil() {
			return fmt.Errorf("%s is a nil %T; set it, or leave it out", field, value)
		}
	}
	return nil
}
