// Command chart draws chart.svg from results.json, and puts its tables into
// README.md. It runs from the repository's root, as ./bench/scenarios does:
//
//	go run ./bench/scenarios --json > bench/results.json && go run ./bench/chart
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"example.com/bearer/bench/report"
)

func main() {
	if err := run("bench"); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		return err
	}
	var r report.Report
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("results.json: %w", err)
	}
	svg, err := chart(&r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "chart.svg"), svg, 0o644); err != nil {
		return err
	}
	readme := filepath.Join(dir, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	text, err = fill(text, &r)
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	return os.WriteFile(readme, text, 0o644)
}
