package sqlstore

// What is sealed and what is blind, in one place each. A table with such columns owes a line here:
// without it rotation would pass it by, and a test that walks the tables fails.

// sealedPlace is a table with sealed columns.
type sealedPlace struct {
	table   string
	key     []string // primary key: the table is walked along it
	row     []string // whose values, joined by NUL, name the row to the sealer; nil: key
	columns []string
}

func (p sealedPlace) rowColumns() []string {
	if p.row == nil {
		return p.key
	}
	return p.row
}

func sealedPlaces() []sealedPlace {
	return []sealedPlace{
		{table: "certificates", key: []string{"identifier"}, columns: []string{"row_digest", "reason", "live", "row_data", "credential"}},
		{table: "portraits", key: []string{"identifier"}, columns: []string{"image"}},
		{table: "certificate_events", key: []string{"identifier", "number"}, row: []string{"reason_id"}, columns: []string{"reason"}},
		{table: "push_results", key: []string{"job", "line"}, columns: []string{"detail"}},
		{table: "requests", key: []string{"caller", "request"}, columns: []string{"response"}},
		{table: "wallet_copies", key: []string{"holder_id", "identifier"}, columns: []string{"credential"}},
		{table: "verifications", key: []string{"id"}, columns: []string{"request_hash", "answer"}},
		{table: "audit_entries", key: []string{"id"}, columns: []string{"opening"}},
	}
}

// blindBytes are columns of binary blind names.
func blindBytes() []sealedPlace {
	return []sealedPlace{
		{table: "certificates", key: []string{"identifier"}, columns: []string{"row_key"}},
		{table: "requests", key: []string{"caller", "request"}, columns: []string{"digest"}},
	}
}

// column is a column of a table.
type column struct{ table, column string }

// holderIDs are the columns that hold blind ids of people and companies.
func holderIDs() []column {
	return []column{
		{"certificates", "holder_id"},
		{"wallet_copies", "holder_id"},
		{"agencies", "person_id"},
		{"agencies", "company_id"},
		{"representatives", "person_id"},
		{"representatives", "company_id"},
		{"verifications", "holder_id"},
		{"audit_entries", "holder_id"},
	}
}

// openBytes are binary columns that are neither sealed nor blind, each for its reason.
func openBytes() map[column]string {
	return map[column]string{
		{"data_keys", "fingerprint"}:   "tells nothing of the key",
		{"data_keys", "wrapped"}:       "wrapped by the key-encryption key",
		{"lookup_keys", "fingerprint"}: "tells nothing of the keys",
		{"verifications", "ticket"}:    "digest of 128 random bits",
		{"registry_entries", "body"}:   "the registry is public",
		{"registry_history", "body"}:   "the registry is public",
		{"audit_entries", "leaf"}:      "commitment under a random salt",
	}
}
