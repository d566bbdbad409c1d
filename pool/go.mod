module example.com/bearer/pool

go 1.26.0

require (
	example.com/bearer v0.0.0
	github.com/maypok86/otter/v2 v2.4.0
	golang.org/x/sync v0.24.0
)

require (
	github.com/go-jose/go-jose/v4 v4.1.8 // indirect
	github.com/gofrs/flock v0.13.1 // indirect
	github.com/hashicorp/go-cleanhttp v0.5.2 // indirect
	github.com/hashicorp/go-retryablehttp v0.7.8 // indirect
	github.com/sony/gobreaker/v2 v2.4.0 // indirect
	golang.org/x/oauth2 v0.37.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace example.com/bearer => ..
