-- Data keys are random and lie here, wrapped by a key-encryption key of the keystore. Rows from
-- before have no kek: those keys are derived, and only open what they sealed.

-- +goose Up
ALTER TABLE data_keys ADD COLUMN kek TEXT NOT NULL DEFAULT '';
ALTER TABLE data_keys ADD COLUMN wrapped BYTEA; -- null once it was destroyed
ALTER TABLE data_keys ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;

-- The generations of the keys of blind names. The last one is in force when it is complete; until
-- then names are being turned to it, and nobody serves.
CREATE TABLE lookup_keys (
    generation  BIGINT  PRIMARY KEY,
    fingerprint BYTEA   NOT NULL,
    complete    INTEGER NOT NULL,
    at          BIGINT  NOT NULL
);

-- Holder ids on their way from one generation to the next; empty but inside a transaction.
CREATE TABLE lookup_moves (
    before TEXT PRIMARY KEY,
    after  TEXT NOT NULL
);

-- Every time that a backup was put in place of the record. New status lists bear the id of the
-- last one in their names: those of the time that was lost are never given out again.
CREATE TABLE restores (
    id          TEXT   PRIMARY KEY,
    backup      TEXT   NOT NULL,
    taken_at    BIGINT NOT NULL,
    restored_at BIGINT NOT NULL
);

-- The keys that callers give their requests are blind from now on: they like to take citizens'
-- numbers. Those in clear are a day old at most, or answer nobody any more.
DELETE FROM requests;
UPDATE verifications SET request_key = '', request_hash = '' WHERE request_key <> '';
