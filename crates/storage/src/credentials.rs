//! A connector with all that a call to its server needs, found by key in one statement.

use keyway_model::{Connector, ConnectorKey, Grant, UserId};
use secrecy::SecretString;
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use crate::{
    connectors::{ConnectorRow, connector_columns},
    database::Database,
    dispatch::dispatch,
    error::Error,
    grants::{GrantRow, grant_columns},
    headers::{HeaderRow, header_columns},
};

/// One row for each header of the connector, and one where it has none.
macro_rules! credential_by {
    ($key:literal) => {
        concat!(
            "SELECT c.*, g.*, h.* FROM (SELECT ",
            connector_columns!(),
            " FROM connectors WHERE user_id = $1 AND ",
            $key,
            " = $2) AS c LEFT JOIN (SELECT connector_id AS grant_of, ",
            grant_columns!(),
            " FROM grants WHERE user_id = $1) AS g ON g.grant_of = c.id \
             LEFT JOIN (SELECT connector_id AS header_of, position, ",
            header_columns!(),
            " FROM connector_headers WHERE user_id = $1) AS h ON h.header_of = c.id \
             ORDER BY h.position"
        )
    };
}

const BY_ID: &str = credential_by!("id");
const BY_SLUG: &str = credential_by!("slug");

/// A connector, its headers and its grant as they were at one moment. A secret that does not open is told
/// of where it is needed, and keeps nothing else from being known.
#[derive(Debug)]
pub struct StoredCredential {
    /// The connector.
    pub connector: Connector,
    /// Its headers with their values, in the user's order, or [`Error::Unsealing`].
    pub headers: Result<Vec<(String, SecretString)>, Error>,
    /// Its grant; or [`Error::Unsealing`], [`Error::Corrupt`].
    pub grant: Result<Option<Grant>, Error>,
}

#[derive(FromRow)]
struct CredentialRow {
    #[sqlx(flatten)]
    connector: ConnectorRow,
    #[sqlx(flatten)]
    grant: Joined<GrantRow>,
    #[sqlx(flatten)]
    header: Joined<HeaderRow>,
}

/// The row of a table that is joined, where it has one.
struct Joined<T>(Option<T>);

/// What tells that a joined table has a row: a column that is never null in one.
trait Joinable {
    const KEY: &str;
}

impl Joinable for GrantRow {
    const KEY: &str = "grant_of";
}

impl Joinable for HeaderRow {
    const KEY: &str = "header_of";
}

impl<'r, R, T> FromRow<'r, R> for Joined<T>
where
    R: Row,
    T: FromRow<'r, R> + Joinable,
    &'static str: ColumnIndex<R>,
    Option<Uuid>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let key: Option<Uuid> = row.try_get(T::KEY)?;
        key.map(|_| T::from_row(row)).transpose().map(Self)
    }
}

impl Database {
    /// The user's connector of this id or slug, with its headers and its grant.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn credential(
        &self,
        user: &UserId,
        key: &ConnectorKey,
    ) -> Result<Option<StoredCredential>, Error> {
        let rows: Vec<CredentialRow> = match key {
            ConnectorKey::Id(id) => {
                dispatch!(fetch_all self.reading(), BY_ID, user.as_str(), id.as_uuid())?
            }
            ConnectorKey::Slug(slug) => {
                dispatch!(fetch_all self.reading(), BY_SLUG, user.as_str(), slug.as_str())?
            }
        };
        let mut rows = rows.into_iter();
        let Some(CredentialRow { connector, grant, header }) = rows.next() else {
            return Ok(None);
        };
        let connector = Connector::try_from(connector)?;
        let headers = header.0.into_iter().chain(rows.filter_map(|row| row.header.0));
        let headers = headers.map(|row| self.open_header(user, connector.id, row)).collect();
        let grant = grant.0.map(|row| self.open_grant(user, connector.id, row)).transpose();
        Ok(Some(StoredCredential { connector, headers, grant }))
    }
}
