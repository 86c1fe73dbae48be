-- Sessions of MCP clients that were ended. What a session is stands in its sealed id, which any replica opens.

CREATE TABLE ended_client_sessions (
    id                        UUID    NOT NULL PRIMARY KEY,
    ends_at                   BIGINT  NOT NULL -- when the id would have been over anyway
);

CREATE INDEX ended_client_sessions_ends_at ON ended_client_sessions (ends_at);
