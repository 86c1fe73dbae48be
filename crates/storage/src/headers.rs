//! The static headers of a connector: their names are readable, their values sealed.

use keyway_model::{ConnectorId, UserId};
use secrecy::SecretString;

use crate::{
    database::Database, dispatch::dispatch, error::Error, rows::header_key, seal::Place,
    transaction::Transaction,
};

const OF_CONNECTOR: &str = "SELECT name_key, name, value FROM connector_headers
    WHERE user_id = $1 AND connector_id = $2 ORDER BY position";
const SET: &str = "INSERT INTO connector_headers
        (connector_id, user_id, name_key, name, position, value)
    VALUES ($1, $2, $3, $4,
        (SELECT COALESCE(MAX(position) + 1, 0) FROM connector_headers WHERE connector_id = $1), $5)
    ON CONFLICT (connector_id, name_key) DO UPDATE SET name = excluded.name, value = excluded.value";
const REMOVE: &str = "DELETE FROM connector_headers
    WHERE user_id = $1 AND connector_id = $2 AND name_key = $3";
const DROP: &str = "DELETE FROM connector_headers WHERE user_id = $1 AND connector_id = $2";

impl Database {
    /// The connector's headers with their values, in the user's order.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`].
    pub async fn header_values(
        &self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<Vec<(String, SecretString)>, Error> {
        let rows: Vec<(String, String, Vec<u8>)> =
            dispatch!(fetch_all self.reading(), OF_CONNECTOR, user.as_str(), id.as_uuid())?;
        rows.into_iter()
            .map(|(name_key, name, sealed)| {
                let key = header_key(id, &name_key);
                Ok((name, self.open_sealed(place(&key, user), &sealed)?))
            })
            .collect()
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
