-- Devices that show codes without a network, what they were given, and which of it was revoked
-- before its end.

-- +goose Up
CREATE TABLE devices (
    id         TEXT   PRIMARY KEY, -- ours; in addresses
    person_id  TEXT   NOT NULL,    -- blind
    algorithm  TEXT   NOT NULL,
    public_key BYTEA  NOT NULL UNIQUE, -- compressed point; a killed key does not come back
    name       BYTEA  NOT NULL,    -- sealed
    session    TEXT   NOT NULL,    -- in which it was registered, or last given codes
    created_at BIGINT NOT NULL,
    used_at    BIGINT,
    killed_at  BIGINT,
    killed_by  TEXT   NOT NULL     -- holder, sign-out, operator, restore; empty while it lives
);
CREATE INDEX devices_person ON devices (person_id, created_at);
CREATE INDEX devices_session ON devices (session) WHERE killed_at IS NULL;
CREATE INDEX devices_killed ON devices (killed_at) WHERE killed_at IS NOT NULL;

-- What a device was given at once: a line of the holder's history. Names of fields, no value.
CREATE TABLE device_stocks (
    id         TEXT    PRIMARY KEY,
    at         BIGINT  NOT NULL,
    holder_id  TEXT    NOT NULL, -- blind: whose certificate
    person_id  TEXT    NOT NULL, -- blind: whose device
    device_id  TEXT    NOT NULL,
    identifier TEXT    NOT NULL,
    type       TEXT    NOT NULL,
    view       TEXT    NOT NULL,
    fields     TEXT    NOT NULL, -- JSON
    codes      INTEGER NOT NULL,
    expires_at BIGINT  NOT NULL
);
CREATE INDEX device_stocks_holder ON device_stocks (holder_id, at, id);
CREATE INDEX device_stocks_person ON device_stocks (holder_id, person_id, at, id);
CREATE INDEX device_stocks_of ON device_stocks (person_id);
CREATE INDEX device_stocks_at ON device_stocks (at);

-- Serials of codes that may still be shown. To revoke one is to move it to the table below.
CREATE TABLE device_serials (
    serial     BYTEA  PRIMARY KEY, -- random
    identifier TEXT   NOT NULL,
    holder_id  TEXT   NOT NULL, -- blind: whose certificate
    person_id  TEXT   NOT NULL, -- blind: whose device
    device_id  TEXT   NOT NULL,
    view       TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX device_serials_certificate ON device_serials (identifier);
CREATE INDEX device_serials_holder ON device_serials (holder_id, person_id);
CREATE INDEX device_serials_person ON device_serials (person_id);
CREATE INDEX device_serials_device ON device_serials (device_id);
CREATE INDEX device_serials_end ON device_serials (expires_at);

-- The sequence of those that were revoked before their end: random numbers, and nobody's name.
CREATE TABLE revoked_serials (
    seq        BIGINT PRIMARY KEY,
    serial     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    at         BIGINT NOT NULL
);
CREATE INDEX revoked_serials_end ON revoked_serials (expires_at);
CREATE TABLE revoked_serial_head (
    name TEXT   PRIMARY KEY, -- there is one
    seq  BIGINT NOT NULL
);

-- When a licence ends, the codes of its company end with it.
CREATE INDEX representatives_identifier ON representatives (identifier);
CREATE INDEX representatives_company ON representatives (company_id);
