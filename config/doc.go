// Package config declares the clients of authorization servers in a file, YAML
// or JSON, and opens them:
//
//	set, err := config.Load("bearer.yaml")
//	client, err := set.Client("reports")
//	resp, err := client.Get("https://api.example.com/v1/reports")
//
// A file has clients by name, providers by name that clients share, and
// defaults for all clients:
//
//	clients:
//	  reports:
//	    token_url: https://auth.example.com/token
//	    client_id: batch
//	    client_secret_file: secrets/reports
//	    base_url: https://api.example.com/v1
//
// [Client] and [Server] have all settings; docs/config.md has them as a table.
// A key that is not set has its recommended value; false turns a part off.
//
// Opening a file makes no request. All that is wrong with it is one [*Error],
// with the line and the column of each fault, and without secrets: a line that
// holds one is never quoted.
package config
