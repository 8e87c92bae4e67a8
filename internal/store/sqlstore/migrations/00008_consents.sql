-- What checkers asked of people beyond what they showed, how that was answered, and what people
-- want no more. Like verifications, it holds names of fields and blind ids, no claim.

-- +goose Up
CREATE TABLE consents (
    id           TEXT   PRIMARY KEY,
    at           BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    show_id      TEXT   NOT NULL,
    ticket       BYTEA  NOT NULL, -- digest
    holder_id    TEXT   NOT NULL,
    person_id    TEXT   NOT NULL,
    identifier   TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    client       TEXT   NOT NULL,
    party        TEXT   NOT NULL,
    party_zh     TEXT   NOT NULL,
    party_en     TEXT   NOT NULL,
    purpose      TEXT   NOT NULL,
    shown        TEXT   NOT NULL, -- JSON, names only
    asked        TEXT   NOT NULL, -- JSON, names only
    answer       TEXT   NOT NULL, -- empty while there is none
    answered_at  BIGINT,
    verification TEXT   NOT NULL, -- empty while none is recorded
    note         BYTEA            -- sealed: the checker's claimant and note; erased with the record
);
CREATE INDEX consents_holder ON consents (holder_id, at);
CREATE INDEX consents_open_person ON consents (person_id) WHERE answer = '';
CREATE INDEX consents_open ON consents (expires_at) WHERE answer = '';
CREATE INDEX consents_at ON consents (at);

CREATE TABLE withdrawals (
    id          TEXT   PRIMARY KEY,
    person_id   TEXT   NOT NULL,
    party       TEXT   NOT NULL, -- empty is any
    certificate TEXT   NOT NULL, -- empty is any
    block       INTEGER NOT NULL,
    at          BIGINT NOT NULL,
    UNIQUE (person_id, party, certificate)
);
