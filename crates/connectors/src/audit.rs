//! What happened, collected off the path of requests and written in batches. Recording never waits and
//! costs no query; what does not fit is counted and lost.

use std::time::Duration;

use keyway_model::{
    Action, Activity, ActivityId, Actor, AuthorizationSession, Caller, ConnectorKey, UserId,
};
use keyway_storage::ActivityOf;
use tokio::sync::{Mutex, Notify, mpsc};

use crate::{
    context::Context,
    error::{Error, Result},
};

/// How much is kept while the database does not take it.
const MOST: usize = 10_000;
/// How much is written at once.
const BATCH: usize = 200;
/// How long something may wait to be written.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was recorded and is not written yet.
pub(crate) struct Audit {
    sender: mpsc::Sender<Activity>,
    inbox: Mutex<Inbox>,
    full: Notify,
}

struct Inbox {
    receiver: mpsc::Receiver<Activity>,
    /// Taken from the receiver; it stays until the database has it.
    batch: Vec<Activity>,
}

impl Default for Audit {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(MOST);
        let inbox = Mutex::new(Inbox { receiver, batch: Vec::with_capacity(BATCH) });
        Self { sender, inbox, full: Notify::new() }
    }
}

/// Something of the user's that happens now, done by Keyway itself; [`record`] it once it is complete.
pub fn activity(cx: &Context, user: &UserId, action: Action, outcome: &str) -> Activity {
    let at = cx.clock.now();
    Activity {
        id: ActivityId::new(at, &cx.random),
        user_id: user.clone(),
        at,
        connector_id: None,
        connector_name: None,
        connector_slug: None,
        actor: Actor::Keyway,
        action,
        outcome: outcome.to_owned(),
        subject: None,
        detail: None,
        duration_ms: None,
        size: None,
    }
}

/// The same, done by a caller.
pub fn activity_of(cx: &Context, caller: &Caller, action: Action, outcome: &str) -> Activity {
    activity(cx, &caller.user, action, outcome).by(Actor::from(&caller.kind))
}

/// How a sign-in ended, which is done by whoever sits at the browser; Keyway only sees it end.
pub(crate) fn sign_in_ended(
    cx: &Context,
    session: &AuthorizationSession,
    action: Action,
    outcome: &str,
) -> Activity {
    let connector_id = Some(session.connector_id);
    Activity { connector_id, ..activity(cx, &session.user_id, action, outcome) }
}

/// Has it written down, soon.
pub fn record(cx: &Context, activity: Activity) {
    let audit = &cx.audit;
    if audit.sender.try_send(activity).is_err() {
        metrics::counter!("keyway_activity_dropped_total").increment(1);
    }
    if audit.sender.max_capacity() - audit.sender.capacity() >= BATCH {
        audit.full.notify_one();
    }
}

/// Writes down what was recorded until now.
///
/// # Errors
/// [`Error::Storage`]; what was not written is kept for the next time.
pub async fn flush(cx: &Context) -> Result<()> {
    let mut inbox = cx.audit.inbox.lock().await;
    let Inbox { receiver, batch } = &mut *inbox;
    loop {
        while batch.len() < BATCH
            && let Ok(activity) = receiver.try_recv()
        {
            batch.push(activity);
        }
        if batch.is_empty() {
            return Ok(());
        }
        cx.background.insert_activities(batch).await?;
        batch.clear();
    }
}

/// Writes down what is recorded, every second or as soon as a batch is full.
pub async fn write(cx: Context) {
    loop {
        let _ = tokio::time::timeout(INTERVAL, cx.audit.full.notified()).await;
        if let Err(error) = flush(&cx).await {
            tracing::warn!(%error, "activity could not be written; it is tried again in a second");
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// A page of what happened.
pub struct Page {
    /// The newest first.
    pub activity: Vec<Activity>,
    /// The last one of this page, if there are more behind it.
    pub next: Option<ActivityId>,
}

/// What happened to the caller's connectors, or to one of them, which may be gone: what was recorded in
/// this process until now is among it. `before` is the [`Page::next`] of the page before.
///
/// # Errors
/// [`Error::InvalidRequest`] where the caller has no activity `before`.
pub async fn list(
    cx: &Context,
    caller: &Caller,
    connector: Option<&ConnectorKey>,
    before: Option<ActivityId>,
    most: u16,
) -> Result<Page> {
    flush(cx).await?;
    let of = match connector {
        None => ActivityOf::User,
        Some(ConnectorKey::Id(id)) => ActivityOf::Connector(*id),
        Some(key @ ConnectorKey::Slug(slug)) => {
            match cx.database.connector(&caller.user, key).await? {
                Some(connector) => ActivityOf::Connector(connector.id),
                None => ActivityOf::Slug(slug.clone()),
            }
        }
    };
    let found = cx.database.activities_of(&caller.user, &of, before, i64::from(most) + 1).await?;
    let mut activity = found.ok_or_else(|| {
        Error::InvalidRequest("the cursor is none of this list; begin without one".to_owned())
    })?;
    let more = activity.len() > usize::from(most);
    activity.truncate(usize::from(most));
    let next = activity.last().filter(|_| more).map(|last| last.id);
    // A caller that is limited to some connectors is told of them alone.
    activity.retain(|one| {
        caller.connectors.is_none() || one.connector_id.is_some_and(|id| caller.may_use(id))
    });
    Ok(Page { activity, next })
}
