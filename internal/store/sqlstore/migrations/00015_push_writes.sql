-- What a pushed row costs PostgreSQL. Sealed values do not get smaller by being compressed, so it need not
-- try. And each answer to a row looked up its job, which the same transaction has found and holds.

-- +goose Up
-- PostgreSQL: ALTER TABLE certificates ALTER COLUMN credential SET STORAGE EXTERNAL, ALTER COLUMN row_data SET STORAGE EXTERNAL;
-- PostgreSQL: ALTER TABLE portraits ALTER COLUMN image SET STORAGE EXTERNAL;
-- PostgreSQL: ALTER TABLE audit_entries ALTER COLUMN opening SET STORAGE EXTERNAL;
-- PostgreSQL: ALTER TABLE push_results DROP CONSTRAINT push_results_job_fkey;
