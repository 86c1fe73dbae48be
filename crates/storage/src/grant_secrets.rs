//! The secrets of the grants without a person, sealed: a private key, an assertion, an id token.

use std::collections::HashMap;

use keyway_model::{ConnectorId, GrantSecret, UserId};
use secrecy::SecretString;

use crate::{
    connectors::SecretEdit,
    database::Database,
    dispatch::dispatch,
    error::Error,
    rows::{RowName, header_key},
    seal::Place,
    transaction::Transaction,
};

const OF_CONNECTOR: &str =
    "SELECT name, value FROM connector_secrets WHERE user_id = $1 AND connector_id = $2";
const SET: &str = "INSERT INTO connector_secrets (connector_id, user_id, name, value)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (connector_id, name) DO UPDATE SET value = excluded.value";
const REMOVE: &str =
    "DELETE FROM connector_secrets WHERE user_id = $1 AND connector_id = $2 AND name = $3";

impl Database {
    /// What the connector's grant without a person needs, besides the client secret.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn grant_secrets(
        &self,
        user: &UserId,
        id: ConnectorId,
    ) -> Result<HashMap<GrantSecret, SecretString>, Error> {
        let rows: Vec<(String, Vec<u8>)> =
            dispatch!(fetch_all self.reading(), OF_CONNECTOR, user.as_str(), id.as_uuid())?;
        rows.into_iter()
            .map(|(name, sealed)| {
                let key = header_key(id, &name);
                let row = RowName { table: "connector_secrets", row: &key };
                Ok((row.parse("name", &name)?, self.open_sealed(place(&key, user), &sealed)?))
            })
            .collect()
    }

    pub(crate) async fn edit_grant_secret(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
        id: ConnectorId,
        name: GrantSecret,
        edit: &SecretEdit,
    ) -> Result<(), Error> {
        match edit {
            SecretEdit::Keep => {}
            SecretEdit::Set(value) => {
                self.set_grant_secret(transaction, user, id, name, value).await?;
            }
            SecretEdit::Remove => {
                dispatch!(
                    execute transaction.statement(), REMOVE, user.as_str(), id.as_uuid(),
                    name.as_str()
                )?;
            }
        }
        Ok(())
    }

    pub(crate) async fn set_grant_secret(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
        id: ConnectorId,
        name: GrantSecret,
        value: &SecretString,
    ) -> Result<(), Error> {
        let key = header_key(id, name.as_str());
        let sealed = self.seal(place(&key, user), value);
        dispatch!(
            execute transaction.statement(), SET, id.as_uuid(), user.as_str(), name.as_str(),
            sealed.as_slice()
        )?;
        Ok(())
    }
}

fn place<'a>(key: &'a str, user: &'a UserId) -> Place<'a> {
    Place { table: "connector_secrets", column: "value", row: key, user: user.as_str() }
}
