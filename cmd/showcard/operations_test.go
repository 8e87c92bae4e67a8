package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/showcard/showcard/schemas"
)

// yamlKeys lists the keys of a configuration struct, with the value that each has: nested ones as
// a.b, those of a list's entries likewise.
func yamlKeys(t *testing.T, prefix string, v reflect.Value, keys map[string]reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		f, one := v.Type().Field(i), v.Field(i)
		if !f.IsExported() {
			continue
		}
		name := f.Tag.Get("yaml")
		require.NotEmpty(t, name, "%s.%s has no key", v.Type(), f.Name)
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			one = reflect.Zero(f.Type.Elem())
		}
		if one.Kind() == reflect.Struct && one.Type() != reflect.TypeFor[schemas.Text]() {
			yamlKeys(t, prefix+name+".", one, keys)
			continue
		}
		keys[prefix+name] = one
	}
}

// docs/operations.md has every key of the configuration and no other, and where check fills in a
// duration or a word the page has the same.
func TestOperationsHasEveryKey(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(page), "\n### Every key\n")
	require.True(t, found)
	table, _, found := strings.Cut(rest, "\n## ")
	require.True(t, found)
	quoted := regexp.MustCompile("`([^`]+)`")
	defaults := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| `") || len(cells) < 3 {
			continue
		}
		names := quoted.FindAllStringSubmatch(cells[0], -1)
		usual := strings.Split(strings.ReplaceAll(cells[1], "`", ""), ", ")
		for i, name := range names {
			require.NotContains(t, defaults, name[1], "twice")
			defaults[name[1]] = usual[min(i, len(usual)-1)]
		}
	}

	folder := t.TempDir()
	c := config{
		PublicURL: "https://cards.example.gov.cn", Data: folder, KeystoreKeyFile: filepath.Join(folder, "k"),
		Domain: domainConfig{Code: "4300", Name: schemas.Text{ZH: "湖南省", EN: "Hunan"}},
	}
	given := c
	require.NoError(t, c.check())
	keys, before := map[string]reflect.Value{}, map[string]reflect.Value{}
	yamlKeys(t, "", reflect.ValueOf(c), keys)
	yamlKeys(t, "", reflect.ValueOf(given), before)
	for key, value := range keys {
		usual, ok := defaults[key]
		if !ok {
			t.Errorf("docs/operations.md does not have the key %s", key)
			continue
		}
		delete(defaults, key)
		switch is := value.Interface().(type) {
		case time.Duration:
			if want, err := time.ParseDuration(usual); is != 0 && (err != nil || want != is) {
				t.Errorf("the default of %s is %s, and docs/operations.md says %s", key, is, usual)
			}
		case string:
			if is = strings.ReplaceAll(is, folder, "DATA"); before[key].IsZero() && is != "" && is != usual {
				t.Errorf("the default of %s is %s, and docs/operations.md says %s", key, is, usual)
			}
		}
	}
	require.Empty(t, defaults, "no such key")
}
