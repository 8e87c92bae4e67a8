-- Receipts and the holder's rights: disputes, exports, erasure.

-- +goose Up
ALTER TABLE verifications ADD COLUMN receipt BYTEA;      -- sealed: what the receipt says, and its salts
ALTER TABLE verifications ADD COLUMN portrait_at BIGINT; -- when the portrait was first fetched
ALTER TABLE certificates ADD COLUMN erased_at BIGINT;    -- when the personal content was destroyed
DROP INDEX verifications_holder;
CREATE INDEX verifications_holder ON verifications (holder_id, at, id) WHERE holder_id <> '';

CREATE TABLE disputes (
    id           TEXT   PRIMARY KEY,
    verification TEXT   NOT NULL,
    side         TEXT   NOT NULL, -- holder or party
    holder_id    TEXT   NOT NULL, -- of whom was looked at; blind; empty after her erasure
    party        TEXT   NOT NULL,
    filed_by     TEXT   NOT NULL, -- client of the party; empty when the holder filed it
    reason       BYTEA,           -- sealed
    state        TEXT   NOT NULL, -- open, upheld, rejected, withdrawn
    filed_at     BIGINT NOT NULL,
    answer       BYTEA,           -- sealed
    answered_by  TEXT   NOT NULL,
    answered_at  BIGINT
);
CREATE UNIQUE INDEX disputes_open ON disputes (verification, side) WHERE state = 'open';
CREATE INDEX disputes_verification ON disputes (verification);
CREATE INDEX disputes_filed ON disputes (filed_at, id);
CREATE INDEX disputes_holder ON disputes (holder_id) WHERE holder_id <> '';

-- When a person took her data along: it may be done a few times a day.
CREATE TABLE exports (
    id        TEXT   PRIMARY KEY,
    holder_id TEXT   NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX exports_holder ON exports (holder_id, at);
CREATE INDEX exports_at ON exports (at);

-- Erasures that wait for the second yes.
CREATE TABLE erasures (
    holder_id TEXT   PRIMARY KEY,
    token     BYTEA  NOT NULL, -- digest
    until     BIGINT NOT NULL
);
CREATE INDEX erasures_until ON erasures (until);
