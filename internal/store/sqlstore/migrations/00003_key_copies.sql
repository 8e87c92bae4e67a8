-- How many copies were ever bound to a wallet provider's key: the trust list bounds it.

-- +goose Up
CREATE TABLE key_copies (
    key_id TEXT   PRIMARY KEY,
    copies BIGINT NOT NULL
);
