-- The first schema. Instants are milliseconds since the epoch, lists are JSON text, ids are the sixteen
-- bytes of a UUID, and every BLOB that is neither an id nor a hash holds a sealed value.

CREATE TABLE connectors (
    id                        BLOB    NOT NULL PRIMARY KEY,
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
    client_secret             BLOB,
    enabled                   INTEGER NOT NULL,
    state                     TEXT    NOT NULL,
    state_reason              TEXT,
    required_scopes           TEXT    NOT NULL,
    health_status             TEXT    NOT NULL,
    health_checked_at         INTEGER,
    health_detail             TEXT,
    pinned_protocol_version   TEXT,
    protocol_version          TEXT,
    tool_count                INTEGER,
    read_only                 INTEGER NOT NULL,
    revision                  INTEGER NOT NULL,
    last_grant_generation     INTEGER NOT NULL, -- of the last grant that was dropped; the next one counts on
    created_at                INTEGER NOT NULL,
    updated_at                INTEGER NOT NULL,
    CONSTRAINT connectors_user_id_slug_key UNIQUE (user_id, slug),
    CONSTRAINT connectors_id_user_id_key UNIQUE (id, user_id)
) STRICT;

CREATE TABLE connector_headers (
    connector_id              BLOB    NOT NULL,
    user_id                   TEXT    NOT NULL,
    name_key                  TEXT    NOT NULL, -- the name in lower case
    name                      TEXT    NOT NULL,
    position                  INTEGER NOT NULL,
    value                     BLOB    NOT NULL,
    PRIMARY KEY (connector_id, name_key),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

-- What the grants without a person need, besides a client secret.
CREATE TABLE connector_secrets (
    connector_id              BLOB    NOT NULL,
    user_id                   TEXT    NOT NULL,
    name                      TEXT    NOT NULL,
    value                     BLOB    NOT NULL,
    PRIMARY KEY (connector_id, name),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE client_registrations (
    scope                     TEXT    NOT NULL, -- the connector's id, or 'shared'
    connector_id              BLOB,
    user_id                   TEXT,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_kind               TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BLOB,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  INTEGER,
    updated_at                INTEGER NOT NULL,
    PRIMARY KEY (scope, issuer, redirect_uri),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX client_registrations_connector_id ON client_registrations (connector_id);

CREATE TABLE authorization_sessions (
    id                        BLOB    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    connector_id              BLOB    NOT NULL,
    connector_url             TEXT    NOT NULL,
    status                    TEXT    NOT NULL,
    failure                   TEXT,
    detail                    TEXT,
    ticket_hash               BLOB    NOT NULL,
    browser_hash              BLOB,
    client_kind               TEXT    NOT NULL,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BLOB,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  INTEGER,
    authorization_url         TEXT    NOT NULL,
    token_endpoint            TEXT    NOT NULL,
    revocation_endpoint       TEXT,
    userinfo_endpoint         TEXT,
    iss_supported             INTEGER NOT NULL,
    dpop                      INTEGER NOT NULL,
    resource                  TEXT,
    scopes                    TEXT    NOT NULL,
    code_verifier             BLOB    NOT NULL,
    opener_origin             TEXT,
    return_to                 TEXT,
    needs_confirmation        INTEGER NOT NULL,
    shown_at                  INTEGER,
    created_at                INTEGER NOT NULL,
    expires_at                INTEGER NOT NULL,
    CONSTRAINT authorization_sessions_ticket_hash_key UNIQUE (ticket_hash),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX authorization_sessions_connector_id ON authorization_sessions (connector_id);
CREATE INDEX authorization_sessions_user_id ON authorization_sessions (user_id);
CREATE INDEX authorization_sessions_expires_at ON authorization_sessions (expires_at);

CREATE TABLE grants (
    connector_id              BLOB    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    sign_in_id                BLOB    NOT NULL,
    client_kind               TEXT    NOT NULL,
    issuer                    TEXT    NOT NULL,
    redirect_uri              TEXT    NOT NULL,
    client_id                 TEXT    NOT NULL,
    client_secret             BLOB,
    client_auth_method        TEXT    NOT NULL,
    client_secret_expires_at  INTEGER,
    token_endpoint            TEXT    NOT NULL,
    revocation_endpoint       TEXT,
    resource                  TEXT,
    scopes                    TEXT    NOT NULL,
    account                   TEXT,
    access_token              BLOB    NOT NULL,
    refresh_token             BLOB,
    dpop_key                  BLOB,
    obtained_at               INTEGER NOT NULL,
    expires_at                INTEGER,
    generation                INTEGER NOT NULL,
    attempt_first_sent_at     INTEGER,
    attempt_count             INTEGER NOT NULL,
    forced_at                 INTEGER,
    lease_owner               TEXT,
    lease_until               INTEGER,
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX grants_user_id ON grants (user_id);

CREATE TABLE tool_lists (
    connector_id              BLOB    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    tools                     TEXT    NOT NULL,
    fetched_at                INTEGER NOT NULL,
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE service_keys (
    id                        BLOB    NOT NULL PRIMARY KEY,
    name                      TEXT    NOT NULL,
    hash                      BLOB    NOT NULL,
    created_at                INTEGER NOT NULL,
    revoked_at                INTEGER,
    CONSTRAINT service_keys_hash_key UNIQUE (hash)
) STRICT;

CREATE TABLE browser_sessions (
    id                        BLOB    NOT NULL PRIMARY KEY,
    user_id                   TEXT    NOT NULL,
    kind                      TEXT    NOT NULL,
    label                     TEXT,
    proves_user               INTEGER NOT NULL,
    connectors                TEXT, -- null: all of the user's
    hash                      BLOB    NOT NULL,
    exchanged_at              INTEGER,
    created_at                INTEGER NOT NULL,
    expires_at                INTEGER NOT NULL,
    CONSTRAINT browser_sessions_hash_key UNIQUE (hash)
) STRICT;

CREATE INDEX browser_sessions_user_id ON browser_sessions (user_id);
CREATE INDEX browser_sessions_expires_at ON browser_sessions (expires_at);

CREATE TABLE key_canaries (
    key_id                    TEXT    NOT NULL PRIMARY KEY,
    sealed                    BLOB    NOT NULL,
    created_at                INTEGER NOT NULL
) STRICT;
