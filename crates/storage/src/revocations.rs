//! The revocations that are still to be made: an outbox that is filled in the write that forgets a
//! grant, and emptied by whichever process claims a row. A claim is a lease, so that a process that
//! ends in between loses nothing.

mod row;

use std::time::Duration;

use keyway_model::{ClientRegistration, ConnectorId, Grant, RevocationId, Timestamp, UserId};
use secrecy::SecretString;

use crate::{
    clocked::{Clocked, clocked},
    database::Database,
    dispatch::dispatch,
    error::Error,
    transaction::Transaction,
};
use row::{RevocationRow, revocation_columns};

/// How long a revocation is tried for.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

const CLAIM_ON_SQLITE: Clocked = clocked!(
    "UPDATE revocations SET attempts = attempts + 1, next_attempt_at = " now " + $2
    WHERE id IN (SELECT id FROM revocations WHERE next_attempt_at <= " now "
        ORDER BY next_attempt_at LIMIT $3) RETURNING ", revocation_columns!()
);
const CLAIM_ON_POSTGRES: Clocked = clocked!(
    "UPDATE revocations SET attempts = attempts + 1, next_attempt_at = " now " + $2
    WHERE id IN (SELECT id FROM revocations WHERE next_attempt_at <= " now "
        ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING ",
    revocation_columns!()
);
const CLAIM: Clocked =
    Clocked { sqlite: CLAIM_ON_SQLITE.sqlite, postgres: CLAIM_ON_POSTGRES.postgres };
const POSTPONE: Clocked =
    clocked!("UPDATE revocations SET next_attempt_at = " now " + $3 WHERE id = $2");
const FORGET_REFRESH_TOKEN: &str =
    "UPDATE revocations SET refresh_token = NULL, refresh_token_revoked = TRUE WHERE id = $1";
const END: &str = "DELETE FROM revocations WHERE id = $1";
const NEXT: &str = "SELECT MIN(next_attempt_at) FROM revocations";

/// Tokens of a grant that was forgotten, to be revoked (RFC 7009).
#[derive(Clone, Debug)]
pub struct Revocation {
    /// Its identifier.
    pub id: RevocationId,
    /// Whose tokens they were; `None` where the user was erased, so that nothing is to be told.
    pub user_id: Option<UserId>,
    /// The connector they were for, which may be gone.
    pub connector_id: ConnectorId,
    /// What it was called.
    pub connector_name: Option<String>,
    /// Its slug.
    pub connector_slug: Option<String>,
    /// The URL it had, which decides what may be reached on its behalf.
    pub connector_url: String,
    /// The client the tokens were issued to.
    pub client: ClientRegistration,
    /// Where they are revoked.
    pub revocation_endpoint: String,
    /// The refresh token, until it is revoked.
    pub refresh_token: Option<SecretString>,
    /// Whether there was one, which is revoked by now.
    pub refresh_token_revoked: bool,
    /// The access token.
    pub access_token: SecretString,
    /// How often it was claimed.
    pub attempts: i64,
    /// When nobody tries any more.
    pub deadline: Timestamp,
}

impl Database {
    /// Has the tokens of a grant revoked that was never stored, on behalf of the connector at
    /// `connector_url`. Nothing is written where the server offers no revocation.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn queue_revocation(&self, grant: &Grant, connector_url: &str) -> Result<(), Error> {
        let mut transaction = self.write().await?;
        let whose = Some(&grant.user_id);
        self.insert_revocation(&mut transaction, grant, Some(connector_url), whose).await?;
        transaction.commit().await
    }

    /// Claims up to `most` revocations that are due, for as long as the lease, measured with the
    /// database's clock. One that does not open is removed: it can never be made.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Corrupt`].
    pub async fn claim_revocations(
        &self,
        lease: Duration,
        most: i64,
    ) -> Result<Vec<Revocation>, Error> {
        let rows: Vec<RevocationRow> = dispatch!(
            fetch_all self.writing(), CLAIM.text(self), self.clock_parameter(), millis(lease), most
        )?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            let id = row.id();
            match self.open_revocation(row) {
                Ok(revocation) => claimed.push(revocation),
                Err(error @ Error::Unsealing { .. }) => {
                    tracing::warn!(%error, "tokens that do not open cannot be revoked");
                    self.end_revocation(id).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claimed)
    }

    /// Notes that the refresh token is revoked, and removes it; the access token is left to do.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn forget_revoked_refresh_token(&self, id: RevocationId) -> Result<(), Error> {
        dispatch!(execute self.writing(), FORGET_REFRESH_TOKEN, id.as_uuid())?;
        Ok(())
    }

    /// Gives the claim back: it is due again after the pause.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; it is then due when the lease ends.
    pub async fn postpone_revocation(
        &self,
        id: RevocationId,
        pause: Duration,
    ) -> Result<(), Error> {
        dispatch!(
            execute self.writing(), POSTPONE.text(self), self.clock_parameter(), id.as_uuid(),
            millis(pause)
        )?;
        Ok(())
    }

    /// Removes the revocation with its tokens, whatever came of it.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; it is then made once more, which does no harm.
    pub async fn end_revocation(&self, id: RevocationId) -> Result<(), Error> {
        dispatch!(execute self.writing(), END, id.as_uuid())?;
        Ok(())
    }

    /// When the next revocation is due, by the database's clock; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn next_revocation_at(&self) -> Result<Option<Timestamp>, Error> {
        let (next,): (Option<i64>,) = dispatch!(fetch_one self.reading(), NEXT)?;
        Ok(next.map(Timestamp::from_millis))
    }

    /// Removes the connector's grant, and has its tokens revoked where the server offers it, in the
    /// same transaction. The grant comes back unless it does not open; then nothing can be revoked.
    pub(crate) async fn take_grant_to_revoke(
        &self,
        transaction: &mut Transaction,
        user: &UserId,
        connector: ConnectorId,
    ) -> Result<Option<Grant>, Error> {
        let row = transaction.take_grant(user, connector).await?;
        let grant = row.and_then(|row| self.open_if_possible(user, connector, row));
        if let Some(grant) = &grant {
            self.insert_revocation(transaction, grant, None, Some(user)).await?;
        }
        Ok(grant)
    }

    fn deadline(&self) -> i64 {
        self.inner.clock.now().plus(LONGEST).as_millis()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
