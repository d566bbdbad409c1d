// Command scenarios puts bearer and its peers through the same situations, one
// after another in this process, and prints one table:
//
//	go run ./bench/scenarios          # from the repository's root
//	go run ./bench/scenarios --json   # what ./bench/chart reads
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"

	"example.com/bearer/bench/peers"
)

func main() {
	asJSON := flag.Bool("json", false, "print JSON instead of a table")
	only := flag.String("run", "", "run the scenarios whose names match this regular expression")
	testing.Init() // for testing.Benchmark
	flag.Parse()
	if err := run(*asJSON, *only); err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
}

func run(asJSON bool, only string) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	r, err := measureAll(full, peers.All, match, func(progress string) { fmt.Fprintln(os.Stderr, progress) })
	if err != nil {
		return err
	}
	if !asJSON {
		return r.Text(os.Stdout)
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "\t")
	return enc.Encode(r)
}
