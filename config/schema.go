package config

import _ "embed"

// Schema is the JSON Schema of a file, draft 2020-12, for editors and other
// programs. Load does not need it, and checks more.
//
//go:embed bearer.schema.json
var Schema []byte
