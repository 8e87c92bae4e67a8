-- A push has rows of one kind. Its content is what the sender calls it: an upload that goes on with
-- an earlier one must be of the same.

-- +goose Up
ALTER TABLE push_jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'certificates';
ALTER TABLE push_jobs ADD COLUMN content TEXT NOT NULL DEFAULT '';
