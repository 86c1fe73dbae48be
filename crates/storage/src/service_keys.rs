//! The service keys: only their hashes are stored.

use keyway_model::{ServiceKeyId, Timestamp};
use uuid::Uuid;

use crate::{database::Database, dispatch::dispatch, error::Error, notify::Change, rows::instant};

const INSERT: &str =
    "INSERT INTO service_keys (id, name, hash, created_at) VALUES ($1, $2, $3, $4)";
const BY_HASH: &str = "SELECT id FROM service_keys WHERE hash = $1 AND revoked_at IS NULL";
const ALL: &str =
    "SELECT id, name, created_at, revoked_at FROM service_keys ORDER BY created_at, id";
const REVOKE: &str = "UPDATE service_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";

/// A service key as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKeyRow {
    /// Its identifier.
    pub id: ServiceKeyId,
    /// What the operator called it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Database {
    /// Stores a new service key by the hash of its secret.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_service_key(
        &self,
        id: ServiceKeyId,
        name: &str,
        hash: &[u8],
        created_at: Timestamp,
    ) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        dispatch!(
            execute transaction.statement(), INSERT, id.as_uuid(), name, hash, created_at.as_millis()
        )?;
        transaction.announce(Change::ServiceKeys);
        transaction.commit().await
    }

    /// The service key with this hash, unless it was revoked.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn service_key(&self, hash: &[u8]) -> Result<Option<ServiceKeyId>, Error> {
        let row: Option<(Uuid,)> = dispatch!(fetch_optional self.reading(), BY_HASH, hash)?;
        Ok(row.map(|(id,)| ServiceKeyId::from_uuid(id)))
    }

    /// All the service keys, revoked ones too, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn service_keys(&self) -> Result<Vec<ServiceKeyRow>, Error> {
        let rows: Vec<(Uuid, String, i64, Option<i64>)> = dispatch!(fetch_all self.reading(), ALL)?;
        let row = |(id, name, created_at, revoked_at)| ServiceKeyRow {
            id: ServiceKeyId::from_uuid(id),
            name,
            created_at: Timestamp::from_millis(created_at),
            revoked_at: instant(revoked_at),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Revokes a service key. `false`: there is no such key, or it was revoked before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn revoke_service_key(
        &self,
        id: ServiceKeyId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        let revoked =
            dispatch!(execute transaction.statement(), REVOKE, id.as_uuid(), now.as_millis())?;
        if revoked == 0 {
            return Ok(false);
        }
        transaction.announce(Change::ServiceKeys);
        transaction.commit().await?;
        Ok(true)
    }
}
