//! The authorization sessions: begun, bound to a browser, claimed once, and ended with a grant or a
//! failure. Whether one has expired is measured with the database's clock.

mod finish;
mod row;

use keyway_model::{
    AuthorizationSession, AuthorizationSessionId, ConnectorId, FailureCode, SessionStatus,
    Timestamp, UserId,
};

use uuid::Uuid;

pub(crate) use row::SessionRow;
use row::{place, session_columns};

use crate::{
    client::{client_columns, secret_expiry},
    clocked::{Clocked, clocked},
    database::Database,
    dispatch::dispatch,
    error::Error,
    notify::Change,
    rows::{RowName, list_text, millis},
};

const INSERT: &str = concat!(
    "INSERT INTO authorization_sessions (id, user_id, connector_id, connector_url, status, failure, \
     detail, ticket_hash, browser_hash, ",
    client_columns!(),
    ", authorization_url, token_endpoint, revocation_endpoint, userinfo_endpoint, iss_supported, \
     dpop, resource, scopes, code_verifier, opener_origin, return_to, needs_confirmation, shown_at, \
     created_at, expires_at)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
     $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31
    WHERE EXISTS (SELECT 1 FROM connectors WHERE id = $3 AND user_id = $2)"
);
const BY_ID: &str =
    concat!("SELECT ", session_columns!(), " FROM authorization_sessions WHERE id = $1");
const OF_USER: &str = concat!(
    "SELECT ",
    session_columns!(),
    " FROM authorization_sessions WHERE user_id = $1 AND id = $2"
);
const BY_TICKET: &str =
    concat!("SELECT ", session_columns!(), " FROM authorization_sessions WHERE ticket_hash = $1");
const BIND: Clocked = clocked!(
    "UPDATE authorization_sessions SET browser_hash = $3
    WHERE id = $2 AND browser_hash IS NULL AND status = 'pending' AND expires_at > " now
);
const CLAIM: Clocked = clocked!(
    "UPDATE authorization_sessions SET status = 'claimed'
    WHERE id = $2 AND status = 'pending' AND expires_at > " now " RETURNING ", session_columns!()
);
const FAIL: &str = concat!(
    "UPDATE authorization_sessions SET status = 'failed', failure = $2, detail = $3
    WHERE id = $1 AND status IN ('pending', 'claimed') RETURNING ",
    session_columns!()
);
const NOTE: &str = "UPDATE authorization_sessions SET failure = $2, detail = $3
    WHERE id = $1 AND status = 'pending'";
const SIGNED_IN_FOR: &str = "SELECT id, scopes FROM authorization_sessions
    WHERE user_id = $1 AND connector_id = $2 AND status = 'finished' AND created_at >= $3";
const SHOW: &str = concat!(
    "UPDATE authorization_sessions SET shown_at = $2
    WHERE id = $1 AND shown_at IS NULL AND status IN ('finished', 'failed') RETURNING ",
    session_columns!()
);
const COUNT_PENDING: Clocked = clocked!(
    "SELECT count(*) FROM authorization_sessions
    WHERE user_id = $2 AND status = 'pending' AND expires_at > " now
);
const COUNT_UNFINISHED: &str = "SELECT count(*) FROM authorization_sessions
    WHERE user_id = $1 AND connector_id = $2 AND client_id = $3 AND status = 'pending'
        AND browser_hash IS NOT NULL";
const DELETE_EXPIRED: &str = "DELETE FROM authorization_sessions WHERE expires_at < $1";

impl Database {
    /// Stores a new sign-in attempt. `false`, and nothing is written: the user has no such
    /// connector.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_authorization_session(
        &self,
        session: &AuthorizationSession,
    ) -> Result<bool, Error> {
        let (client, user) = (&session.client, session.user_id.as_str());
        let key = session.id.to_string();
        let inserted = dispatch!(
            execute self.writing(), INSERT,
            session.id.as_uuid(), user, session.connector_id.as_uuid(),
            session.connector_url.as_str(), session.status.as_str(),
            session.failure.map(FailureCode::as_str), session.detail.as_deref(),
            session.ticket_hash.as_slice(), session.browser_hash.as_deref(),
            client.kind.as_str(), client.issuer.as_str(), client.redirect_uri.as_str(),
            client.client_id.as_str(),
            self.seal_optional(place("client_secret", &key, user), client.client_secret.as_ref()),
            client.token_endpoint_auth_method.as_str(), secret_expiry(client),
            session.authorization_url.as_str(), session.token_endpoint.as_str(),
            session.revocation_endpoint.as_deref(), session.userinfo_endpoint.as_deref(),
            session.iss_supported, session.dpop, session.resource.as_deref(), list_text(&session.scopes),
            self.seal(place("code_verifier", &key, user), &session.code_verifier),
            session.opener_origin.as_deref(), session.return_to.as_deref(),
            session.needs_confirmation, millis(session.shown_at), session.created_at.as_millis(),
            session.expires_at.as_millis()
        )?;
        Ok(inserted > 0)
    }

    /// The session of this id, whosever it is: the callback knows no user. Uses nothing up.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn authorization_session(
        &self,
        id: AuthorizationSessionId,
    ) -> Result<Option<AuthorizationSession>, Error> {
        let row: Option<SessionRow> =
            dispatch!(fetch_optional self.reading(), BY_ID, id.as_uuid())?;
        row.map(|row| self.open_session(row)).transpose()
    }

    /// The user's session of this id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn authorization_session_of(
        &self,
        user: &UserId,
        id: AuthorizationSessionId,
    ) -> Result<Option<AuthorizationSession>, Error> {
        let row: Option<SessionRow> =
            dispatch!(fetch_optional self.reading(), OF_USER, user.as_str(), id.as_uuid())?;
        row.map(|row| self.open_session(row)).transpose()
    }

    /// The session with this hash of a launch ticket.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn authorization_session_by_ticket(
        &self,
        ticket_hash: &[u8],
    ) -> Result<Option<AuthorizationSession>, Error> {
        let row: Option<SessionRow> =
            dispatch!(fetch_optional self.reading(), BY_TICKET, ticket_hash)?;
        row.map(|row| self.open_session(row)).transpose()
    }

    /// Binds the session to the browser that launched it. `false`: it is bound already, was
    /// claimed, has ended or has expired.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bind_browser(
        &self,
        id: AuthorizationSessionId,
        browser_hash: &[u8],
    ) -> Result<bool, Error> {
        let bound = dispatch!(
            execute self.writing(), BIND.text(self), self.clock_parameter(), id.as_uuid(),
            browser_hash
        )?;
        Ok(bound > 0)
    }

    /// Claims the session for the exchange of its code, which works once. `None`: it was claimed
    /// before, has ended or has expired.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn claim(
        &self,
        id: AuthorizationSessionId,
    ) -> Result<Option<AuthorizationSession>, Error> {
        let row: Option<SessionRow> = dispatch!(
            fetch_optional self.writing(), CLAIM.text(self), self.clock_parameter(), id.as_uuid()
        )?;
        row.map(|row| self.open_session(row)).transpose()
    }

    /// Ends the session without a grant. `detail` says in words what happened and holds no secrets.
    /// `false`: it has ended already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn fail_authorization_session(
        &self,
        id: AuthorizationSessionId,
        code: FailureCode,
        detail: &str,
    ) -> Result<bool, Error> {
        let mut transaction = self.write().await?;
        let row: Option<SessionRow> = dispatch!(
            fetch_optional transaction.statement(), FAIL, id.as_uuid(), code.as_str(), detail
        )?;
        let Some(row) = row else {
            return Ok(false);
        };
        let (user_id, connector_id) = row.owner()?;
        let authorization_session_id = id;
        transaction.announce(Change::SignIn { user_id, connector_id, authorization_session_id });
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes on a pending session what went wrong with one try at it, without ending it: somebody
    /// else's try must not use it up. `detail` says in words what happened and holds no secrets.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn note_authorization_session(
        &self,
        id: AuthorizationSessionId,
        code: FailureCode,
        detail: &str,
    ) -> Result<(), Error> {
        dispatch!(execute self.writing(), NOTE, id.as_uuid(), code.as_str(), detail)?;
        Ok(())
    }

    /// The session for the page that shows its outcome, and whether this is the first time. A
    /// session that has not ended is not used up by being looked at.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsealing`], [`Error::Corrupt`].
    pub async fn take_outcome(
        &self,
        id: AuthorizationSessionId,
    ) -> Result<Option<(AuthorizationSession, bool)>, Error> {
        let row: Option<SessionRow> =
            dispatch!(fetch_optional self.writing(), SHOW, id.as_uuid(), self.stamp())?;
        if let Some(row) = row {
            return Ok(Some((self.open_session(row)?, true)));
        }
        let session = self.authorization_session(id).await?;
        Ok(session.map(|session| {
            let first = matches!(session.status, SessionStatus::Pending | SessionStatus::Claimed);
            (session, first)
        }))
    }

    /// How many sign-ins of the user are under way.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn pending_authorization_sessions(&self, user: &UserId) -> Result<i64, Error> {
        let (count,): (i64,) = dispatch!(
            fetch_one self.reading(), COUNT_PENDING.text(self), self.clock_parameter(),
            user.as_str()
        )?;
        Ok(count)
    }

    /// How many sign-ins of the connector went to the authorization server as this client and have not
    /// come back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unfinished_sign_ins(
        &self,
        user: &UserId,
        connector: ConnectorId,
        client_id: &str,
    ) -> Result<i64, Error> {
        let (count,): (i64,) = dispatch!(
            fetch_one self.reading(), COUNT_UNFINISHED, user.as_str(), connector.as_uuid(), client_id
        )?;
        Ok(count)
    }

    /// The scopes that finished sign-ins of the connector asked for since an instant.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn scopes_signed_in_for(
        &self,
        user: &UserId,
        connector: ConnectorId,
        since: Timestamp,
    ) -> Result<Vec<Vec<String>>, Error> {
        let rows: Vec<(Uuid, String)> = dispatch!(
            fetch_all self.reading(), SIGNED_IN_FOR, user.as_str(), connector.as_uuid(),
            since.as_millis()
        )?;
        let read = |(id, scopes): (Uuid, String)| {
            let key = AuthorizationSessionId::from_uuid(id).to_string();
            RowName { table: "authorization_sessions", row: &key }.list("scopes", &scopes)
        };
        rows.into_iter().map(read).collect()
    }

    /// Deletes the sessions whose time ran out before this instant. Answers how many there were.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_expired_authorization_sessions(
        &self,
        older_than: Timestamp,
    ) -> Result<u64, Error> {
        dispatch!(execute self.writing(), DELETE_EXPIRED, older_than.as_millis())
    }
}
