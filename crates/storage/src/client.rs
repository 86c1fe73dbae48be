//! The columns of a client registration, which three tables have: registrations, sign-ins and
//! grants.

use keyway_model::{ClientRegistration, Timestamp};

use crate::{
    database::Database,
    error::Error,
    rows::{RowName, instant},
    seal::Place,
};

/// The columns, in one order for every statement.
macro_rules! client_columns {
    () => {
        "client_kind, issuer, redirect_uri, client_id, client_secret, client_auth_method, \
         client_secret_expires_at"
    };
}
pub(crate) use client_columns;

/// The columns as they are read.
#[derive(sqlx::FromRow)]
pub(crate) struct ClientRow {
    client_kind: String,
    pub(crate) issuer: String,
    pub(crate) redirect_uri: String,
    client_id: String,
    client_secret: Option<Vec<u8>>,
    client_auth_method: String,
    client_secret_expires_at: Option<i64>,
}

impl ClientRow {
    /// The registration, with its secret opened.
    pub(crate) fn open(
        self,
        database: &Database,
        name: RowName<'_>,
        user: &str,
    ) -> Result<ClientRegistration, Error> {
        Ok(ClientRegistration {
            kind: name.parse("client_kind", &self.client_kind)?,
            issuer: self.issuer,
            redirect_uri: self.redirect_uri,
            client_id: self.client_id,
            client_secret: database.open_optional(
                Place { table: name.table, column: "client_secret", row: name.row, user },
                self.client_secret.as_deref(),
            )?,
            token_endpoint_auth_method: self.client_auth_method,
            client_secret_expires_at: instant(self.client_secret_expires_at),
        })
    }
}

/// The stored form of when a client's secret ends.
pub(crate) fn secret_expiry(client: &ClientRegistration) -> Option<i64> {
    client.client_secret_expires_at.map(Timestamp::as_millis)
}
