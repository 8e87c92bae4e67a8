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
		{table: "verifications", key: []string{"id"}, columns: []string{"request_hash", "answer", "receipt"}},
		{table: "disputes", key: []string{"id"}, columns: []string{"reason", "answer"}},
		{table: "audit_entries", key: []string{"id"}, columns: []string{"opening"}},
		{table: "sessions", key: []string{"id"}, columns: []string{"name"}},
		{table: "appointments", key: []string{"id"}, columns: []string{"names"}},
		{table: "corrections", key: []string{"id"}, columns: []string{"said", "answer"}},
		{table: "reviews", key: []string{"id"}, columns: []string{"said", "answer"}},
		{table: "consents", key: []string{"id"}, columns: []string{"note"}},
		{table: "passkeys", key: []string{"id"}, columns: []string{"name"}},
		{table: "devices", key: []string{"id"}, columns: []string{"name"}},
	}
}

// blindBytes are columns of binary blind names.
func blindBytes() []sealedPlace {
	return []sealedPlace{
		{table: "certificates", key: []string{"identifier"}, columns: []string{"row_key"}},
	}
}

// column is a column of a table.
type column struct{ table, column string }

// holderIDs are the columns that hold blind ids of people and companies.
func holderIDs() []column {
	return []column{
		{"certificates", "holder_id"},
		{"wallet_copies", "holder_id"},
		{"appointments", "person_id"},
		{"appointments", "company_id"},
		{"appointments", "by_person"},
		{"representatives", "person_id"},
		{"representatives", "company_id"},
		{"verifications", "holder_id"},
		{"verifications", "person_id"},
		{"audit_entries", "holder_id"},
		{"sessions", "holder_id"},
		{"corrections", "person_id"},
		{"reviews", "person_id"},
		{"passkey_users", "person_id"},
		{"passkeys", "person_id"},
		{"disputes", "holder_id"},
		{"exports", "holder_id"},
		{"erasures", "holder_id"},
		{"consents", "holder_id"},
		{"consents", "person_id"},
		{"withdrawals", "person_id"},
		{"devices", "person_id"},
		{"device_stocks", "holder_id"},
		{"device_stocks", "person_id"},
		{"device_serials", "holder_id"},
		{"device_serials", "person_id"},
	}
}

// openBytes are binary columns that are neither sealed nor blind, each for its reason.
func openBytes() map[column]string {
	return map[column]string{
		{"data_keys", "fingerprint"}:   "tells nothing of the key",
		{"data_keys", "wrapped"}:       "wrapped by the key-encryption key",
		{"requests", "digest"}:         "blind; a day old at most, and forgotten when names turn",
		{"lookup_keys", "fingerprint"}: "tells nothing of the keys",
		{"verifications", "ticket"}:    "digest of 128 random bits",
		{"verifications", "proof"}:     "digest of 128 random bits",
		{"consents", "ticket"}:         "digest of 128 random bits",
		{"erasures", "token"}:          "digest of 130 random bits",
		{"registry_entries", "body"}:   "the registry is public",
		{"registry_history", "body"}:   "the registry is public",
		{"audit_entries", "leaf"}:      "commitment under a random salt",
		{"passkey_users", "handle"}:    "random",
		{"passkeys", "credential_id"}:  "random, made by the device",
		{"passkeys", "public_key"}:     "a public key, of this place only",
		{"devices", "public_key"}:      "a public key, of this place only",
		{"device_serials", "serial"}:   "random",
		{"revoked_serials", "serial"}:  "random",
		{"audit_tree", "hashes"}:       "hashes of such leaves",
		{"audit_tiles", "hashes"}:      "hashes of such leaves",
	}
}
