//! Rotation: what is sealed under another master key than the first is sealed anew under that one, value
//! by value, while processes serve.

use keyway_model::ConnectorId;
use uuid::Uuid;

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::{header_key, joined_key},
    seal::Place,
};

/// How many values are looked at in one go.
const BATCH: usize = 100;

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many values are now sealed under the first key.
    pub values: u64,
    /// How many open under no key there is, and stay as they are.
    pub unopened: u64,
}

/// A column of sealed values whose rows are named by an id, and by a name where there are several.
struct Sealed {
    table: &'static str,
    column: &'static str,
    others: &'static str,
    replace: &'static str,
}

macro_rules! column {
    ($table:literal, $column:literal, $id:literal, $name:literal) => {
        Sealed {
            table: $table,
            column: $column,
            others: concat!(
                "SELECT ",
                $id,
                ", ",
                $name,
                ", user_id, ",
                $column,
                " FROM ",
                $table,
                " WHERE ",
                $column,
                " IS NOT NULL AND substr(",
                $column,
                ", 2, 32) <> $1",
                " ORDER BY 1, 2 LIMIT $2 OFFSET $3"
            ),
            replace: concat!(
                "UPDATE ",
                $table,
                " SET ",
                $column,
                " = $1 WHERE ",
                $id,
                " = $2 AND ",
                $name,
                " = $3 AND ",
                $column,
                " = $4"
            ),
        }
    };
}

/// Every sealed column but that of the registrations, which have no id. A new one is to be added here.
const COLUMNS: [Sealed; 13] = [
    column!("connectors", "client_secret", "id", "''"),
    column!("connector_headers", "value", "connector_id", "name_key"),
    column!("connector_secrets", "value", "connector_id", "name"),
    column!("authorization_sessions", "client_secret", "id", "''"),
    column!("authorization_sessions", "code_verifier", "id", "''"),
    column!("grants", "client_secret", "connector_id", "''"),
    column!("grants", "access_token", "connector_id", "''"),
    column!("grants", "refresh_token", "connector_id", "''"),
    column!("grants", "dpop_key", "connector_id", "''"),
    column!("approvals", "arguments", "id", "''"),
    column!("revocations", "client_secret", "id", "''"),
    column!("revocations", "access_token", "id", "''"),
    column!("revocations", "refresh_token", "id", "''"),
];

const REGISTRATIONS: &str = "SELECT scope, issuer, redirect_uri, user_id, client_secret
    FROM client_registrations
    WHERE client_secret IS NOT NULL AND substr(client_secret, 2, 32) <> $1
    ORDER BY 1, 2, 3 LIMIT $2 OFFSET $3";
const REPLACE_REGISTRATION: &str = "UPDATE client_registrations SET client_secret = $1
    WHERE scope = $2 AND issuer = $3 AND redirect_uri = $4 AND client_secret = $5";

type NamedRow = (Uuid, String, Option<String>, Vec<u8>);
type RegistrationRow = (String, String, String, Option<String>, Vec<u8>);

impl Database {
    /// Seals every value under the first master key. A value that somebody changes meanwhile keeps what
    /// they wrote; [`Database::sealed_value_counts`] tells whether anything is left under another key.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; what was done stays done, and the rest can be done later.
    pub async fn reseal(&self) -> Result<Resealed, Error> {
        let mut done = Resealed::default();
        for column in &COLUMNS {
            self.reseal_column(column, &mut done).await?;
        }
        self.reseal_registrations(&mut done).await?;
        Ok(done)
    }

    async fn reseal_column(&self, of: &Sealed, done: &mut Resealed) -> Result<(), Error> {
        let current = self.inner.keys.current().padded_id();
        let mut unopened = 0_i64;
        loop {
            let rows: Vec<NamedRow> = dispatch!(
                fetch_all self.reading(), of.others, current.as_slice(), batch(), unopened
            )?;
            for (id, name, user, sealed) in &rows {
                let row = match name.as_str() {
                    "" => id.to_string(),
                    name => header_key(ConnectorId::from_uuid(*id), name),
                };
                let user = user.as_deref().unwrap_or_default();
                let place = Place { table: of.table, column: of.column, row: &row, user };
                let Some(anew) = self.sealed_anew(place, sealed) else {
                    unopened += 1;
                    continue;
                };
                done.values += dispatch!(
                    execute self.writing(), of.replace, anew.as_slice(), *id, name.as_str(),
                    sealed.as_slice()
                )?;
            }
            if rows.len() < BATCH {
                done.unopened += unopened.unsigned_abs();
                return Ok(());
            }
        }
    }

    async fn reseal_registrations(&self, done: &mut Resealed) -> Result<(), Error> {
        let current = self.inner.keys.current().padded_id();
        let mut unopened = 0_i64;
        loop {
            let rows: Vec<RegistrationRow> = dispatch!(
                fetch_all self.reading(), REGISTRATIONS, current.as_slice(), batch(), unopened
            )?;
            for (scope, issuer, redirect_uri, user, sealed) in &rows {
                let row = joined_key(&[scope, issuer, redirect_uri]);
                let user = user.as_deref().unwrap_or_default();
                let (table, column) = ("client_registrations", "client_secret");
                let place = Place { table, column, row: &row, user };
                let Some(anew) = self.sealed_anew(place, sealed) else {
                    unopened += 1;
                    continue;
                };
                done.values += dispatch!(
                    execute self.writing(), REPLACE_REGISTRATION, anew.as_slice(), scope.as_str(),
                    issuer.as_str(), redirect_uri.as_str(), sealed.as_slice()
                )?;
            }
            if rows.len() < BATCH {
                done.unopened += unopened.unsigned_abs();
                return Ok(());
            }
        }
    }

    fn sealed_anew(&self, place: Place<'_>, sealed: &[u8]) -> Option<Vec<u8>> {
        match self.open_sealed(place, sealed) {
            Ok(secret) => Some(self.seal(place, &secret)),
            Err(error) => {
                tracing::warn!(%error, "a value that does not open was left as it is");
                None
            }
        }
    }
}

fn batch() -> i64 {
    i64::try_from(BATCH).unwrap_or(i64::MAX)
}
