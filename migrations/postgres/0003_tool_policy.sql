-- Tool policy: the modes of a connector's tools, what their descriptors were when a person last looked at
-- them, and the calls that wait for a person or that one has decided about.

ALTER TABLE connectors ADD COLUMN tool_modes TEXT NOT NULL DEFAULT '{}';

CREATE TABLE tool_descriptors (
    connector_id              UUID    NOT NULL,
    user_id                   TEXT    NOT NULL,
    tool                      TEXT    NOT NULL,
    accepted                  TEXT    NOT NULL,
    accepted_hash             BYTEA   NOT NULL,
    current                   TEXT    NOT NULL,
    current_hash              BYTEA   NOT NULL,
    changed_at                BIGINT,
    PRIMARY KEY (connector_id, tool),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

CREATE TABLE approvals (
    id                        UUID    NOT NULL PRIMARY KEY,
    connector_id              UUID    NOT NULL,
    user_id                   TEXT    NOT NULL,
    revision                  BIGINT  NOT NULL,
    tool                      TEXT    NOT NULL,
    arguments_hash            BYTEA   NOT NULL,
    descriptor_hash           BYTEA   NOT NULL,
    arguments                 BYTEA   NOT NULL,
    arguments_size            BIGINT  NOT NULL,
    decision                  TEXT,
    created_at                BIGINT  NOT NULL,
    expires_at                BIGINT,
    CONSTRAINT approvals_call_key
        UNIQUE (connector_id, revision, tool, arguments_hash, descriptor_hash),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
);

CREATE INDEX approvals_user_id ON approvals (user_id, id);
CREATE INDEX approvals_expires_at ON approvals (expires_at);
