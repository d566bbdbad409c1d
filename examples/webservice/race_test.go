//go:build race

package main

// SQLite in Go is slow under the race detector.
const users = 100
