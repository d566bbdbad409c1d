//go:build !race

package main

const users = 1000
