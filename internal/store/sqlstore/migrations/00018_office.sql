-- What the pages of staff need.

-- +goose Up
-- The clerk's word after a check: when she said whether the person in front of her is the one of the
-- certificate (1) or not (0), and the outcome before it. outcome and reasons are those after it.
ALTER TABLE verifications ADD COLUMN person_at BIGINT;
ALTER TABLE verifications ADD COLUMN person_same BIGINT;
ALTER TABLE verifications ADD COLUMN found TEXT NOT NULL DEFAULT '';

-- What a department issued, and what of it does not stand, newest first; and its pushes.
CREATE INDEX certificates_authority ON certificates (authority, created_at, identifier);
CREATE INDEX certificates_not_valid ON certificates (authority, state, created_at, identifier) WHERE state <> 'valid';
CREATE INDEX push_jobs_authority ON push_jobs (authority, started_at, id);
