-- The Merkle tree over the audit entries, its checkpoints, and a table of entries that is quick
-- to write: an entry that waits stands in two indexes, not in three.

-- +goose Up
DROP INDEX audit_entries_waiting;
DROP INDEX audit_entries_holder;
ALTER TABLE audit_entries RENAME TO audit_entries_4;
CREATE TABLE audit_entries (
    id        TEXT   PRIMARY KEY,
    idx       BIGINT,          -- place in the tree; null until the tree has taken it in
    at        BIGINT NOT NULL,
    holder_id TEXT   NOT NULL, -- blind; empty when it is about nobody, and after an erasure
    leaf      BYTEA  NOT NULL,
    opening   BYTEA            -- sealed: salt and event; destroyed when the person is erased
);
INSERT INTO audit_entries (id, idx, at, holder_id, leaf, opening) SELECT id, idx, at, holder_id, leaf, opening FROM audit_entries_4;
DROP TABLE audit_entries_4;
CREATE UNIQUE INDEX audit_entries_placed ON audit_entries (idx) WHERE idx IS NOT NULL;
CREATE INDEX audit_entries_waiting ON audit_entries (at) WHERE idx IS NULL;
CREATE INDEX audit_entries_holder ON audit_entries (holder_id) WHERE holder_id <> '';

-- One row: how far the tree has grown. Who grows it locks the row.
CREATE TABLE audit_tree (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    size   BIGINT  NOT NULL,
    hashes BYTEA   NOT NULL, -- of the compact range [0, size), left to right
    swept  BIGINT  NOT NULL  -- openings below this place were swept after their retention
);
INSERT INTO audit_tree (one, size, hashes, swept) VALUES (1, 0, '', 0);

-- Hashes of the levels 0, 8, 16, … in runs of up to 256 (C2SP tlog-tiles).
CREATE TABLE audit_tiles (
    level  INTEGER NOT NULL,
    idx    BIGINT  NOT NULL,
    hashes BYTEA   NOT NULL,
    PRIMARY KEY (level, idx)
);

CREATE TABLE audit_checkpoints (
    size      BIGINT PRIMARY KEY,
    at        BIGINT NOT NULL,
    note      TEXT   NOT NULL, -- signed, with the cosignatures collected so far
    witnesses BIGINT NOT NULL  -- how many cosigned
);
