-- What an auditor asks of the registry's history, and an operator of a party's use.

-- +goose Up
CREATE INDEX registry_history_entry ON registry_history (kind, id, revision);
CREATE INDEX verifications_party ON verifications (party, at);
