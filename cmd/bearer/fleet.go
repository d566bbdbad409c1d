package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"example.com/bearer/cmd/bearer/internal/fleet"
)

// The limits keep a typing error from using up the machine's processes or its
// memory: the record of a request takes 24 bytes, and each process sends 100 a
// second.
const (
	maxProcesses = 128
	maxFleetFor  = time.Hour
)

// workerCommand is the command that a fleet's processes run.
const workerCommand = "fleet-worker"

type fleetFlags struct {
	fleet  fleet.Fleet
	json   bool
	report string
}

func newFleet() *cobra.Command {
	var f fleetFlags
	cmd := &cobra.Command{
		Use:   "fleet",
		Short: "Show how processes share one login while some of them are killed",
		Long: `Start processes that share one login in one store, and an authorization server and
an API on loopback, which they send requests to. Tokens live for 2 s, the refresh
token can be used once, and to use it again revokes the login.

Meanwhile, as often as the flags say, a process is killed and replaced, every second
time in the middle of a refresh, if one comes soon; one that holds the lock is stopped
for one and a half times as long as a lock lasts; or the store is cut off for 10 s.
With any of these both sides declare a reuse grace of 30 s. The last quarter of the
time, but at most 10 s, is without faults: there the processes must come to use one
token again.

The exit status is 1 if something happened that must not: a request failed although
its process had a valid token, or without a cut at all; a refresh token was used
again after its grace; or there was more than one token request per expiry and fault.`,
		Example: `  bearer fleet
  bearer fleet --processes 16 --for 60s --kill 1s --stop 5s --cut 20s --report fleet.html
  bearer fleet --store redis://127.0.0.1:6379/0 --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			return f.run(cmd)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&f.fleet.Processes, "processes", 4, "run `N` processes")
	flags.DurationVar(&f.fleet.For, "for", 10*time.Second, "run for this `TIME`")
	flags.StringVar(&f.fleet.Store, "store", fleet.Dir, "share this `STORE`: "+fleet.Stores)
	flags.DurationVar(&f.fleet.Kill, "kill", 0, "kill a process every `TIME`")
	flags.DurationVar(&f.fleet.Stop, "stop", 0, "stop the process that holds the lock every `TIME`")
	flags.DurationVar(&f.fleet.Cut, "cut", 0, "cut the store off every `TIME`")
	flags.BoolVar(&f.json, "json", false, "print one JSON object instead of the table")
	flags.StringVar(&f.report, "report", "", "write an HTML page with charts to `FILE`")
	return cmd
}

func newFleetWorker() *cobra.Command {
	return &cobra.Command{
		Use:     workerCommand,
		Short:   "Be one process of bearer fleet",
		Hidden:  true,
		Example: `  bearer fleet`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fleet.Work(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

// check returns what is wrong before anything is started.
func (f *fleetFlags) check(cmd *cobra.Command) error {
	if n := f.fleet.Processes; n < 1 || n > maxProcesses {
		return usagef("--processes must be from 1 to %d, got %d", maxProcesses, n)
	}
	if d := f.fleet.For; d < time.Second || d > maxFleetFor {
		return usagef("--for must be from 1s to 1h, got %v", d)
	}
	if err := fleet.CheckStore(f.fleet.Store); err != nil {
		return usagef("--store %w", err)
	}
	for _, fault := range []struct {
		flag  string
		every time.Duration
	}{{"kill", f.fleet.Kill}, {"stop", f.fleet.Stop}, {"cut", f.fleet.Cut}} {
		if cmd.Flags().Changed(fault.flag) && (fault.every < fleet.Often || fault.every > maxFleetFor) {
			return usagef("--%s must be from %v to 1h, got %v", fault.flag, fleet.Often, fault.every)
		}
		if within := f.fleet.FaultsFor(); fault.every >= within {
			return usagef("--%s %v is too long: with --for %v, faults happen in the first %v only; make --for longer", fault.flag, fault.every, f.fleet.For, within)
		}
	}
	if f.fleet.Stop > 0 && !fleet.CanStop {
		return usagef("--stop needs signals that Windows does not have: leave it out")
	}
	return checkReport(cmd, f.report)
}

// checkReport returns what is wrong with the name of a report.
func checkReport(cmd *cobra.Command, report string) error {
	if !cmd.Flags().Changed("report") {
		return nil
	}
	if report == "" {
		return usagef("--report needs the name of a file")
	}
	if info, err := os.Stat(report); err == nil && info.IsDir() {
		return usagef("--report %s: is a folder, not a file", report)
	}
	if _, err := os.Stat(filepath.Dir(report)); err != nil {
		return usagef("--report: %w", err)
	}
	return nil
}

func (f *fleetFlags) run(cmd *cobra.Command) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f.fleet.Program = []string{self, workerCommand}
	run := fleet.New(f.fleet)
	stop := watch(cmd.ErrOrStderr(), "fleet", f.fleet.Expected(), run.Done)
	result, err := run.Do(cmd.Context())
	stop()
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if f.json {
		err = writeJSON(cmd.OutOrStdout(), result.Stats)
	} else {
		err = result.WriteTable(cmd.OutOrStdout())
	}
	if err != nil {
		return err
	}
	if f.report != "" {
		var page bytes.Buffer
		if err := result.WriteReport(&page); err != nil {
			return err
		}
		if err := os.WriteFile(f.report, page.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if problems := result.Problems(); len(problems) > 0 {
		return errors.New("fleet: " + strings.Join(problems, "; "))
	}
	return nil
}
