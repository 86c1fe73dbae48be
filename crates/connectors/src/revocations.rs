//! Revoking the tokens of grants that were forgotten (RFC 7009): from a queue in the database, at once
//! and again for a day, the refresh token first. What became of them is told as a receipt in the
//! user's activity; nothing waits for it.

use std::time::Duration;

use futures_util::future::join_all;
use keyway_model::{Action, Activity, ConnectorId, Grant, Timestamp, UserId};
use keyway_oauth::revocation::{self, RevocationError};
use keyway_storage::Revocation;

use crate::{audit, clients::Authenticator, context::Context, error::Result};

/// How long a claimed revocation belongs to this process; longer than both its requests may take.
const LEASE: Duration = Duration::from_secs(30);
const AT_ONCE: i64 = 16;
/// The pause after the first failure; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long it takes at most to find what another process has left behind.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What became of the tokens of a forgotten grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receipt {
    /// The server has ended them.
    Revoked,
    /// The server does not revoke them for its clients.
    NotSupported,
    /// The server refused for good.
    Refused,
    /// The server was not there for a day.
    GaveUp,
}

impl Receipt {
    const fn code(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::NotSupported => "not_supported",
            Self::Refused => "refused",
            Self::GaveUp => "gave_up",
        }
    }

    /// In words, with where a person can end the access.
    fn words(self, issuer: &str) -> Option<String> {
        let what = match self {
            Self::Revoked => return None,
            Self::NotSupported => "not supported by the server",
            Self::Refused => "refused by the server",
            Self::GaveUp => "gave up after 24 h",
        };
        Some(format!("{what}: end it at {issuer}"))
    }
}

/// A grant was forgotten, and what can be revoked of it is in the queue: it begins at once. Where the
/// server offers no revocation, the receipt says so.
pub(crate) fn grant_dropped(cx: &Context, grant: Option<&Grant>) {
    let Some(grant) = grant else { return };
    if grant.revocation_endpoint.is_some() {
        begin(cx);
        return;
    }
    let receipt = Receipt::NotSupported;
    let connector = (grant.connector_id, None, None);
    tell(cx, receipt, &grant.user_id, &grant.client.issuer, connector);
}

/// There is something in the queue.
pub(crate) fn begin(cx: &Context) {
    cx.revoking.notify_one();
}

/// Makes the revocations of the queue as they fall due.
pub async fn run(cx: Context) {
    loop {
        // A round that was begun is finished before the process ends.
        let round = cx.tasks.spawn(make_all_due(cx.clone()));
        let next = match round.await {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => {
                tracing::warn!(%error, "revocations could not be made; they are tried again soon");
                None
            }
            Err(error) => {
                tracing::error!(%error, "a round of revocations failed");
                None
            }
        };
        tokio::select! {
            () = cx.revoking.notified() => {}
            () = wait(&cx, next) => {}
        }
    }
}

async fn wait(cx: &Context, until: Option<Timestamp>) {
    let mut waited = Duration::ZERO;
    while waited < LONGEST_WAIT {
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
        if until.is_some_and(|until| cx.clock.now() >= until) {
            return;
        }
    }
}

/// Answers when the next one falls due.
async fn make_all_due(cx: Context) -> Result<Option<Timestamp>> {
    loop {
        let claimed = cx.background.claim_revocations(LEASE, AT_ONCE).await?;
        if claimed.is_empty() {
            return Ok(cx.background.next_revocation_at().await?);
        }
        for made in join_all(claimed.iter().map(|revocation| make(&cx, revocation))).await {
            made?;
        }
    }
}

async fn make(cx: &Context, revocation: &Revocation) -> Result<()> {
    let receipt = match attempt(cx, revocation).await? {
        Ok(receipt) => receipt,
        Err(asked) => {
            let pause = asked.unwrap_or_else(|| pause_after(revocation.attempts));
            if cx.clock.now().plus(pause) < revocation.deadline {
                cx.background.postpone_revocation(revocation.id, pause).await?;
                let (connector, seconds) = (revocation.connector_id, pause.as_secs());
                tracing::info!(%connector, seconds, "the tokens are revoked later");
                return Ok(());
            }
            Receipt::GaveUp
        }
    };
    cx.background.end_revocation(revocation.id).await?;
    let (name, slug) = (&revocation.connector_name, &revocation.connector_slug);
    if let Some(user) = &revocation.user_id {
        let connector = (revocation.connector_id, name.clone(), slug.clone());
        tell(cx, receipt, user, &revocation.client.issuer, connector);
    } else {
        count(receipt.code());
    }
    Ok(())
}

/// Sends what is still to be sent. The inner error: the server is not there for now, and may have said
/// for how long.
async fn attempt(
    cx: &Context,
    revocation: &Revocation,
) -> Result<std::result::Result<Receipt, Option<Duration>>> {
    let mut refresh_token = revocation.refresh_token_revoked.then_some(Receipt::Revoked);
    if let Some(token) = &revocation.refresh_token {
        match judged(revocation, revoke(cx, revocation, token, "refresh_token").await) {
            Ok(receipt) => refresh_token = Some(receipt),
            Err(asked) => return Ok(Err(asked)),
        }
        if refresh_token == Some(Receipt::Revoked) {
            cx.background.forget_revoked_refresh_token(revocation.id).await?;
        }
    }
    let sent = revoke(cx, revocation, &revocation.access_token, "access_token").await;
    let access_token = judged(revocation, sent);
    // An access token that cannot be revoked ends by itself; the refresh token is what counts.
    Ok(access_token.map(|receipt| refresh_token.unwrap_or(receipt)))
}

async fn revoke(
    cx: &Context,
    revocation: &Revocation,
    token: &secrecy::SecretString,
    hint: &str,
) -> std::result::Result<(), RevocationError> {
    let http = cx.egress.on_behalf_of(&revocation.connector_url);
    let client = Authenticator::new(cx, &revocation.client);
    let client = client.authentication();
    revocation::revoke(&http, &revocation.revocation_endpoint, &client, token, hint).await
}

fn judged(
    revocation: &Revocation,
    sent: std::result::Result<(), RevocationError>,
) -> std::result::Result<Receipt, Option<Duration>> {
    let Err(error) = sent else { return Ok(Receipt::Revoked) };
    tracing::info!(connector = %revocation.connector_id, %error, "a token was not revoked");
    match error {
        RevocationError::Unavailable { retry_after, .. } => Err(retry_after),
        error if error.is_transient() => Err(None),
        RevocationError::Refused { code: Some(code), .. } if code == "unsupported_token_type" => {
            Ok(Receipt::NotSupported)
        }
        _ => Ok(Receipt::Refused),
    }
}

fn pause_after(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 12) - 1).unwrap_or(0);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

fn tell(
    cx: &Context,
    receipt: Receipt,
    user: &UserId,
    issuer: &str,
    (connector_id, connector_name, connector_slug): (ConnectorId, Option<String>, Option<String>),
) {
    count(receipt.code());
    let told = audit::activity(cx, user, Action::TokensRevoked, receipt.code());
    let connector_id = Some(connector_id);
    let told = Activity { connector_id, connector_name, connector_slug, ..told };
    let words = receipt.words(issuer);
    audit::record(cx, words.iter().fold(told, |told, words| told.detail(words)));
}

fn count(outcome: &'static str) {
    metrics::counter!("keyway_revocations_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_seconds_to_an_hour() {
        let seconds = |attempts| pause_after(attempts).as_secs();
        assert_eq!([seconds(0), seconds(1), seconds(2), seconds(5)], [2, 2, 4, 32]);
        assert_eq!([seconds(11), seconds(12), seconds(i64::MAX)], [2048, 3600, 3600]);
    }

    #[test]
    fn a_receipt_says_where_a_person_can_end_the_access() {
        let issuer = "https://as.example";
        assert_eq!(Receipt::Revoked.words(issuer), None);
        let words = Receipt::NotSupported.words(issuer).unwrap();
        assert_eq!(words, "not supported by the server: end it at https://as.example");
        assert!(Receipt::GaveUp.words(issuer).unwrap().starts_with("gave up after 24 h"));
    }
}
