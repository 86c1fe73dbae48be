-- Revocations that are still to be made, which outlive their connectors, and what happened. A revocation
-- of a user who was erased names nobody: its sealed values are bound to no user then.

CREATE TABLE revocations (
    id                        UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT,
    connector_id              UUID    NOT NULL,
    connector_name            TEXT,
    connector_slug            TEXT,
    connector_url             TEXT    NOT NULL,
    client_kind               TEXT    NOT NULL,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BYTEA,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  BIGINT,
    revocation_endpoint       TEXT    NOT NULL,
    refresh_token             BYTEA,
    refresh_token_revoked     BOOLEAN NOT NULL,
    access_token              BYTEA   NOT NULL,
    attempts                  BIGINT  NOT NULL,
    next_attempt_at           BIGINT  NOT NULL, -- while an attempt is under way: when it counts as lost
    deadline                  BIGINT  NOT NULL
);

CREATE INDEX revocations_next_attempt_at ON revocations (next_attempt_at);
CREATE INDEX revocations_user_id ON revocations (user_id);

CREATE TABLE activity (
    id                        UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    at                        BIGINT  NOT NULL,
    connector_id              UUID,
    connector_name            TEXT,
    connector_slug            TEXT,
    actor                     TEXT    NOT NULL,
    action                    TEXT    NOT NULL,
    outcome                   TEXT    NOT NULL,
    subject                   TEXT,
    detail                    TEXT,
    duration_ms               BIGINT,
    size                      BIGINT
);

CREATE INDEX activity_user_id ON activity (user_id, id);
CREATE INDEX activity_connector_id ON activity (connector_id, id);
CREATE INDEX activity_at ON activity (at);
