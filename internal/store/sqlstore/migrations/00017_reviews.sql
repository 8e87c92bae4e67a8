-- What people say of how a check went, and what became of it.

-- +goose Up
CREATE TABLE reviews (
    id           TEXT    PRIMARY KEY,
    verification TEXT    NOT NULL,
    person_id    TEXT    NOT NULL, -- blind; empty once she was erased
    party        TEXT    NOT NULL,
    party_name   TEXT    NOT NULL,
    purpose      TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    level        INTEGER NOT NULL,
    at           BIGINT  NOT NULL,
    state        TEXT    NOT NULL,
    due_at       BIGINT,           -- of a follow-up
    said         BYTEA,            -- sealed: what she says
    claimed_by   TEXT    NOT NULL,
    claimed_at   BIGINT,
    answer       BYTEA,            -- sealed: answer and measure
    answered_by  TEXT    NOT NULL,
    ended_at     BIGINT            -- answered, or made if no answer is due
);
CREATE UNIQUE INDEX reviews_verification ON reviews (verification);
CREATE INDEX reviews_person ON reviews (person_id, at, id);
CREATE INDEX reviews_at ON reviews (at, id);
CREATE INDEX reviews_party ON reviews (party, at, id);
CREATE INDEX reviews_open ON reviews (due_at, id) WHERE state = 'open';
CREATE INDEX reviews_answered ON reviews (at, id) WHERE state = 'answered';
CREATE INDEX reviews_ended ON reviews (ended_at) WHERE ended_at IS NOT NULL;
