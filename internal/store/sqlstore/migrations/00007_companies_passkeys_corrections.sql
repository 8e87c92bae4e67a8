-- Who acts for companies, passkeys, and requests to correct a result.

-- +goose Up

-- The chain of a company: its licence names representatives (table representatives), these appoint
-- administrators, both appoint agents. A row is one link; whether it holds is judged at each use.
DROP TABLE agencies;
CREATE TABLE appointments (
    id             TEXT   PRIMARY KEY,
    company_id     TEXT   NOT NULL, -- blind
    person_id      TEXT   NOT NULL, -- blind
    role           TEXT   NOT NULL,
    by_person      TEXT   NOT NULL, -- blind
    by_appointment TEXT   NOT NULL, -- empty: as a representative
    matters        TEXT   NOT NULL, -- JSON: types, views and purposes, by name
    starts_at      BIGINT NOT NULL,
    ends_at        BIGINT NOT NULL,
    state          TEXT   NOT NULL,
    created_at     BIGINT NOT NULL,
    answered_at    BIGINT,
    ended_at       BIGINT,
    names          BYTEA  NOT NULL  -- sealed: of person and company, and the end of her number
);
CREATE INDEX appointments_person ON appointments (person_id, created_at);
CREATE INDEX appointments_company ON appointments (company_id, created_at);

-- Who showed what was looked at: the holder, or whoever acts for a company.
ALTER TABLE verifications ADD COLUMN person_id TEXT NOT NULL DEFAULT '';
CREATE INDEX verifications_person ON verifications (holder_id, person_id, at) WHERE holder_id <> '';

-- A person says that a result about her is wrong; an operator answers.
CREATE TABLE corrections (
    id          TEXT   PRIMARY KEY,
    person_id   TEXT   NOT NULL, -- blind
    about_kind  TEXT   NOT NULL,
    about       TEXT   NOT NULL,
    recorded_by TEXT   NOT NULL, -- client that recorded the result; empty when it is not known
    state       TEXT   NOT NULL,
    filed_at    BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    said        BYTEA  NOT NULL, -- sealed: field, what she says, contact
    claimed_by  TEXT   NOT NULL,
    claimed_at  BIGINT,
    outcome     TEXT   NOT NULL,
    answer      BYTEA,           -- sealed
    answered_by TEXT   NOT NULL,
    answered_at BIGINT
);
CREATE INDEX corrections_person ON corrections (person_id, filed_at);
CREATE INDEX corrections_open ON corrections (due_at, id) WHERE state <> 'answered';
CREATE INDEX corrections_answered ON corrections (answered_at) WHERE state = 'answered';

-- Passkeys (WebAuthn Level 3). A person's handle is random, and says nothing of who she is.
CREATE TABLE passkey_users (
    person_id  TEXT   PRIMARY KEY, -- blind
    handle     BYTEA  NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);
CREATE TABLE passkeys (
    id            TEXT   PRIMARY KEY, -- ours; in addresses
    credential_id BYTEA  NOT NULL UNIQUE,
    person_id     TEXT   NOT NULL,    -- blind
    public_key    BYTEA  NOT NULL,    -- COSE_Key
    sign_count    BIGINT NOT NULL,
    flags         INTEGER NOT NULL,
    name          BYTEA  NOT NULL,    -- sealed
    transports    TEXT   NOT NULL,    -- JSON
    created_at    BIGINT NOT NULL,
    used_at       BIGINT
);
CREATE INDEX passkeys_person ON passkeys (person_id, created_at);
