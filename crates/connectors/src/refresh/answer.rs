//! What an answer of the token endpoint leads to: new tokens, another try later, or a person.

use std::{sync::Arc, time::Duration};

use keyway_model::{Grant, GrantType, StateReason};
use keyway_oauth::token::{TokenAnswer, TokenError, TokenErrorClass, TokenType};
use keyway_storage::RefreshedTokens;

use super::{Outcome, Refresh, Step};
use crate::{clients, error::Result, patience::patiently, tokens};

impl Refresh<'_> {
    pub(super) async fn store(&self, grant: &Grant, answer: TokenAnswer) -> Result<Outcome> {
        let bound = answer.token_type == TokenType::Dpop;
        if bound != grant.dpop_key.is_some() {
            return self.not_this_token("no_longer_bound").await;
        }
        let unattended = self.connector.oauth.grant.is_unattended();
        let accepted = tokens::accept(answer, grant.resource.as_deref(), self.cx.clock.now());
        let Ok(mut tokens) = accepted else {
            return self.not_this_token("other_audience").await;
        };
        tokens.refresh_token.take_if(|_| unattended);
        self.cx.flights.end_pause(self.connector.id);
        if let Some(saved) = self.save(&tokens).await? {
            count("renewed");
            return Ok(Outcome::Renewed(Arc::new(saved)));
        }
        count("overtaken");
        let current = self.cx.background.grant(self.user(), self.connector.id).await?;
        Ok(current.map_or(Outcome::Gone, |grant| Outcome::Renewed(Arc::new(grant))))
    }

    /// The new token is not one to send to this server in the way it is sent.
    async fn not_this_token(&self, outcome: &'static str) -> Result<Outcome> {
        Ok(match self.refuse(StateReason::TokenRejected, outcome).await? {
            Step::Done(outcome) => outcome,
            Step::Again => Outcome::Unavailable(Duration::ZERO),
        })
    }

    /// Stores the new tokens; while the database is away they are kept here and tried again.
    async fn save(&self, tokens: &RefreshedTokens) -> Result<Option<Grant>> {
        let (database, id) = (&self.cx.background, self.connector.id);
        let write = || database.save_refreshed(self.user(), id, self.generation, tokens);
        Ok(patiently(write).await?)
    }

    pub(super) async fn failed(
        &self,
        grant: &Grant,
        owner: &str,
        resent: bool,
        error: &TokenError,
    ) -> Result<Step> {
        tracing::warn!(connector = %self.connector.id, code = error.code(), %error, "a refresh failed");
        match error.class() {
            TokenErrorClass::Rejected => {
                let ambiguous = grant.attempt.is_some_and(|attempt| attempt.count > 1);
                let outcome = if ambiguous { "rejected_after_ambiguous" } else { "rejected" };
                self.refuse(StateReason::RefreshRejected, outcome).await
            }
            TokenErrorClass::ClientBroken => {
                self.forget_registration(grant).await?;
                self.refuse(StateReason::RegistrationRejected, "client_broken").await
            }
            TokenErrorClass::Transient { retry_after } => {
                let settled = grant.attempt.is_none_or(|attempt| attempt.count <= 1);
                self.release(owner, settled).await?;
                count("transient");
                Ok(Step::Done(Outcome::Unavailable(self.cx.flights.pause_after_failure(
                    self.cx,
                    self.connector.id,
                    retry_after,
                ))))
            }
            // An assertion is presented once, and whoever gave it decides what comes next.
            TokenErrorClass::Ambiguous
                if !resent && self.connector.oauth.grant != GrantType::WorkloadIdentity =>
            {
                self.release(owner, false).await?;
                count("ambiguous");
                Ok(Step::Again)
            }
            TokenErrorClass::Ambiguous | TokenErrorClass::Protocol => {
                self.release(owner, false).await?;
                count("unanswered");
                Ok(Step::Done(Outcome::Unavailable(self.pause())))
            }
        }
    }

    async fn release(&self, owner: &str, settled: bool) -> Result<()> {
        let database = &self.cx.background;
        database
            .release_lease(self.user(), self.connector.id, self.generation, owner, settled)
            .await?;
        Ok(())
    }

    /// Marks the row, unless another process has moved on: then its tokens count.
    pub(super) async fn refuse(&self, reason: StateReason, outcome: &'static str) -> Result<Step> {
        let database = &self.cx.background;
        let marked =
            database.refuse_grant(self.user(), self.connector.id, self.generation, reason).await?;
        if marked {
            count(outcome);
            return Ok(Step::Done(Outcome::Rejected(reason)));
        }
        count("overtaken");
        let current = database.grant(self.user(), self.connector.id).await?;
        Ok(Step::Done(current.map_or(Outcome::Gone, |grant| Outcome::Renewed(Arc::new(grant)))))
    }

    /// A dynamic registration that the server no longer takes is not used again.
    async fn forget_registration(&self, grant: &Grant) -> Result<()> {
        clients::forget_refused(self.cx, self.user(), self.connector.id, &grant.client).await
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("keyway_refreshes_total", "outcome" => outcome).increment(1);
}
