-- What the pages of staff need.

-- +goose Up
-- The clerk's word after a check: when she said whether the person in front of her is the one of the
-- certificate (1) or not (0), and the outcome before it. outcome and reasons are those after it.
ALTER TABLE verifications ADD COLUMN person_at BIGINT;
ALTER TABLE verifications ADD COLUMN person_same BIGINT;
ALTER TABLE verifications ADD COLUMN found TEXT NOT NULL DEFAULT '';

-- What a department issued, and what of it does not stand, newest first; and its pushes. A push stores some
-- hundred certificates in one moment, so that without their identifiers an index is small.
CREATE INDEX certificates_authority ON certificates (authority, created_at);
CREATE INDEX certificates_not_valid ON certificates (authority, state, created_at) WHERE state <> 'valid';
CREATE INDEX push_jobs_authority ON push_jobs (authority, started_at, id);
