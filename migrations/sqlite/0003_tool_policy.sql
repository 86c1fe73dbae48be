-- Tool policy: the modes of a connector's tools, what their descriptors were when a person last looked at
-- them, and the calls that wait for a person or that one has decided about.

ALTER TABLE connectors ADD COLUMN tool_modes TEXT NOT NULL DEFAULT '{}';

CREATE TABLE tool_descriptors (
    connector_id              BLOB    NOT NULL,
    user_id                   TEXT    NOT NULL,
    tool                      TEXT    NOT NULL,
    accepted                  TEXT    NOT NULL,
    accepted_hash             BLOB    NOT NULL,
    current                   TEXT    NOT NULL,
    current_hash              BLOB    NOT NULL,
    changed_at                INTEGER,
    PRIMARY KEY (connector_id, tool),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

CREATE TABLE approvals (
    id                        BLOB    NOT NULL PRIMARY KEY,
    connector_id              BLOB    NOT NULL,
    user_id                   TEXT    NOT NULL,
    revision                  INTEGER NOT NULL,
    tool                      TEXT    NOT NULL,
    arguments_hash            BLOB    NOT NULL,
    descriptor_hash           BLOB    NOT NULL,
    arguments                 BLOB    NOT NULL,
    arguments_size            INTEGER NOT NULL,
    decision                  TEXT,
    created_at                INTEGER NOT NULL,
    expires_at                INTEGER,
    CONSTRAINT approvals_call_key
        UNIQUE (connector_id, revision, tool, arguments_hash, descriptor_hash),
    FOREIGN KEY (connector_id, user_id) REFERENCES connectors (id, user_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX approvals_user_id ON approvals (user_id, id);
CREATE INDEX approvals_expires_at ON approvals (expires_at);
