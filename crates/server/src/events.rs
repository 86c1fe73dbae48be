//! The stream of events: what changes of a caller's own is told as it happens, so that a page need not
//! ask. An event says what to ask for anew and nothing more; it ends with the credential.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::response::sse::Event;
use futures_util::{Stream, stream};
use keyway_connectors::Context;
use keyway_model::{AuthorizationSessionId, Caller, ConnectorId, ConnectorKey};
use keyway_storage::Change;
use serde::Serialize;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{error::Problem, extract::caller::Shown, state::AppState};

/// How often a stream that has nothing to tell gives a sign of life, and the credential is looked at.
const BEAT: Duration = Duration::from_secs(15);

/// What is told. Without a connector it may be any of the caller's.
#[derive(Serialize)]
#[serde(tag = "type")]
enum Told {
    #[serde(rename = "connector.updated")]
    ConnectorUpdated { connector_id: Option<ConnectorId> },
    #[serde(rename = "connector.deleted")]
    ConnectorDeleted { connector_id: ConnectorId },
    #[serde(rename = "authorization_session.updated")]
    AuthorizationSessionUpdated {
        authorization_session_id: AuthorizationSessionId,
        connector_id: ConnectorId,
    },
    #[serde(rename = "approvals.changed")]
    ApprovalsChanged { connector_id: ConnectorId },
    #[serde(rename = "tools.changed")]
    ToolsChanged { connector_id: ConnectorId },
}

impl Told {
    const fn name(&self) -> &'static str {
        match self {
            Self::ConnectorUpdated { .. } => "connector.updated",
            Self::ConnectorDeleted { .. } => "connector.deleted",
            Self::AuthorizationSessionUpdated { .. } => "authorization_session.updated",
            Self::ApprovalsChanged { .. } => "approvals.changed",
            Self::ToolsChanged { .. } => "tools.changed",
        }
    }

    fn event(&self) -> Event {
        // Ids in a struct always have a JSON form.
        let data = serde_json::to_string(self).unwrap_or_default();
        Event::default().event(self.name()).data(data)
    }
}

/// The events of whoever shows this, from now on.
///
/// # Errors
/// 401 and 400 as at any other route.
pub(crate) async fn stream(
    app: AppState,
    shown: Shown,
) -> Result<impl Stream<Item = Result<Event, Infallible>>, Problem> {
    let changes = app.context.background.changes();
    let caller = shown.caller(&app).await?;
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watch = Watch { app, shown, caller, changes, beat, waiting: VecDeque::new() };
    Ok(stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    }))
}

struct Watch {
    app: AppState,
    shown: Shown,
    caller: Caller,
    changes: Receiver<Change>,
    beat: Interval,
    waiting: VecDeque<Event>,
}

impl Watch {
    /// The next event, or a sign of life; the first one comes at once. `None`: it is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let change = tokio::select! {
                () = self.app.stopping.cancelled() => return None,
                _ = self.beat.tick() => {
                    return self.is_still_good().await.then(|| Event::default().comment("keyway"));
                }
                change = self.changes.recv() => match change {
                    Ok(change) => change,
                    Err(RecvError::Lagged(_)) => Change::Everything,
                    Err(RecvError::Closed) => return None,
                },
            };
            self.app.identities.forget(&change);
            let told = self.told(change).await;
            if !told.is_empty() && !self.is_still_good().await {
                return None;
            }
            self.waiting.extend(told.iter().map(Told::event));
        }
    }

    /// Whether the credential is still one of the same caller's.
    async fn is_still_good(&self) -> bool {
        self.shown.caller(&self.app).await.is_ok_and(|caller| caller == self.caller)
    }

    /// What the change means to this caller; another's means nothing.
    async fn told(&self, change: Change) -> Vec<Told> {
        let own = |user, id| self.caller.user == user && self.caller.may_use(id);
        match change {
            Change::Connector { user_id, connector_id: id } if own(user_id.clone(), id) => {
                vec![connector(&self.app.context, &self.caller, id).await]
            }
            Change::Contact { user_id, connector_id } if own(user_id.clone(), connector_id) => {
                let updated = Told::ConnectorUpdated { connector_id: Some(connector_id) };
                vec![updated, Told::ToolsChanged { connector_id }]
            }
            Change::Approvals { user_id, connector_id } if own(user_id.clone(), connector_id) => {
                vec![Told::ApprovalsChanged { connector_id }]
            }
            Change::SignIn { user_id, connector_id, authorization_session_id }
                if own(user_id.clone(), connector_id) =>
            {
                vec![Told::AuthorizationSessionUpdated { authorization_session_id, connector_id }]
            }
            Change::Everything => vec![Told::ConnectorUpdated { connector_id: None }],
            // A session that ended ends the stream as well.
            Change::Sessions | Change::ServiceKeys if !self.is_still_good().await => {
                vec![Told::ConnectorUpdated { connector_id: None }]
            }
            _ => Vec::new(),
        }
    }
}

/// Whether the connector was changed or deleted; where that cannot be told, it was changed.
async fn connector(cx: &Context, caller: &Caller, id: ConnectorId) -> Told {
    match cx.background.connector(&caller.user, &ConnectorKey::Id(id)).await {
        Ok(None) => Told::ConnectorDeleted { connector_id: id },
        _ => Told::ConnectorUpdated { connector_id: Some(id) },
    }
}
