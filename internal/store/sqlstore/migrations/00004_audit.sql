-- The audit log: what happened, committed to, in the order of the tree once it has one.

-- +goose Up
CREATE TABLE audit_entries (
    id        TEXT   PRIMARY KEY,
    idx       BIGINT UNIQUE,   -- place in the tree; null until the tree has taken it in
    at        BIGINT NOT NULL,
    holder_id TEXT   NOT NULL, -- blind; empty when it is about nobody
    leaf      BYTEA  NOT NULL,
    opening   BYTEA            -- sealed: salt and event; destroyed when the person is erased
);
CREATE INDEX audit_entries_waiting ON audit_entries (at) WHERE idx IS NULL;
CREATE INDEX audit_entries_holder ON audit_entries (holder_id) WHERE holder_id <> '';
