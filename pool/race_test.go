//go:build race

package pool_test

// The race detector ends a program that has 8128 goroutines.
const raceDetector = true
