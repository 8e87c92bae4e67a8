-- One text for SQLite and PostgreSQL. Moments are microseconds since 1970, UTC. BYTEA columns
-- marked "sealed" hold values of the sealer; everything else is what queries need, and holds
-- no name, no number and no claim.

-- +goose Up

-- How many values each data key of the sealer has sealed.
CREATE TABLE data_keys (
    id          BIGINT PRIMARY KEY,
    fingerprint BYTEA  NOT NULL,
    used        BIGINT NOT NULL
);

-- A status list: how many of its slots were handed out, and its last change.
CREATE TABLE status_lists (
    name       TEXT   PRIMARY KEY,
    ordinal    BIGINT NOT NULL UNIQUE,
    size       BIGINT NOT NULL,
    used       BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE certificates (
    identifier   TEXT    PRIMARY KEY,
    authority    TEXT    NOT NULL,
    row_key      BYTEA   NOT NULL, -- blind: departments like to take citizens' numbers for keys
    row_digest   BYTEA   NOT NULL, -- sealed: numbers can be guessed from a plain digest
    type         TEXT    NOT NULL,
    type_version INTEGER NOT NULL,
    holder_id    TEXT    NOT NULL, -- blind already
    status_list  TEXT    NOT NULL,
    status_index BIGINT  NOT NULL,
    state        TEXT    NOT NULL,
    state_at     BIGINT  NOT NULL,
    reason       BYTEA,            -- sealed
    changes      BIGINT  NOT NULL, -- events so far
    replaces     TEXT    NOT NULL,
    replaced_by  TEXT    NOT NULL,
    issued_by    TEXT    NOT NULL,
    created_at   BIGINT  NOT NULL,
    live         BYTEA,            -- sealed
    live_at      BIGINT,
    row_data     BYTEA   NOT NULL, -- sealed: the pushed row without the portrait, and the salt
    credential   BYTEA   NOT NULL, -- sealed: the original
    UNIQUE (authority, row_key)
);
CREATE INDEX certificates_holder ON certificates (holder_id, created_at);

CREATE TABLE portraits (
    identifier TEXT  PRIMARY KEY REFERENCES certificates (identifier),
    image      BYTEA NOT NULL -- sealed
);

-- Every slot that a signed certificate names: of originals and of copies. The primary key is
-- the last guard against a slot used twice. An original's slot is found from its certificate,
-- so that only copies need an index back; a foreign key would need one for all.
CREATE TABLE slots (
    list       TEXT    NOT NULL,
    idx        BIGINT  NOT NULL,
    identifier TEXT    NOT NULL,
    copy       INTEGER NOT NULL, -- 0 is the original
    status     INTEGER NOT NULL,
    key_id     TEXT    NOT NULL, -- of the key that a copy is bound to
    expires_at BIGINT,           -- of a copy
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (list, idx)
);
CREATE INDEX slots_copies ON slots (identifier) WHERE copy = 1;
CREATE INDEX slots_not_valid ON slots (list, idx, status) WHERE status <> 0;

-- The gapless sequence of each list.
CREATE TABLE status_changes (
    list   TEXT    NOT NULL,
    seq    BIGINT  NOT NULL,
    idx    BIGINT  NOT NULL,
    status INTEGER NOT NULL,
    at     BIGINT  NOT NULL,
    PRIMARY KEY (list, seq)
);

CREATE TABLE certificate_events (
    identifier  TEXT   NOT NULL REFERENCES certificates (identifier),
    number      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    from_state  TEXT   NOT NULL,
    to_state    TEXT   NOT NULL,
    who         TEXT   NOT NULL,
    reason      BYTEA, -- sealed, under reason_id
    reason_id   TEXT   NOT NULL,
    replaced_by TEXT   NOT NULL,
    PRIMARY KEY (identifier, number)
);

CREATE TABLE push_jobs (
    id          TEXT   PRIMARY KEY,
    authority   TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    holder      TEXT   NOT NULL,
    lease       BIGINT NOT NULL, -- microseconds
    lease_until BIGINT NOT NULL,
    upload      BIGINT NOT NULL, -- how often it was begun
    taken       BIGINT NOT NULL, -- rows
    accepted    BIGINT NOT NULL,
    rejected    BIGINT NOT NULL,
    bytes       BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE TABLE push_results (
    job        TEXT   NOT NULL REFERENCES push_jobs (id),
    line       BIGINT NOT NULL,
    upload     BIGINT NOT NULL,
    identifier TEXT   NOT NULL,
    code       TEXT   NOT NULL,
    pointer    TEXT   NOT NULL, -- of what the record itself refused
    detail     BYTEA  NOT NULL, -- sealed: key, pointer, detail, warnings
    PRIMARY KEY (job, line)
);

CREATE TABLE requests (
    caller     TEXT    NOT NULL,
    request    TEXT    NOT NULL,
    digest     BYTEA   NOT NULL, -- blind
    status     INTEGER NOT NULL, -- 0 while there is no answer
    response   BYTEA,            -- sealed
    created_at BIGINT  NOT NULL,
    PRIMARY KEY (caller, request)
);
CREATE INDEX requests_created ON requests (created_at);

CREATE TABLE wallet_copies (
    holder_id  TEXT   NOT NULL,
    identifier TEXT   NOT NULL,
    credential BYTEA  NOT NULL, -- sealed
    key_id     TEXT   NOT NULL,
    refresh_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (holder_id, identifier)
);

CREATE TABLE agencies (
    person_id  TEXT   NOT NULL,
    company_id TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    until      BIGINT, -- null is without end
    created_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, company_id)
);

CREATE TABLE verifications (
    id           TEXT   PRIMARY KEY,
    at           BIGINT NOT NULL,
    caller       TEXT   NOT NULL,
    party        TEXT   NOT NULL,
    party_name   TEXT   NOT NULL,
    request_key  TEXT   NOT NULL,
    request_hash BYTEA  NOT NULL, -- sealed; empty without a request_key
    show_id      TEXT   NOT NULL,
    ticket       BYTEA  NOT NULL, -- digest
    challenge    TEXT   NOT NULL,
    holder_id    TEXT   NOT NULL,
    identifier   TEXT   NOT NULL,
    type         TEXT   NOT NULL,
    purpose      TEXT   NOT NULL,
    fields       TEXT   NOT NULL, -- JSON, names only
    outcome      TEXT   NOT NULL,
    reasons      TEXT   NOT NULL, -- JSON
    via          TEXT   NOT NULL,
    answer       BYTEA,           -- sealed; erased after answer_until
    answer_until BIGINT NOT NULL
);
-- These four decide that a code is spent, and a request answered, once.
CREATE UNIQUE INDEX verifications_request ON verifications (caller, request_key) WHERE request_key <> '';
CREATE UNIQUE INDEX verifications_show ON verifications (show_id) WHERE show_id <> '';
CREATE UNIQUE INDEX verifications_ticket ON verifications (ticket) WHERE show_id <> '';
CREATE UNIQUE INDEX verifications_challenge ON verifications (challenge) WHERE challenge <> '';
CREATE INDEX verifications_holder ON verifications (holder_id, at) WHERE holder_id <> '';
CREATE INDEX verifications_answer ON verifications (answer_until) WHERE answer IS NOT NULL;
CREATE INDEX verifications_at ON verifications (at);

CREATE TABLE registry_revisions (
    revision BIGINT PRIMARY KEY,
    who      TEXT   NOT NULL,
    why      TEXT   NOT NULL,
    at       BIGINT NOT NULL
);

CREATE TABLE registry_entries (
    kind     TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    body     BYTEA  NOT NULL,
    revision BIGINT NOT NULL REFERENCES registry_revisions (revision),
    PRIMARY KEY (kind, id)
);

-- What each revision wrote; an empty body is a removal.
CREATE TABLE registry_history (
    revision BIGINT NOT NULL REFERENCES registry_revisions (revision),
    kind     TEXT   NOT NULL,
    id       TEXT   NOT NULL,
    body     BYTEA  NOT NULL,
    PRIMARY KEY (revision, kind, id)
);
