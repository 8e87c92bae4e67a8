-- What the pages of staff need.

-- +goose Up
-- The clerk's word after a check: when she said whether the person in front of her is the one of the
-- certificate (1) or not (0), and the outcome before it. outcome and reasons are those after it.
ALTER TABLE verifications ADD COLUMN compared_at BIGINT;
ALTER TABLE verifications ADD COLUMN compared_same BIGINT;
ALTER TABLE verifications ADD COLUMN found TEXT NOT NULL DEFAULT '';

-- What a department issued, and what of it does not stand, newest first; and its pushes. A push stores some
-- hundred certificates in one moment, so that without their identifiers an index is small.
-- Only who asks for what is not erased can use it: or else PostgreSQL, planning over an empty table, might look
-- for the row keys of a push in it (postgres_test.go, TestTakenKeysAreFoundByIndex).
CREATE INDEX certificates_authority ON certificates (authority, created_at) WHERE erased_at IS NULL;
CREATE INDEX certificates_not_valid ON certificates (authority, state, created_at) WHERE state <> 'valid';
CREATE INDEX push_jobs_authority ON push_jobs (authority, started_at, id);
