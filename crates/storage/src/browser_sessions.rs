//! The browser sessions: short-lived bearer tokens and the cookies they are exchanged for. Only
//! hashes are stored.

use std::{fmt, str::FromStr};

use keyway_model::{BrowserSessionId, ConnectorId, Timestamp, UserId};
use uuid::Uuid;

use crate::{
    database::Database,
    dispatch::dispatch,
    error::Error,
    notify::Change,
    rows::{RowName, instant, list_text},
};

macro_rules! columns {
    () => {
        "id, user_id, kind, label, proves_user, connectors, exchanged_at, created_at, expires_at"
    };
}

const INSERT: &str =
    "INSERT INTO browser_sessions (id, user_id, kind, label, proves_user, connectors,
        hash, exchanged_at, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const BY_HASH: &str =
    concat!("SELECT ", columns!(), " FROM browser_sessions WHERE hash = $1 AND expires_at > $2");
const EXCHANGE: &str = concat!(
    "UPDATE browser_sessions SET exchanged_at = $2
    WHERE hash = $1 AND kind = 'token' AND exchanged_at IS NULL AND expires_at > $2 RETURNING ",
    columns!()
);
const DELETE: &str = "DELETE FROM browser_sessions WHERE id = $1";
const DELETE_EXPIRED: &str = "DELETE FROM browser_sessions WHERE expires_at < $1";

/// A session of a user in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// Its identifier.
    pub id: BrowserSessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// How it is shown.
    pub kind: BrowserSessionKind,
    /// What the host calls the user, for display.
    pub label: Option<String>,
    /// Whether it proves who sits at the browser; one that was opened from a link alone does not.
    pub proves_user: bool,
    /// The only connectors it is good for; `None` means all of the user's.
    pub connectors: Option<Vec<ConnectorId>>,
    /// When the token was exchanged for a cookie.
    pub exchanged_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// How a browser session is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrowserSessionKind {
    /// As a bearer token.
    Token,
    /// As a cookie.
    Cookie,
}

impl BrowserSessionKind {
    /// The stored text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Cookie => "cookie",
        }
    }
}

impl fmt::Display for BrowserSessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BrowserSessionKind {
    type Err = keyway_model::UnknownText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "token" => Ok(Self::Token),
            "cookie" => Ok(Self::Cookie),
            _ => Err(keyway_model::UnknownText),
        }
    }
}

impl Database {
    /// Stores a new session by the hash of its token or cookie.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_browser_session(
        &self,
        session: &BrowserSession,
        hash: &[u8],
    ) -> Result<(), Error> {
        dispatch!(
            execute self.writing(), INSERT, session.id.as_uuid(), session.user_id.as_str(),
            session.kind.as_str(), session.label.as_deref(), session.proves_user,
            session.connectors.as_deref().map(list_text), hash,
            session.exchanged_at.map(Timestamp::as_millis), session.created_at.as_millis(),
            session.expires_at.as_millis()
        )?;
        Ok(())
    }

    /// The session with this hash, unless it has ended. A token that was exchanged is still good as
    /// a bearer; see `exchanged_at`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn browser_session(
        &self,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, Error> {
        let row: Option<Row> =
            dispatch!(fetch_optional self.reading(), BY_HASH, hash, now.as_millis())?;
        row.map(BrowserSession::try_from).transpose()
    }

    /// Marks the token as exchanged for a cookie, which works once. `None`: there is no such token,
    /// it was exchanged before, or it has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn exchange_browser_session(
        &self,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, Error> {
        let row: Option<Row> =
            dispatch!(fetch_optional self.writing(), EXCHANGE, hash, now.as_millis())?;
        row.map(BrowserSession::try_from).transpose()
    }

    /// Ends a session. `false`: there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_browser_session(&self, id: BrowserSessionId) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        let deleted = dispatch!(execute transaction.statement(), DELETE, id.as_uuid())?;
        if deleted == 0 {
            return Ok(false);
        }
        transaction.announce(Change::Sessions);
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes the sessions that ended before this instant. Answers how many there were.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_expired_browser_sessions(
        &self,
        older_than: Timestamp,
    ) -> Result<u64, Error> {
        dispatch!(execute self.writing(), DELETE_EXPIRED, older_than.as_millis())
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    user_id: String,
    kind: String,
    label: Option<String>,
    proves_user: bool,
    connectors: Option<String>,
    exchanged_at: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<Row> for BrowserSession {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let id = BrowserSessionId::from_uuid(row.id);
        let key = id.to_string();
        let name = RowName { table: "browser_sessions", row: &key };
        Ok(Self {
            id,
            user_id: name.user("user_id", row.user_id)?,
            kind: name.parse("kind", &row.kind)?,
            label: row.label,
            proves_user: row.proves_user,
            connectors: row
                .connectors
                .map(|connectors| name.list("connectors", &connectors))
                .transpose()?,
            exchanged_at: instant(row.exchanged_at),
            created_at: Timestamp::from_millis(row.created_at),
            expires_at: Timestamp::from_millis(row.expires_at),
        })
    }
}
