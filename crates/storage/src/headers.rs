//! The static headers of a connector: their names are readable, their values sealed.

use keyway_model::{ConnectorId, UserId};
use secrecy::SecretString;

use crate::{
    database::Database, dispatch::dispatch, error::Error, rows::header_key, seal::Place,
    transaction::Transaction,
};

/// What a header is read with, by names that no other table has.
macro_rules! header_columns {
    () => {
        "name_key, name AS header_name, value AS header_value"
    };
}
pub(crate) use header_columns;

const SET: &str = "INSERT INTO connector_headers
        (connector_id, user_id, name_key, name, position, value)
    VALUES ($1, $2, $3, $4,
        (SELECT COALESCE(MAX(position) + 1, 0) FROM connector_headers WHERE connector_id = $1), $5)
    ON CONFLICT (connector_id, name_key) DO UPDATE SET name = excluded.name, value = excluded.value";
const REMOVE: &str = "DELETE FROM connector_headers
    WHERE user_id = $1 AND connector_id = $2 AND name_key = $3";
const DROP: &str = "DELETE FROM connector_headers WHERE user_id = $1 AND connector_id = $2";

#[derive(sqlx::FromRow)]
pub(crate) struct HeaderRow {
    name_key: String,
    header_name: String,
    header_value: Vec<u8>,
}

impl Database {
    /// The header of a row of this user and connector: its name, and its value opened.
    pub(crate) fn open_header(
        &self,
        user: &UserId,
        connector: ConnectorId,
        row: HeaderRow,
    ) -> Result<(String, SecretString), Error> {
        let key = header_key(connector, &row.name_key);
        Ok((row.header_name, self.open_sealed(place(&key, user), &row.header_value)?))
    }

    /// Gives a header a value. A new one comes last.
    pub(crate) async fn set_header(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
        id: ConnectorId,
        name: &str,
        value: &SecretString,
    ) -> Result<(), Error> {
        let name_key = name.to_ascii_lowercase();
        let key = header_key(id, &name_key);
        let sealed = self.seal(place(&key, user), value);
        dispatch!(
            execute transaction.statement(), SET, id.as_uuid(), user.as_str(), name_key.as_str(),
            name, sealed.as_slice()
        )?;
        Ok(())
    }
}

impl Transaction {
    /// Removes a header, if it is there.
    pub(crate) async fn remove_header(
        &mut self,
        user: &UserId,
        id: ConnectorId,
        name: &str,
    ) -> Result<(), Error> {
        let name_key = name.to_ascii_lowercase();
        dispatch!(execute self.statement(), REMOVE, user.as_str(), id.as_uuid(), name_key.as_str())?;
        Ok(())
    }

    /// Removes all the headers.
    pub(crate) async fn drop_headers(
        &mut self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<(), Error> {
        dispatch!(execute self.statement(), DROP, user.as_str(), id.as_uuid())?;
        Ok(())
    }
}

fn place<'a>(key: &'a str, user: &'a UserId) -> Place<'a> {
    Place { table: "connector_headers", column: "value", row: key, user: user.as_str() }
}
