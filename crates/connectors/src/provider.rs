//! `DbOAuthProvider`: the OAuth side of one connector. It alone starts, finishes, refreshes and drops a
//! grant.

use std::sync::Arc;

use keyway_model::{AuthorizationSession, Connector, ConnectorState, Grant, StateReason};
use keyway_oauth::authorization::AuthorizationCode;

use crate::{
    context::Context,
    error::{Error, Result},
    exchange, refresh,
    refresh::Outcome,
    sign_in::{self, StartOptions, Started},
    sign_out,
};

/// Whether a person is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A person is there: an authorization URL may be produced.
    Initiate,
    /// Nobody is: where a person is needed the row is marked and the answer says so.
    Use,
}

/// The OAuth side of one connector, built from the database and the connector.
#[derive(Clone)]
pub struct DbOAuthProvider {
    pub(crate) cx: Context,
    pub(crate) connector: Connector,
    mode: Mode,
}

impl DbOAuthProvider {
    /// The provider of a connector that was read from the database.
    pub fn new(cx: &Context, connector: Connector, mode: Mode) -> Self {
        Self { cx: cx.clone(), connector, mode }
    }

    /// The connector.
    pub fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Begins a sign-in: discovery, registration, and the address to open in the browser.
    ///
    /// # Errors
    /// In [`Mode::Use`] always [`Error::SignInRequired`] or [`Error::ReauthRequired`]: without a person
    /// no authorization URL is made.
    pub async fn initiate(&self, options: StartOptions) -> Result<Started> {
        match self.mode {
            Mode::Initiate => sign_in::initiate(self, options).await,
            Mode::Use => Err(self.person_needed()),
        }
    }

    /// Ends a claimed sign-in: exchanges the code at the recorded token endpoint and stores the grant.
    pub async fn finish(
        &self,
        session: &AuthorizationSession,
        code: AuthorizationCode,
    ) -> Result<()> {
        exchange::finish(self, session, code).await
    }

    /// The grant as it is stored, whether its tokens still live or not.
    ///
    /// # Errors
    /// [`Error::SignInRequired`] or [`Error::ReauthRequired`] where there is none.
    pub async fn stored_grant(&self) -> Result<Grant> {
        let grant = self.cx.database.grant(&self.connector.user_id, self.connector.id).await;
        match grant {
            Ok(grant) => grant.ok_or_else(|| self.person_needed()),
            Err(keyway_storage::Error::Unsealing { .. }) => {
                self.mark(StateReason::KeyUnavailable).await?;
                Err(Error::ReauthRequired(self.connector.reference(), StateReason::KeyUnavailable))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A grant whose access token is good to be sent: renewed first where it is about to end.
    ///
    /// # Errors
    /// [`Error::ReauthRequired`] where a person is needed, with the row marked;
    /// [`Error::RefreshUnavailable`] where the token has ended and cannot be renewed for now.
    pub async fn fresh_grant(&self) -> Result<Arc<Grant>> {
        let grant = self.stored_grant().await?;
        let now = self.cx.clock.now();
        let due = grant.renew_at().is_some_and(|due| now >= due);
        if !due {
            return Ok(Arc::new(grant));
        }
        if grant.refresh_token.is_none() {
            if !grant.is_expired(now) {
                return Ok(Arc::new(grant));
            }
            self.refuse(&grant, StateReason::RefreshTokenMissing).await?;
            return Err(Error::ReauthRequired(
                self.connector.reference(),
                StateReason::RefreshTokenMissing,
            ));
        }
        match refresh::renew(&self.cx, &self.connector, &grant).await {
            Outcome::Unavailable(_) if !grant.is_expired(self.cx.clock.now()) => {
                Ok(Arc::new(grant))
            }
            outcome => self.renewed(outcome),
        }
    }

    /// A grant to try once more with, after the server refused the token of `generation`: the stored one
    /// if it is another by now, else a forced renewal, at most once a minute.
    pub async fn grant_after_refusal(&self, generation: i64) -> Result<Arc<Grant>> {
        let grant = self.stored_grant().await?;
        if grant.generation != generation {
            return Ok(Arc::new(grant));
        }
        if grant.refresh_token.is_none() {
            let ended = grant.is_expired(self.cx.clock.now());
            let reason =
                if ended { StateReason::RefreshTokenMissing } else { StateReason::TokenRejected };
            self.refuse(&grant, reason).await?;
            return Err(Error::ReauthRequired(self.connector.reference(), reason));
        }
        let (user, id, now) = (&self.connector.user_id, self.connector.id, self.cx.clock.now());
        if !self.cx.database.mark_forced(user, id, generation, now).await? {
            return self.grant_of_another_forced_renewal(generation).await;
        }
        let outcome = refresh::renew(&self.cx, &self.connector, &grant).await;
        self.renewed(outcome)
    }

    /// Somebody else forced the renewal of this generation a moment ago: its result is awaited if it is
    /// under way here; else nothing is sent before the minute is over.
    async fn grant_of_another_forced_renewal(&self, generation: i64) -> Result<Arc<Grant>> {
        let joined = refresh::join(&self.cx, self.connector.id).await;
        if let Some(outcome) = joined {
            return self.renewed(outcome);
        }
        let grant = self.stored_grant().await?;
        if grant.generation != generation {
            return Ok(Arc::new(grant));
        }
        let wait = std::time::Duration::from_secs(60);
        let since = grant.forced_at.map_or(wait, |at| self.cx.clock.now().since(at));
        Err(Error::RefreshUnavailable { retry_after: wait.saturating_sub(since) })
    }

    /// Marks the row: the server refused a token that had just been renewed.
    pub async fn reject_token(&self, generation: i64) -> Result<Error> {
        let grant = self.stored_grant().await?;
        if grant.generation == generation {
            self.refuse(&grant, StateReason::TokenRejected).await?;
        }
        Ok(Error::ReauthRequired(self.connector.reference(), StateReason::TokenRejected))
    }

    /// Marks the row: the server asked for more scopes. What was granted and what is asked for are
    /// joined (MCP 2026-07-28, step-up authorization).
    pub async fn require_scopes(&self, challenged: &[String]) -> Result<Error> {
        let mut scopes = self.stored_grant().await?.scopes;
        let missing: Vec<_> = challenged.iter().filter(|scope| !scopes.contains(scope)).collect();
        scopes.extend(missing.into_iter().cloned());
        let (user, id) = (&self.connector.user_id, self.connector.id);
        let reason = Some(StateReason::InsufficientScope);
        self.cx
            .database
            .set_state(user, id, ConnectorState::ScopeRequired, reason, &scopes)
            .await?;
        self.cx.credentials.forget(id);
        Ok(Error::ScopeRequired(self.connector.reference(), scopes))
    }

    /// Forgets the grant and has its tokens revoked where the server offers it. The local part never
    /// waits for the server.
    pub async fn drop_grant(&self) -> Result<()> {
        let (user, id) = (&self.connector.user_id, self.connector.id);
        let state = ConnectorState::SignInRequired;
        let grant = self.cx.database.drop_grant(user, id, state, None).await?;
        self.cx.credentials.forget(id);
        if let Some(grant) = grant {
            sign_out::revoke_detached(&self.cx, &self.connector.url, grant);
        }
        Ok(())
    }

    fn renewed(&self, outcome: Outcome) -> Result<Arc<Grant>> {
        match outcome {
            Outcome::Renewed(grant) => Ok(grant),
            Outcome::Rejected(reason) => {
                Err(Error::ReauthRequired(self.connector.reference(), reason))
            }
            Outcome::Gone => Err(Error::SignInRequired(self.connector.reference())),
            Outcome::Unavailable(retry_after) => Err(Error::RefreshUnavailable { retry_after }),
        }
    }

    async fn refuse(&self, grant: &Grant, reason: StateReason) -> Result<()> {
        let (user, id) = (&self.connector.user_id, self.connector.id);
        self.cx.database.refuse_grant(user, id, grant.generation, reason).await?;
        self.cx.credentials.forget(id);
        Ok(())
    }

    async fn mark(&self, reason: StateReason) -> Result<()> {
        let (user, id) = (&self.connector.user_id, self.connector.id);
        let state = ConnectorState::ReauthRequired;
        self.cx.database.set_state(user, id, state, Some(reason), &[]).await?;
        self.cx.credentials.forget(id);
        Ok(())
    }

    /// What a caller is told when a person is needed and none is there.
    fn person_needed(&self) -> Error {
        match (self.connector.state, self.connector.state_reason) {
            (ConnectorState::ReauthRequired, Some(reason)) => {
                Error::ReauthRequired(self.connector.reference(), reason)
            }
            _ => Error::SignInRequired(self.connector.reference()),
        }
    }
}
