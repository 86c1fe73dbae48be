-- The first schema. Instants are milliseconds since the epoch, lists are JSON text, and every BYTEA that
-- is not a hash holds a sealed value.

CREATE TABLE connectors (
    id                        UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    name                      TEXT    NOT NULL,
    slug                      TEXT    NOT NULL,
    url                       TEXT    NOT NULL,
    auth_type                 TEXT    NOT NULL,
    oauth_grant               TEXT    NOT NULL,
    oauth_client_id           TEXT,
    oauth_auth_method         TEXT,
    oauth_scopes              TEXT    NOT NULL,
    oauth_signing_algorithm   TEXT,
    idp_issuer                TEXT,
    idp_client_id             TEXT,
    idp_token_endpoint        TEXT,
    client_secret             BYTEA,
    enabled                   BOOLEAN NOT NULL,
    state                     TEXT    NOT NULL,
    state_reason              TEXT,
    required_scopes           TEXT    NOT NULL,
    health_status             TEXT    NOT NULL,
    health_checked_at         BIGINT,
    health_detail             TEXT,
    pinned_protocol_version   TEXT,
    protocol_version          TEXT,
    tool_count                BIGINT,
    read_only                 BOOLEAN NOT NULL,
    revision                  BIGINT  NOT NULL,
    last_grant_generation     BIGINT  NOT NULL, -- of the last grant that was dropped; the next one counts on
    created_at                BIGINT  NOT NULL,
    updated_at                BIGINT  NOT NULL,
    CONSTRAINT connectors_user_id_slug_key UNIQUE (user_id, slug),
    CONSTRAINT connectors_id_user_id_key UNIQUE (id, user_id)
);

CREATE TABLE connector_headers (
    connector_id              UUID    NOT NULL,
    user_id                   TEXT    NOT NULL,
    name_key                  TEXT    NOT NULL, -- the name in lower case
    name                      TEXT    NOT NULL,
    position                  BIGINT  NOT NULL,
    value                     BYTEA   NOT NULL,
    PRIMARY KEY (connector_id, name_key),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

-- What the grants without a person need, besides a client secret.
CREATE TABLE connector_secrets (
    connector_id              UUID    NOT NULL,
    user_id                   TEXT    NOT NULL,
    name                      TEXT    NOT NULL,
    value                     BYTEA   NOT NULL,
    PRIMARY KEY (connector_id, name),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

CREATE TABLE client_registrations (
    scope                     TEXT    NOT NULL, -- the connector's id, or 'shared'
    connector_id              UUID,
    user_id                   TEXT,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_kind               TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BYTEA,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  BIGINT,
    updated_at                BIGINT  NOT NULL,
    PRIMARY KEY (scope, issuer, redirect_uri),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

CREATE INDEX client_registrations_connector_id ON client_registrations (connector_id);

CREATE TABLE authorization_sessions (
    id                        UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    connector_id              UUID    NOT NULL,
    connector_url             TEXT    NOT NULL,
    status                    TEXT    NOT NULL,
    failure                   TEXT,
    detail                    TEXT,
    ticket_hash               BYTEA   NOT NULL,
    browser_hash              BYTEA,
    client_kind               TEXT    NOT NULL,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BYTEA,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  BIGINT,
    authorization_url         TEXT    NOT NULL,
    token_endpoint            TEXT    NOT NULL,
    revocation_endpoint       TEXT,
    userinfo_endpoint         TEXT,
    iss_supported             BOOLEAN NOT NULL,
    dpop                      BOOLEAN NOT NULL,
    resource                  TEXT,
    scopes                    TEXT    NOT NULL,
    code_verifier             BYTEA   NOT NULL,
    opener_origin             TEXT,
    return_to                 TEXT,
    needs_confirmation        BOOLEAN NOT NULL,
    shown_at                  BIGINT,
    created_at                BIGINT  NOT NULL,
    expires_at                BIGINT  NOT NULL,
    CONSTRAINT authorization_sessions_ticket_hash_key UNIQUE (ticket_hash),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

CREATE INDEX authorization_sessions_connector_id ON authorization_sessions (connector_id);
CREATE INDEX authorization_sessions_user_id ON authorization_sessions (user_id);
CREATE INDEX authorization_sessions_expires_at ON authorization_sessions (expires_at);

CREATE TABLE grants (
    connector_id              UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    sign_in_id                UUID    NOT NULL,
    client_kind               TEXT    NOT NULL,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BYTEA,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  BIGINT,
    token_endpoint            TEXT    NOT NULL,
    revocation_endpoint       TEXT,
    resource                  TEXT,
    scopes                    TEXT    NOT NULL,
    account                   TEXT,
    access_token              BYTEA   NOT NULL,
    refresh_token             BYTEA,
    dpop_key                  BYTEA,
    obtained_at               BIGINT  NOT NULL,
    expires_at                BIGINT,
    generation                BIGINT  NOT NULL,
    attempt_first_sent_at     BIGINT,
    attempt_count             BIGINT  NOT NULL,
    forced_at                 BIGINT,
    lease_owner               TEXT,
    lease_until               BIGINT,
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

CREATE INDEX grants_user_id ON grants (user_id);

CREATE TABLE tool_lists (
    connector_id              UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    tools                     TEXT    NOT NULL,
    fetched_at                BIGINT  NOT NULL,
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

CREATE TABLE service_keys (
    id                        UUID    NOT NULL PRIMARY KEY,
    name                      TEXT    NOT NULL,
    hash                      BYTEA   NOT NULL,
    created_at                BIGINT  NOT NULL,
    revoked_at                BIGINT,
    CONSTRAINT service_keys_hash_key UNIQUE (hash)
);

CREATE TABLE browser_sessions (
    id                        UUID    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    kind                      TEXT    NOT NULL,
    label                     TEXT,
    proves_user               BOOLEAN NOT NULL,
    connectors                TEXT, -- null: all of the user's
    hash                      BYTEA   NOT NULL,
    exchanged_at              BIGINT,
    created_at                BIGINT  NOT NULL,
    expires_at                BIGINT  NOT NULL,
    CONSTRAINT browser_sessions_hash_key UNIQUE (hash)
);

CREATE INDEX browser_sessions_user_id ON browser_sessions (user_id);
CREATE INDEX browser_sessions_expires_at ON browser_sessions (expires_at);

CREATE TABLE key_canaries (
    key_id                    TEXT    NOT NULL PRIMARY KEY,
    sealed                    BYTEA   NOT NULL,
    created_at                BIGINT  NOT NULL
);
