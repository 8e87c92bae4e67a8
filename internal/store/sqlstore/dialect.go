package sqlstore

import (
	"bytes"
	"io"
	"io/fs"
	"regexp"
	"time"
)

// translatedFS is the migrations as PostgreSQL takes them. The files are one text for both databases. What
// only PostgreSQL has, such as where long values lie, stands behind "-- PostgreSQL: " and is a comment to
// SQLite. And one thing differs: a TEXT of SQLite is compared byte by byte, one of PostgreSQL by the language of its
// database, which may change with the system's libraries, and breaks the order of an index when it
// does. So every text column is given the collation of bytes.
type translatedFS struct{ fs.FS }

// textColumn is the type of a column, where it stands in CREATE TABLE and ALTER TABLE: after a name.
var textColumn = regexp.MustCompile(`(?m)^(\s+[a-z_]+\s+|ALTER TABLE [a-z_]+ ADD COLUMN [a-z_]+ )TEXT\b`)

func inDialect(sql []byte) []byte {
	sql = bytes.ReplaceAll(sql, []byte("\n-- PostgreSQL: "), []byte("\n"))
	return textColumn.ReplaceAll(sql, []byte(`${1}TEXT COLLATE "C"`))
}

// Open implements [fs.FS].
func (d translatedFS) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return f, err
	}
	defer f.Close() //nolint:errcheck // it lies in memory
	sql, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	sql = inDialect(sql)
	return translated{bytes.NewReader(sql), translatedInfo{name: info.Name(), size: int64(len(sql))}}, nil
}

type translated struct {
	*bytes.Reader
	info translatedInfo
}

func (t translated) Stat() (fs.FileInfo, error) { return t.info, nil }

func (t translated) Close() error { return nil }

type translatedInfo struct {
	name string
	size int64
}

func (i translatedInfo) Name() string { return i.name }

func (i translatedInfo) Size() int64 { return i.size }

func (i translatedInfo) Mode() fs.FileMode { return 0o444 }

func (i translatedInfo) ModTime() time.Time { return time.Time{} }

func (i translatedInfo) IsDir() bool { return false }

func (i translatedInfo) Sys() any { return nil }
