package sqlstore

import (
	"strings"

	"example.com/bearer/internal/mistake"
)

// A Dialect is a kind of database. Its zero value is none.
type Dialect int

// The dialects of a [Store].
const (
	Postgres Dialect = iota + 1 // PostgreSQL 9.5 or later
	SQLite                      // SQLite 3.24 or later
)

// names are the quoted names of the tables, in a dialect.
type names struct {
	dialect       Dialect
	values, lease string
}

func (s *Store) names() (names, error) {
	if s.Dialect != Postgres && s.Dialect != SQLite {
		return names{}, mistake.Errorf("sqlstore: Store.Dialect is %d: set it to Postgres or SQLite", s.Dialect)
	}
	table := s.Table
	if table == "" {
		table = defaultTable
	}
	parts := strings.Split(table, ".")
	for i, part := range parts {
		if !identifier(part) || i > 1 {
			return names{}, mistake.Errorf("sqlstore: Store.Table is %q: it is up to %d letters, digits and underscores, after a schema and a dot if need be", s.Table, longestName)
		}
	}
	values := `"` + strings.Join(parts, `"."`) + `"`
	return names{s.Dialect, values, strings.TrimSuffix(values, `"`) + `_lease"`}, nil
}

// longestName leaves room for "_lease" in the 63 bytes of PostgreSQL's names,
// beyond which it cuts them.
const longestName = 57

func identifier(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', b == '_':
		case '0' <= b && b <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != "" && len(s) <= longestName
}

// Schema returns the statements that make the tables of a [Store] with the
// default Table: run them when the program is installed, or with other
// migrations. They leave tables that exist as they are, so they may be run
// again. Further columns are no trouble if they have defaults. For a Dialect that
// is neither, it returns "".
func Schema(dialect Dialect) string {
	ddl, _ := (&Store{Dialect: dialect}).Schema()
	return ddl
}

// Schema is the function of that name, for the Dialect and Table of s. The DB is
// not needed.
func (s *Store) Schema() (string, error) {
	n, err := s.names()
	if err != nil {
		return "", err
	}
	return n.replace(schema), nil
}

// The values and the leases are two tables, though one with columns that may be
// NULL would do. A lock exists without a value, and the other way round; a
// renewal every few seconds neither rewrites a value nor waits for one; and
// a row of a lease is deleted with the lock, so that an idle table is empty.
//
// Times are milliseconds since 1970, by the database's clock, in both dialects.
const schema = `CREATE TABLE IF NOT EXISTS {values} (
	key   {bytes} NOT NULL PRIMARY KEY,
	value {bytes} NOT NULL
);
CREATE TABLE IF NOT EXISTS {lease} (
	key     {bytes} NOT NULL PRIMARY KEY,
	owner   text   NOT NULL, -- a random name for each lock
	expires bigint NOT NULL, -- in ms since 1970, by the clock of the database
	lasts   bigint NOT NULL  -- in ms
);
`

// statements are the statements of a Store. Each is whole: it commits by itself,
// needs nothing of the session, and leaves nothing there, so that a proxy may
// send each to another connection.
type statements struct {
	get, put, delete           string
	swap, add, remove          string
	take, left, renew, release string
}

func (n names) statements() statements {
	return statements{
		get:    n.replace(`SELECT value FROM {values} WHERE key = $1`),
		put:    n.replace(`INSERT INTO {values} (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value`),
		delete: n.replace(`DELETE FROM {values} WHERE key = $1`),

		swap:   n.replace(`UPDATE {values} SET value = $3 WHERE key = $1 AND value = $2`),
		add:    n.replace(`INSERT INTO {values} (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`),
		remove: n.replace(`DELETE FROM {values} WHERE key = $1 AND value = $2`),

		take: n.replace(`INSERT INTO {lease} AS l (key, owner, expires, lasts) VALUES ($1, $2, {now} + $3, $3)
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, expires = {now} + excluded.lasts, lasts = excluded.lasts
WHERE l.owner = excluded.owner OR l.expires <= {now} OR {void}`),
		left:    n.replace(`SELECT CASE WHEN {void} THEN 0 ELSE l.expires - {now} END FROM {lease} AS l WHERE l.key = $1`),
		renew:   n.replace(`UPDATE {lease} SET expires = {now} + lasts WHERE key = $1 AND owner = $2`),
		release: n.replace(`DELETE FROM {lease} WHERE key = $1 AND owner = $2`),
	}
}

// replace replaces the names in braces. {now} is the time at which it is
// evaluated, not that at which the statement began to wait for a row.
func (n names) replace(query string) string {
	now, bytes := "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)", "bytea"
	if n.dialect == SQLite {
		now, bytes = "CAST((julianday('now') - 2440587.5) * 86400000 AS integer)", "blob"
		query = strings.ReplaceAll(query, "$", "?")
	}
	// A lease that ends later than it can is from before the clock was set
	// back, and the lock would otherwise be stuck for as long. Twice its
	// duration allows for small corrections.
	query = strings.ReplaceAll(query, "{void}", "l.expires > {now} + 2 * l.lasts")
	return strings.NewReplacer("{values}", n.values, "{lease}", n.lease, "{now}", now, "{bytes}", bytes).Replace(query)
}
