//! The personal tokens of users: only their hashes are stored.

use keyway_model::{ConnectorId, PersonalTokenId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    notify::Change,
    rows::{RowName, instant, list_text, millis},
};

macro_rules! columns {
    () => {
        "id, user_id, name, connectors, created_at, expires_at"
    };
}

const INSERT: &str =
    "INSERT INTO personal_tokens (id, user_id, name, connectors, hash, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const BY_HASH: &str = concat!("SELECT ", columns!(), " FROM personal_tokens WHERE hash = $1");
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM personal_tokens WHERE id = $1");
const OF_USER: &str =
    concat!("SELECT ", columns!(), " FROM personal_tokens WHERE user_id = $1 ORDER BY id");
const DELETE: &str = "DELETE FROM personal_tokens WHERE id = $1 AND user_id = $2";

/// A token that a user made for a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalToken {
    /// Its identifier.
    pub id: PersonalTokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// What the user called it.
    pub name: String,
    /// The only connectors it is good for; some may be gone.
    pub connectors: Vec<ConnectorId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; `None` means when it is revoked.
    pub expires_at: Option<Timestamp>,
}

impl Database {
    /// Stores a new token by the hash of its secret.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_personal_token(
        &self,
        token: &PersonalToken,
        hash: &[u8],
    ) -> Result<(), Error> {
        dispatch!(
            execute self.writing(), INSERT, token.id.as_uuid(), token.user_id.as_str(),
            token.name.as_str(), list_text(&token.connectors), hash,
            token.created_at.as_millis(), millis(token.expires_at)
        )?;
        Ok(())
    }

    /// The token with this hash, also one that has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn personal_token(&self, hash: &[u8]) -> Result<Option<PersonalToken>, Error> {
        let row: Option<Row> = dispatch!(fetch_optional self.reading(), BY_HASH, hash)?;
        row.map(PersonalToken::try_from).transpose()
    }

    /// The token with this id, of whichever user, also one that has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn personal_token_by_id(
        &self,
        id: PersonalTokenId,
    ) -> Result<Option<PersonalToken>, Error> {
        let row: Option<Row> = dispatch!(fetch_optional self.reading(), BY_ID, id.as_uuid())?;
        row.map(PersonalToken::try_from).transpose()
    }

    /// The tokens of the user, the oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn personal_tokens_of(&self, user: &UserId) -> Result<Vec<PersonalToken>, Error> {
        let rows: Vec<Row> = dispatch!(fetch_all self.reading(), OF_USER, user.as_str())?;
        rows.into_iter().map(PersonalToken::try_from).collect()
    }

    /// Revokes a token of the user. `false`: the user has none with this id.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_personal_token(
        &self,
        user: &UserId,
        id: PersonalTokenId,
    ) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        let statement = transaction.statement();
        let deleted = dispatch!(execute statement, DELETE, id.as_uuid(), user.as_str())?;
        if deleted == 0 {
            return Ok(false);
        }
        transaction.announce(Change::PersonalTokens);
        transaction.commit().await?;
        Ok(true)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    user_id: String,
    name: String,
    connectors: String,
    created_at: i64,
    expires_at: Option<i64>,
}

impl TryFrom<Row> for PersonalToken {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = PersonalTokenId::from_uuid(row.id);
        let key = id.to_string();
        let name = RowName { table: "personal_tokens", row: &key };
        Ok(Self {
            id,
            user_id: name.user("user_id", row.user_id)?,
            name: row.name,
            connectors: name.list("connectors", &row.connectors)?,
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: instant(row.expires_at),
        })
    }
}
