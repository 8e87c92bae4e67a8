-- Sessions of people who have signed in. A session that ends is removed; that it was, the audit
-- log says.

-- +goose Up
CREATE TABLE sessions (
    id           TEXT   PRIMARY KEY, -- worth nothing without our signature around it
    holder_id    TEXT   NOT NULL,    -- blind
    name         BYTEA,              -- sealed; null when the provider told none
    method       TEXT   NOT NULL,
    assurance    TEXT   NOT NULL,
    at           BIGINT NOT NULL,
    step_up      BIGINT,
    signed_in_at BIGINT NOT NULL,
    expires      BIGINT NOT NULL
);
CREATE INDEX sessions_holder ON sessions (holder_id);
CREATE INDEX sessions_expires ON sessions (expires);
