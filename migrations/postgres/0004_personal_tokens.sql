-- Tokens that users make for clients which can send a header.

CREATE TABLE personal_tokens (
    id                        UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    name                      TEXT    NOT NULL,
    connectors                TEXT    NOT NULL, -- the only ones it is good for
    hash                      BYTEA   NOT NULL,
    created_at                BIGINT  NOT NULL,
    expires_at                BIGINT,
    CONSTRAINT personal_tokens_hash_key UNIQUE (hash)
);

CREATE INDEX personal_tokens_user_id ON personal_tokens (user_id);
