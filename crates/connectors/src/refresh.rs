//! The refresh of a grant: once per expiry, whatever the number of callers and processes. It runs
//! detached from the request that wanted it, is written down before it is sent, and is stored by
//! compare-and-set on the grant's generation. One token endpoint is asked for a few at a time.

mod answer;
mod flights;
mod others;
mod turns;

use std::{sync::Arc, time::Duration};

use keyway_model::{
    Connector, ConnectorId, ConnectorKey, ConnectorRef, ConnectorState, Grant, StateReason, UserId,
};
use keyway_oauth::token::{self, TokenAnswer, TokenError, TokenErrorClass, TokenRequest};
use keyway_storage::StoredCredential;
use secrecy::SecretString;
use tokio::{sync::watch, time::Instant};
use tracing::{Instrument as _, Span};

pub(crate) use self::flights::{Flights, is_under_way};
use self::flights::{Renewed, fly, landed};
use crate::{
    clients::Authenticator,
    context::Context,
    dpop::{self, Proofs},
    error::{Error, Result},
    trace,
    unattended::{self, NotFetched, Target},
};

/// How long a process may hold the right to refresh; longer than the token endpoint may take.
const LEASE: Duration = Duration::from_secs(15);
/// How long a refresh waits for another process's.
const OTHERS: Duration = Duration::from_secs(20);

/// How a refresh ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// There are new tokens.
    Renewed(Arc<Grant>),
    /// A person is needed.
    Rejected(StateReason),
    /// There is no grant any more.
    Gone,
    /// Not now; the grant is kept.
    Unavailable(Duration),
    /// There is no first token of a grant without a person.
    NotFetched(Arc<NotFetched>),
}

impl Outcome {
    /// In one word, for a trace.
    fn word(&self) -> &'static str {
        match self {
            Self::Renewed(_) => "renewed",
            Self::Rejected(_) => "rejected",
            Self::Gone => "gone",
            Self::Unavailable(_) => "unavailable",
            Self::NotFetched(_) => "not_fetched",
        }
    }
}

/// Has the grant renewed, or joins the renewal that is under way, and waits for it.
pub(crate) async fn renew(cx: &Context, connector: &Connector, grant: &Grant) -> Outcome {
    landed(begin(cx, connector, grant)).await
}

fn begin(cx: &Context, connector: &Connector, grant: &Grant) -> watch::Receiver<Option<Outcome>> {
    let (own, of, generation) = (cx.clone(), connector.clone(), grant.generation);
    let endpoint = grant.token_endpoint.clone();
    let work = async move {
        Refresh { cx: &own, connector: &of, generation, token_endpoint: &endpoint }.run().await
    };
    fly(cx, Renewed::of(connector), work)
}

/// Has the grant of a user's connector renewed, or joins the renewal that is under way, without waiting for
/// it.
pub(crate) fn begin_ahead(cx: &Context, user: &UserId, connector: &ConnectorRef, generation: i64) {
    let (own, of, id) = (cx.clone(), user.clone(), connector.id);
    let work = async move {
        let outcome = ahead(&own, &of, id, generation).await;
        outcome.unwrap_or_else(|error| storage_failed(id, &error))
    };
    drop(fly(
        cx,
        Renewed { user: user.clone(), connector: connector.clone(), ailing: false },
        work,
    ));
}

async fn ahead(cx: &Context, user: &UserId, id: ConnectorId, generation: i64) -> Result<Outcome> {
    let found = cx.background.credential(user, &ConnectorKey::Id(id)).await?;
    let Some(StoredCredential { connector, grant, .. }) = found else { return Ok(Outcome::Gone) };
    let Some(Grant { token_endpoint, .. }) = grant? else { return Ok(Outcome::Gone) };
    let (connector, token_endpoint) = (&connector, &token_endpoint);
    Ok(Refresh { cx, connector, generation, token_endpoint }.run().await)
}

fn storage_failed(connector: ConnectorId, error: &Error) -> Outcome {
    tracing::error!(%error, %connector, "a refresh met a storage error");
    Outcome::Unavailable(Duration::from_secs(1))
}

/// Has the first token of a grant without a person fetched, or joins whoever does it already, and waits
/// for it.
pub(crate) async fn fetch_first(cx: &Context, connector: &Connector) -> Outcome {
    let (own, of) = (cx.clone(), connector.clone());
    let fetched = fly(cx, Renewed::of(connector), async move {
        if let Some(grant) = unattended::fetched_meanwhile(&own, &of).await {
            return Outcome::Renewed(Arc::new(grant));
        }
        match unattended::first_grant(&own, &of).await {
            Ok(grant) => Outcome::Renewed(Arc::new(grant)),
            Err(not) => Outcome::NotFetched(Arc::new(not)),
        }
    });
    landed(fetched).await
}

/// One refresh of one generation of a grant.
struct Refresh<'a> {
    cx: &'a Context,
    connector: &'a Connector,
    generation: i64,
    /// Of the grant, for the turn there.
    token_endpoint: &'a str,
}

/// What one try at the token endpoint led to.
enum Step {
    Done(Outcome),
    Again,
}

impl Refresh<'_> {
    fn user(&self) -> &UserId {
        &self.connector.user_id
    }

    async fn run(&self) -> Outcome {
        if let Some(wait) = self.cx.flights.pause(self.cx, self.connector.id) {
            return Outcome::Unavailable(wait);
        }
        let sent = self.lease_and_send().await;
        sent.unwrap_or_else(|error| storage_failed(self.connector.id, &error))
    }

    /// How long nothing is sent now that it failed.
    fn pause(&self) -> Duration {
        self.cx.flights.pause_after_failure(self.cx, self.connector.id, None)
    }

    /// Waits for the right to refresh, or for another process to have done it.
    async fn lease_and_send(&self) -> Result<Outcome> {
        let database = &self.cx.background;
        let owner = format!("{:032x}", u128::from_le_bytes(self.cx.random.bytes()));
        let (mut wait, begun) = (Duration::from_millis(50), Instant::now());
        let mut resent = false;
        loop {
            let Some(turn) = self.cx.flights.turns.at(self.token_endpoint).await else {
                return Ok(Outcome::Unavailable(self.pause()));
            };
            let lease = database
                .lease_refresh(self.user(), self.connector.id, self.generation, &owner, LEASE)
                .await?;
            if let Some(grant) = lease {
                match self.send(&grant, &owner, resent).await? {
                    Step::Done(outcome) => return Ok(outcome),
                    Step::Again => resent = true,
                }
                continue;
            }
            drop(turn);
            // Before the row is read, so that no change after that is missed.
            let mut changes = database.changes();
            let Some(grant) = database.grant(self.user(), self.connector.id).await? else {
                return Ok(Outcome::Gone);
            };
            if grant.generation != self.generation {
                return Ok(Outcome::Renewed(Arc::new(grant)));
            }
            if let Some(reason) = self.refused_elsewhere().await? {
                return Ok(Outcome::Rejected(reason));
            }
            if begun.elapsed() >= OTHERS {
                return Ok(Outcome::Unavailable(Duration::from_secs(1)));
            }
            if !others::is_changed(&mut changes, self.connector.id, wait).await {
                wait = (wait * 2).min(Duration::from_millis(500));
            }
        }
    }

    /// Whether another process was refused while this one waited.
    async fn refused_elsewhere(&self) -> Result<Option<StateReason>> {
        let key = ConnectorKey::Id(self.connector.id);
        let connector = self.cx.background.connector(self.user(), &key).await?;
        Ok(connector
            .filter(|connector| connector.state == ConnectorState::ReauthRequired)
            .and_then(|connector| connector.state_reason))
    }

    async fn send(&self, grant: &Grant, owner: &str, resent: bool) -> Result<Step> {
        let answer = if self.connector.oauth.grant.is_unattended() {
            self.ask_again(grant).await?
        } else {
            let Some(refresh_token) = &grant.refresh_token else {
                return self.refuse(StateReason::RefreshTokenMissing, "no_refresh_token").await;
            };
            self.present(grant, refresh_token).await?
        };
        match answer {
            Ok(answer) => self.store(grant, answer).await.map(Step::Done),
            Err(error) => self.failed(grant, owner, resent, &error).await,
        }
    }

    async fn present(
        &self,
        grant: &Grant,
        refresh_token: &SecretString,
    ) -> Result<Result<TokenAnswer, TokenError>> {
        let http = self.cx.egress.on_behalf_of(&self.connector.url);
        let key = dpop::stored_key(grant.dpop_key.as_ref())?;
        let proofs = Proofs::new(self.cx, &grant.token_endpoint, key);
        let client = Authenticator::new(self.cx, &grant.client);
        let request = TokenRequest {
            token_endpoint: &grant.token_endpoint,
            client: client.authentication(),
            resource: grant.resource.as_deref(),
            dpop: proofs.binding(),
        };
        let span = trace::token_request();
        let asked = token::refresh(&http, &request, refresh_token, &[]);
        let answer = asked.instrument(span.clone()).await;
        count_token_request(&span, answer.as_ref().err());
        proofs.note(&answer);
        Ok(answer)
    }

    /// What a grant without a person has in place of a refresh: another token, asked for in the same way
    /// and at the same place as the one before.
    async fn ask_again(&self, grant: &Grant) -> Result<Result<TokenAnswer, TokenError>> {
        let target = Target {
            client: &grant.client,
            token_endpoint: &grant.token_endpoint,
            resource: grant.resource.as_deref(),
            scopes: &grant.scopes,
            dpop_key: dpop::stored_key(grant.dpop_key.as_ref())?,
        };
        unattended::request_token(self.cx, self.connector, &target).await
    }
}

/// Counts a request to a token endpoint by how it ended, and notes that in its span.
pub(crate) fn count_token_request(span: &Span, error: Option<&TokenError>) {
    let outcome = match error.map(TokenError::class) {
        None => "ok",
        Some(TokenErrorClass::Rejected) => "rejected",
        Some(TokenErrorClass::ClientBroken) => "client_broken",
        Some(TokenErrorClass::Transient { .. }) => "transient",
        Some(TokenErrorClass::Ambiguous) => "ambiguous",
        Some(TokenErrorClass::Protocol) => "protocol",
    };
    metrics::counter!("keyway_token_requests_total", "outcome" => outcome).increment(1);
    trace::note_outcome(span, outcome);
}
