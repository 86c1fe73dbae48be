-- Revocations that are still to be made, which outlive their connectors, and what happened. A revocation
-- of a user who was erased names nobody: its sealed values are bound to no user then.

CREATE TABLE revocations (
    id                        BLOB    NOT NULL PRIMARY KEY,
    user_id                   TEXT,
    connector_id              BLOB    NOT NULL,
    connector_name            TEXT,
    connector_slug            TEXT,
    connector_url             TEXT    NOT NULL,
    client_kind               TEXT    NOT NULL,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BLOB,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  INTEGER,
    revocation_endpoint       TEXT    NOT NULL,
    refresh_token             BLOB,
    refresh_token_revoked     INTEGER NOT NULL,
    access_token              BLOB    NOT NULL,
    attempts                  INTEGER NOT NULL,
    next_attempt_at           INTEGER NOT NULL, -- while an attempt is under way: when it counts as lost
    deadline                  INTEGER NOT NULL
) STRICT;

CREATE INDEX revocations_next_attempt_at ON revocations (next_attempt_at);
CREATE INDEX revocations_user_id ON revocations (user_id);

CREATE TABLE activity (
    id                        BLOB    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    at                        INTEGER NOT NULL,
    connector_id              BLOB,
    connector_name            TEXT,
    connector_slug            TEXT,
    actor                     TEXT    NOT NULL,
    action                    TEXT    NOT NULL,
    outcome                   TEXT    NOT NULL,
    subject                   TEXT,
    detail                    TEXT,
    duration_ms               INTEGER,
    size                      INTEGER
) STRICT;

CREATE INDEX activity_user_id ON activity (user_id, id);
CREATE INDEX activity_connector_id ON activity (connector_id, id);
CREATE INDEX activity_at ON activity (at);
