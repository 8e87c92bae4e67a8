-- Who may act for a company, as its certificates say. A row counts while its certificate stands.

-- +goose Up
CREATE TABLE representatives (
    person_id  TEXT NOT NULL,
    company_id TEXT NOT NULL,
    identifier TEXT NOT NULL,
    PRIMARY KEY (person_id, identifier)
);
