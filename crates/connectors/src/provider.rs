//! `DbOAuthProvider`: the OAuth side of one connector. It alone starts, finishes, refreshes and drops a
//! grant.

use std::{sync::Arc, time::Duration};

use keyway_model::{AuthorizationSession, Connector, ConnectorState, Grant, StateReason};
use keyway_oauth::{authorization::AuthorizationCode, challenge::BearerChallenge};

use crate::{
    context::Context,
    error::{Error, Result},
    exchange, refresh,
    refresh::Outcome,
    revocations,
    sign_in::{self, StartOptions, Started},
};

/// How long a renewal that somebody else forced is looked for before it begins to show.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const LOOKS_FOR_ANOTHER: usize = 10;
const A_MINUTE: Duration = Duration::from_secs(60);

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
        self.opened(self.cx.database.grant(&self.connector.user_id, self.connector.id).await).await
    }

    /// The grant that was read; one that does not open is marked.
    async fn opened(&self, read: Result<Option<Grant>, keyway_storage::Error>) -> Result<Grant> {
        match read {
            Ok(grant) => grant.ok_or_else(|| self.person_needed()),
            Err(keyway_storage::Error::Unsealing { .. }) => {
                self.mark(StateReason::KeyUnavailable).await?;
                Err(Error::ReauthRequired(self.connector.reference(), StateReason::KeyUnavailable))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A grant whose access token is good to be sent: the one that was `read`, renewed first where it is
    /// about to end.
    ///
    /// # Errors
    /// [`Error::ReauthRequired`] where a person is needed, with the row marked;
    /// [`Error::RefreshUnavailable`] where the token has ended and cannot be renewed for now.
    pub async fn fresh_grant(
        &self,
        read: Result<Option<Grant>, keyway_storage::Error>,
    ) -> Result<Arc<Grant>> {
        if self.needs_first() {
            return self.renewed(refresh::fetch_first(&self.cx, &self.connector).await);
        }
        let grant = self.opened(read).await?;
        let now = self.cx.clock.now();
        let due = grant.renew_at().is_some_and(|due| now >= due);
        if !due {
            return Ok(Arc::new(grant));
        }
        if !self.is_renewable(&grant) {
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
    pub async fn grant_after_refusal(
        &self,
        generation: i64,
        challenge: Option<&BearerChallenge>,
    ) -> Result<Arc<Grant>> {
        let grant = self.stored_grant().await?;
        if grant.generation != generation {
            return Ok(Arc::new(grant));
        }
        if !self.is_renewable(&grant) {
            let reason = match self.reason_of_refusal(&grant, challenge).await {
                StateReason::TokenRejected if grant.is_expired(self.cx.clock.now()) => {
                    StateReason::RefreshTokenMissing
                }
                reason => reason,
            };
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

    /// Somebody else forced the renewal of this generation a moment ago, here or in another process: its
    /// result is awaited; where it came to nothing, nothing is sent before the minute is over.
    async fn grant_of_another_forced_renewal(&self, generation: i64) -> Result<Arc<Grant>> {
        for _ in 0..LOOKS_FOR_ANOTHER {
            let grant = self.stored_grant().await?;
            if grant.generation != generation {
                return Ok(Arc::new(grant));
            }
            if grant.attempt.is_some() || refresh::is_under_way(&self.cx, self.connector.id) {
                let outcome = refresh::renew(&self.cx, &self.connector, &grant).await;
                return self.renewed(outcome);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let grant = self.stored_grant().await?;
        let since = grant.forced_at.map_or(A_MINUTE, |at| self.cx.clock.now().since(at));
        Err(Error::RefreshUnavailable { retry_after: A_MINUTE.saturating_sub(since) })
    }

    /// Marks the row: the server refused a token that had just been renewed.
    pub async fn reject_token(
        &self,
        generation: i64,
        challenge: Option<&BearerChallenge>,
    ) -> Result<Error> {
        let grant = self.stored_grant().await?;
        let reason = self.reason_of_refusal(&grant, challenge).await;
        if grant.generation == generation {
            self.refuse(&grant, reason).await?;
        }
        Ok(Error::ReauthRequired(self.connector.reference(), reason))
    }

    /// Why a server refuses the tokens of the authorization server that it named at the sign-in: it may
    /// name another one by now (MCP 2026-07-28, authorization server binding).
    async fn reason_of_refusal(
        &self,
        grant: &Grant,
        challenge: Option<&BearerChallenge>,
    ) -> StateReason {
        let named = sign_in::named_issuer(&self.cx, &self.connector, challenge).await;
        match named {
            Some(issuer) if issuer != grant.client.issuer => StateReason::IssuerChanged,
            _ => StateReason::TokenRejected,
        }
    }

    /// Marks the row: the server asked for more scopes. What was granted and what is asked for are
    /// joined (MCP 2026-07-28, step-up authorization).
    pub async fn require_scopes(&self, generation: i64, challenged: &[String]) -> Result<Error> {
        let grant = self.stored_grant().await?;
        let mut scopes = grant.scopes;
        let missing: Vec<_> = challenged.iter().filter(|scope| !scopes.contains(scope)).collect();
        scopes.extend(missing.into_iter().cloned());
        let (user, id) = (&self.connector.user_id, self.connector.id);
        if grant.generation == generation {
            let (state, reason) = (ConnectorState::ScopeRequired, StateReason::InsufficientScope);
            self.cx.database.set_state(user, id, state, Some(reason), &scopes).await?;
        }
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
        revocations::grant_dropped(&self.cx, grant.as_ref());
        Ok(())
    }

    /// Fetches the token of a grant without a person from the beginning.
    ///
    /// # Errors
    /// As a sign-in is refused, [`Error::ProviderRefused`] with the provider's own code above all.
    pub(crate) async fn fetch_first(&self) -> Result<Arc<Grant>> {
        match refresh::fetch_first(&self.cx, &self.connector).await {
            Outcome::NotFetched(not) => Err(not.error.for_another()),
            outcome => self.renewed(outcome),
        }
    }

    /// Whether a token is to be had without a person, and the stored one, if there is one, is refused.
    fn needs_first(&self) -> bool {
        use ConnectorState::{ReauthRequired, SignInRequired};
        self.connector.oauth.grant.is_unattended()
            && matches!(self.connector.state, SignInRequired | ReauthRequired)
    }

    /// Whether another token is to be had without a person.
    fn is_renewable(&self, grant: &Grant) -> bool {
        grant.refresh_token.is_some() || self.connector.oauth.grant.is_unattended()
    }

    fn renewed(&self, outcome: Outcome) -> Result<Arc<Grant>> {
        match outcome {
            Outcome::Renewed(grant) => Ok(grant),
            Outcome::Rejected(reason) => {
                Err(Error::ReauthRequired(self.connector.reference(), reason))
            }
            Outcome::Gone => Err(Error::SignInRequired(self.connector.reference())),
            Outcome::Unavailable(retry_after) => Err(Error::RefreshUnavailable { retry_after }),
            Outcome::NotFetched(not) => Err(match not.reason {
                Some(reason) => Error::ReauthRequired(self.connector.reference(), reason),
                None => not.error.for_another().about(self.connector.reference()),
            }),
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
