// Package linear has tests only: histories of what clients do to a Store at
// once, while connections are cut and processes killed, are checked for
// linearizability, that is, for one order of all calls that explains what each
// of them returned.
package linear
