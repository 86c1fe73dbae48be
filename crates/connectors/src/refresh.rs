//! The refresh of a grant: once per expiry, whatever the number of callers and processes. It runs
//! detached from the request that wanted it, is written down before it is sent, and is stored by
//! compare-and-set on the grant's generation.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keyway_model::{
    Connector, ConnectorId, ConnectorKey, ConnectorState, Grant, RegistrationKind, StateReason,
    Timestamp, UserId,
};
use keyway_oauth::{
    client_auth::ClientAuthentication,
    token::{self, TokenAnswer, TokenError, TokenErrorClass, TokenRequest},
};
use keyway_storage::{RefreshedTokens, RegistrationScope};
use tokio::sync::watch;

use crate::{context::Context, error::Result, tokens};

/// How long a process may hold the right to refresh; longer than the token endpoint may take.
const LEASE: Duration = Duration::from_secs(15);
/// How long a caller waits for a refresh.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long a refresh waits for another process's.
const OTHERS: Duration = Duration::from_secs(20);
/// How long new tokens are kept in memory while the database does not take them.
const SAVING: Duration = Duration::from_secs(120);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

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
}

/// The refreshes under way in this process, and the pauses after failed ones.
#[derive(Default)]
pub(crate) struct Flights {
    under_way: Mutex<HashMap<ConnectorId, watch::Receiver<Option<Outcome>>>>,
    pauses: Mutex<HashMap<ConnectorId, Pause>>,
}

#[derive(Clone, Copy)]
struct Pause {
    until: Timestamp,
    failures: u32,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the grant renewed, or joins the renewal that is under way, and waits for it.
pub(crate) async fn renew(cx: &Context, connector: &Connector, grant: &Grant) -> Outcome {
    let mut outcome = begin(cx, connector, grant.generation);
    let ended = tokio::time::timeout(PATIENCE, outcome.wait_for(Option::is_some)).await;
    match ended {
        Ok(Ok(outcome)) => outcome.clone().unwrap_or(Outcome::Unavailable(Duration::from_secs(1))),
        _ => Outcome::Unavailable(Duration::from_secs(1)),
    }
}

/// Has the grant renewed, or joins the renewal that is under way, without waiting for it.
pub(crate) fn begin(
    cx: &Context,
    connector: &Connector,
    generation: i64,
) -> watch::Receiver<Option<Outcome>> {
    let mut under_way = locked(&cx.flights.under_way);
    if let Some(flight) = under_way.get(&connector.id) {
        return flight.clone();
    }
    let (tell, told) = watch::channel(None);
    under_way.insert(connector.id, told.clone());
    let (cx, connector) = (cx.clone(), connector.clone());
    cx.clone().tasks.spawn(async move {
        let refresh = Refresh {
            cx: &cx,
            user: &connector.user_id,
            connector: connector.id,
            connector_url: &connector.url,
            generation,
        };
        let outcome = refresh.run().await;
        locked(&cx.flights.under_way).remove(&connector.id);
        if !matches!(outcome, Outcome::Unavailable(_)) {
            cx.credentials.forget(connector.id);
        }
        tell.send_replace(Some(outcome));
    });
    told
}

/// Waits for the renewal that is under way in this process; `None` if none is.
pub(crate) async fn join(cx: &Context, connector: ConnectorId) -> Option<Outcome> {
    let mut outcome = locked(&cx.flights.under_way).get(&connector).cloned()?;
    let ended = tokio::time::timeout(PATIENCE, outcome.wait_for(Option::is_some)).await;
    ended.ok()?.ok()?.clone()
}

/// One refresh of one generation of a grant.
struct Refresh<'a> {
    cx: &'a Context,
    user: &'a UserId,
    connector: ConnectorId,
    connector_url: &'a str,
    generation: i64,
}

/// What one try at the token endpoint led to.
enum Step {
    Done(Outcome),
    Again,
}

impl Refresh<'_> {
    async fn run(&self) -> Outcome {
        if let Some(wait) = self.pause() {
            return Outcome::Unavailable(wait);
        }
        self.lease_and_send().await.unwrap_or_else(|error| {
            tracing::error!(%error, connector = %self.connector, "a refresh met a storage error");
            Outcome::Unavailable(Duration::from_secs(1))
        })
    }

    /// Waits for the right to refresh, or for another process to have done it.
    async fn lease_and_send(&self) -> Result<Outcome> {
        let database = &self.cx.background;
        let owner = format!("{:032x}", u128::from_le_bytes(self.cx.random.bytes()));
        let (mut wait, mut waited) = (Duration::from_millis(50), Duration::ZERO);
        let mut resent = false;
        loop {
            let lease = database
                .lease_refresh(self.user, self.connector, self.generation, &owner, LEASE)
                .await?;
            if let Some(grant) = lease {
                match self.send(&grant, &owner, resent).await? {
                    Step::Done(outcome) => return Ok(outcome),
                    Step::Again => resent = true,
                }
                continue;
            }
            let Some(grant) = database.grant(self.user, self.connector).await? else {
                return Ok(Outcome::Gone);
            };
            if grant.generation != self.generation {
                return Ok(Outcome::Renewed(Arc::new(grant)));
            }
            if let Some(reason) = self.refused_elsewhere().await? {
                return Ok(Outcome::Rejected(reason));
            }
            if waited >= OTHERS {
                return Ok(Outcome::Unavailable(Duration::from_secs(1)));
            }
            tokio::time::sleep(wait).await;
            waited += wait;
            wait = (wait * 2).min(Duration::from_millis(500));
        }
    }

    /// Whether another process was refused while this one waited.
    async fn refused_elsewhere(&self) -> Result<Option<StateReason>> {
        let key = ConnectorKey::Id(self.connector);
        let connector = self.cx.background.connector(self.user, &key).await?;
        Ok(connector
            .filter(|connector| connector.state == ConnectorState::ReauthRequired)
            .and_then(|connector| connector.state_reason))
    }

    async fn send(&self, grant: &Grant, owner: &str, resent: bool) -> Result<Step> {
        let Some(refresh_token) = &grant.refresh_token else {
            return self.refuse(StateReason::RefreshTokenMissing, "no_refresh_token").await;
        };
        let http = self.cx.egress.on_behalf_of(self.connector_url);
        let request = TokenRequest {
            token_endpoint: &grant.token_endpoint,
            client: ClientAuthentication {
                client_id: &grant.client.client_id,
                client_secret: grant.client.client_secret.as_ref(),
                method: &grant.client.token_endpoint_auth_method,
            },
            resource: grant.resource.as_deref(),
        };
        let answer = token::refresh(&http, &request, refresh_token, &[]).await;
        count_token_request(answer.as_ref().err());
        match answer {
            Ok(answer) => self.store(grant, answer).await.map(Step::Done),
            Err(error) => self.failed(grant, owner, resent, &error).await,
        }
    }

    async fn store(&self, grant: &Grant, answer: TokenAnswer) -> Result<Outcome> {
        let accepted = tokens::accept(answer, grant.resource.as_deref(), self.cx.clock.now());
        let Ok(tokens) = accepted else {
            let refused = self.refuse(StateReason::TokenRejected, "other_audience").await?;
            return Ok(match refused {
                Step::Done(outcome) => outcome,
                Step::Again => Outcome::Unavailable(Duration::ZERO),
            });
        };
        locked(&self.cx.flights.pauses).remove(&self.connector);
        if let Some(saved) = self.save(&tokens).await? {
            count("renewed");
            return Ok(Outcome::Renewed(Arc::new(saved)));
        }
        count("overtaken");
        let current = self.cx.background.grant(self.user, self.connector).await?;
        Ok(current.map_or(Outcome::Gone, |grant| Outcome::Renewed(Arc::new(grant))))
    }

    /// Stores the new tokens; while the database is away they are kept here and tried again.
    async fn save(&self, tokens: &RefreshedTokens) -> Result<Option<Grant>> {
        let database = &self.cx.background;
        let patient = async {
            let mut pause = Duration::from_millis(100);
            loop {
                let saved = database
                    .save_refreshed(self.user, self.connector, self.generation, tokens)
                    .await;
                match saved {
                    Err(keyway_storage::Error::Unavailable(_)) => tokio::time::sleep(pause).await,
                    other => return other,
                }
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        };
        match tokio::time::timeout(SAVING, patient).await {
            Ok(saved) => Ok(saved?),
            Err(_) => Ok(database
                .save_refreshed(self.user, self.connector, self.generation, tokens)
                .await?),
        }
    }

    async fn failed(
        &self,
        grant: &Grant,
        owner: &str,
        resent: bool,
        error: &TokenError,
    ) -> Result<Step> {
        tracing::warn!(connector = %self.connector, code = error.code(), %error, "a refresh failed");
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
                self.release(owner, true).await?;
                count("transient");
                Ok(Step::Done(Outcome::Unavailable(self.pause_after_failure(retry_after))))
            }
            TokenErrorClass::Ambiguous if !resent => {
                self.release(owner, false).await?;
                count("ambiguous");
                Ok(Step::Again)
            }
            TokenErrorClass::Ambiguous | TokenErrorClass::Protocol => {
                self.release(owner, false).await?;
                count("unanswered");
                Ok(Step::Done(Outcome::Unavailable(self.pause_after_failure(None))))
            }
        }
    }

    async fn release(&self, owner: &str, settled: bool) -> Result<()> {
        let database = &self.cx.background;
        database.release_lease(self.user, self.connector, self.generation, owner, settled).await?;
        Ok(())
    }

    /// Marks the row, unless another process has moved on: then its tokens count.
    async fn refuse(&self, reason: StateReason, outcome: &'static str) -> Result<Step> {
        let database = &self.cx.background;
        let marked =
            database.refuse_grant(self.user, self.connector, self.generation, reason).await?;
        if marked {
            count(outcome);
            return Ok(Step::Done(Outcome::Rejected(reason)));
        }
        count("overtaken");
        let current = database.grant(self.user, self.connector).await?;
        Ok(Step::Done(current.map_or(Outcome::Gone, |grant| Outcome::Renewed(Arc::new(grant)))))
    }

    /// A dynamic registration that the server no longer takes is not used again.
    async fn forget_registration(&self, grant: &Grant) -> Result<()> {
        if grant.client.kind != RegistrationKind::Dynamic {
            return Ok(());
        }
        let own = RegistrationScope::Connector(self.user.clone(), self.connector);
        for scope in [own, RegistrationScope::Shared] {
            self.cx.background.delete_registration(&scope, Some(&grant.client.issuer)).await?;
        }
        Ok(())
    }

    fn pause(&self) -> Option<Duration> {
        let now = self.cx.clock.now();
        let pause = locked(&self.cx.flights.pauses).get(&self.connector).copied()?;
        (pause.until > now).then(|| pause.until.since(now))
    }

    /// How long nothing is sent after a failure: what the server asks for, else twice as long each time,
    /// with jitter.
    fn pause_after_failure(&self, asked: Option<Duration>) -> Duration {
        let mut pauses = locked(&self.cx.flights.pauses);
        let failures = pauses.get(&self.connector).map_or(0, |pause| pause.failures);
        let longest = Duration::from_secs(1 << failures.min(9)).min(LONGEST_PAUSE);
        let pause = asked.unwrap_or_else(|| longest.mul_f64(0.5 + self.cx.random.fraction() / 2.0));
        let until = self.cx.clock.now().plus(pause);
        pauses.insert(self.connector, Pause { until, failures: failures + 1 });
        pause
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("keyway_refreshes_total", "outcome" => outcome).increment(1);
}

/// Counts a request to a token endpoint by how it ended.
pub(crate) fn count_token_request(error: Option<&TokenError>) {
    let outcome = match error.map(TokenError::class) {
        None => "ok",
        Some(TokenErrorClass::Rejected) => "rejected",
        Some(TokenErrorClass::ClientBroken) => "client_broken",
        Some(TokenErrorClass::Transient { .. }) => "transient",
        Some(TokenErrorClass::Ambiguous) => "ambiguous",
        Some(TokenErrorClass::Protocol) => "protocol",
    };
    metrics::counter!("keyway_token_requests_total", "outcome" => outcome).increment(1);
}
