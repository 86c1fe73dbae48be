//! A client's stream of what its connectors tell of their own accord, on either wire; and of what changes
//! at Keyway itself: a connector that came, went, or can be used again.

mod wanted;

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::{join_all, ready},
    stream::SelectAll,
};
use http::StatusCode;
use keyway_connectors::{
    Change,
    access_token::{self, Gate},
    contact::List,
    upstream::RawObject,
};
use keyway_model::{Caller, ConnectorId, ConnectorKey, Slug};
use serde_json::{Value, json, value::RawValue};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    mpsc,
};
use tokio_stream::wrappers::BroadcastStream;

use self::wanted::Wanted;
use super::{
    answer::{self, Out, Response, Sink},
    listening::{Ear, Heard},
    message::{self, Request},
    names::{Names, split_uri},
    scope::Scope,
    session::ClientSession,
};
use crate::{attention, gateway::Gateway};

const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// How far apart a client is told that the same list changed.
const APART: Duration = Duration::from_secs(1);
const MOST_UNSENT: usize = 64;
/// How long the acknowledgement waits for the servers to be listened to.
const READY: Duration = Duration::from_secs(2);

/// Who hears.
enum Hearer {
    /// A session, on its stream.
    Session(Arc<ClientSession>),
    /// The request that subscribed.
    Subscription(Box<RawValue>),
}

/// The stream of a session.
pub(super) fn of_session(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    session: Arc<ClientSession>,
) -> Response {
    start(gateway, caller, scope, Hearer::Session(session), Wanted::everything())
}

/// The stream that answers `subscriptions/listen`.
pub(super) fn of_subscription(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    request: &Request,
) -> Response {
    let wanted = request.params.read("notifications").unwrap_or_default();
    start(gateway, caller, scope, Hearer::Subscription(request.id.clone()), wanted)
}

fn start(
    gateway: &Gateway,
    caller: &Caller,
    scope: &Scope,
    hearer: Hearer,
    wanted: Wanted,
) -> Response {
    let (sink, outs) = mpsc::channel(MOST_UNSENT);
    let stream = Stream {
        changes: gateway.cx.background.changes(),
        gateway: gateway.clone(),
        caller: caller.clone(),
        scope: scope.clone(),
        hearer,
        wanted,
        sink,
        attached: HashMap::new(),
        heard: SelectAll::new(),
        told_at: HashMap::new(),
        due: BTreeSet::new(),
    };
    tokio::spawn(stream.run());
    answer::events(tokio_stream::wrappers::ReceiverStream::new(outs))
}

/// A server that is listened to for this stream.
struct Attached {
    ear: Arc<Ear>,
    resources: BTreeSet<String>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        for uri in &self.resources {
            self.ear.unsubscribe(uri);
        }
    }
}

type FromServer = (Slug, Heard);

struct Stream {
    gateway: Gateway,
    caller: Caller,
    scope: Scope,
    hearer: Hearer,
    wanted: Wanted,
    sink: Sink,
    changes: Receiver<Change>,
    attached: HashMap<ConnectorId, Attached>,
    heard: SelectAll<Pin<Box<dyn futures_util::Stream<Item = FromServer> + Send + Sync>>>,
    told_at: HashMap<&'static str, tokio::time::Instant>,
    due: BTreeSet<&'static str>,
}

impl Stream {
    async fn run(mut self) {
        self.attach().await;
        if let Hearer::Subscription(_) = &self.hearer {
            // What happens after this is heard.
            let ears = self.attached.values().map(|attached| attached.ear.ready());
            let _ = tokio::time::timeout(READY, join_all(ears)).await;
            let told = json!({ "notifications": self.wanted.document() });
            self.tell("notifications/subscriptions/acknowledged", told).await;
        }
        let mut beat = tokio::time::interval(APART);
        let (stopping, ended) = (self.gateway.stopping.clone(), self.ended());
        loop {
            tokio::select! {
                () = stopping.cancelled() => return self.finish().await,
                () = ended.cancelled() => return,
                () = self.sink.closed() => return,
                Some((slug, heard)) = self.heard.next() => self.hand_on(&slug, heard).await,
                change = self.changes.recv() => match change {
                    Ok(change) => self.follow(&change).await,
                    Err(RecvError::Lagged(_)) => self.follow(&Change::Everything).await,
                    Err(RecvError::Closed) => return self.finish().await,
                },
                _ = beat.tick() => self.tell_due().await,
            }
        }
    }

    fn ended(&self) -> tokio_util::sync::CancellationToken {
        match &self.hearer {
            Hearer::Session(session) => session.ended.clone(),
            Hearer::Subscription(_) => tokio_util::sync::CancellationToken::new(),
        }
    }

    /// Listens to the members there are now, and to their resources that are wanted now.
    async fn attach(&mut self) {
        let Ok(members) = self.scope.members(&self.gateway, &self.caller).await else { return };
        self.attached.retain(|id, _| members.iter().any(|member| member.id == *id));
        for member in &members {
            let wanted = self.resources_at(&member.slug);
            if !self.attached.contains_key(&member.id) {
                let ear = self.gateway.listening.to(&self.gateway, &self.caller, member);
                let slug = member.slug.clone();
                let heard = BroadcastStream::new(ear.hear())
                    .filter_map(move |heard| ready(heard.ok().map(|heard| (slug.clone(), heard))));
                self.heard.push(Box::pin(heard));
                self.attached.insert(member.id, Attached { ear, resources: BTreeSet::new() });
            }
            let Some(attached) = self.attached.get_mut(&member.id) else { continue };
            for uri in wanted.difference(&attached.resources) {
                attached.ear.subscribe(uri);
            }
            for uri in attached.resources.difference(&wanted) {
                attached.ear.unsubscribe(uri);
            }
            attached.resources = wanted;
        }
    }

    /// The server's own addresses of the resources at one connector that are wanted.
    fn resources_at(&self, slug: &Slug) -> BTreeSet<String> {
        let wanted = match &self.hearer {
            Hearer::Session(session) => session.subscribed(),
            Hearer::Subscription(_) => self.wanted.resource_subscriptions.clone(),
        };
        if self.scope.plain().is_some() {
            return wanted;
        }
        let split = wanted.iter().filter_map(|uri| split_uri(uri));
        split.filter(|(of, _)| of == slug).map(|(_, uri)| uri.to_owned()).collect()
    }

    async fn hand_on(&mut self, slug: &Slug, heard: Heard) {
        match heard {
            Heard::Changed(list) => self.list_changed(list).await,
            Heard::Updated(uri) => {
                if self.resources_at(slug).contains(&uri) {
                    let plain = self.scope.plain().is_some();
                    let names = if plain { Names::Plain } else { Names::Of(slug) };
                    let told = json!({ "uri": names.uri(&uri) });
                    self.tell("notifications/resources/updated", told).await;
                }
            }
        }
    }

    /// Tells at once that a list changed, but the same again only after a while.
    async fn list_changed(&mut self, list: List) {
        let Some(method) = self.wanted.of_list(list) else { return };
        let now = tokio::time::Instant::now();
        if self.told_at.get(method).is_some_and(|at| now.duration_since(*at) < APART) {
            self.due.insert(method);
            return;
        }
        self.told_at.insert(method, now);
        self.tell(method, json!({})).await;
    }

    async fn tell_due(&mut self) {
        // What a session subscribed to since is not told by any change.
        if matches!(self.hearer, Hearer::Session(_)) && self.misses_resources() {
            self.attach().await;
        }
        for method in std::mem::take(&mut self.due) {
            self.told_at.insert(method, tokio::time::Instant::now());
            self.tell(method, json!({})).await;
        }
    }

    fn misses_resources(&self) -> bool {
        let Hearer::Session(session) = &self.hearer else { return false };
        let held: usize = self.attached.values().map(|attached| attached.resources.len()).sum();
        session.subscribed().len() != held
    }

    /// Follows what changes at Keyway itself.
    async fn follow(&mut self, change: &Change) {
        let own = |user, id| self.caller.user == user && self.caller.may_use(id);
        let connector = match change {
            Change::Connector { user_id, connector_id } if own(user_id.clone(), *connector_id) => {
                Some(*connector_id)
            }
            Change::Everything => {
                self.look_up_session().await;
                None
            }
            _ => return,
        };
        if let (Some(id), Hearer::Session(session)) = (connector, &self.hearer)
            && session.capabilities.elicitation.url
            && self.is_usable(id).await
        {
            let told = json!({ "elicitationId": attention::elicitation_id(id) });
            self.tell("notifications/elicitation/complete", told).await;
        }
        self.attach().await;
        for list in List::ALL {
            self.list_changed(list).await;
        }
    }

    /// An end that was not told ends the stream all the same.
    async fn look_up_session(&self) {
        if let Hearer::Session(session) = &self.hearer
            && let Err(error) = session.look_up(&self.gateway.cx).await
        {
            tracing::warn!(%error, "a session that is listened in may have been ended elsewhere");
        }
    }

    async fn is_usable(&self, connector: ConnectorId) -> bool {
        let by_id = ConnectorKey::Id(connector);
        access_token::credential(&self.gateway.cx, &self.caller, &by_id, Gate::Call).await.is_ok()
    }

    async fn tell(&self, method: &str, mut params: Value) {
        if let Hearer::Subscription(id) = &self.hearer {
            params["_meta"] = json!({ SUBSCRIPTION_ID: id });
        }
        let params = keyway_connectors::upstream::raw(&params).ok();
        let text = message::notification(method, params.as_deref());
        let _ = self.sink.send(Out::Message(text)).await;
    }

    /// Ends the stream as the wire wants it: with the answer to the request that opened it.
    async fn finish(self) {
        if let Hearer::Subscription(id) = &self.hearer {
            let mut result = RawObject::default();
            let _ = result.write("resultType", &"complete");
            let _ = result.write("_meta", &json!({ SUBSCRIPTION_ID: id }));
            if let Ok(result) = result.to_raw() {
                let out = Out::Last(StatusCode::OK, message::result(id, &result));
                let _ = self.sink.send(out).await;
            }
        }
    }
}
