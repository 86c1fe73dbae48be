//! One request of a client's that is worked on: by its method, to its end.

use http::{HeaderMap, StatusCode};
use keyway_connectors::{contact::List, upstream::raw};
use keyway_model::Caller;
use serde_json::{Value, json, value::RawValue};
use tokio_util::sync::CancellationToken;

use super::super::{
    about,
    answer::{self, Out, Sink},
    asking::Asking,
    client::{Client, unknown_method},
    listing,
    message::{self, Refusal, Request},
    scope::Scope,
};
use crate::gateway::Gateway;

const LOG_LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// One request that is worked on.
pub(super) struct Work {
    pub(super) gateway: Gateway,
    pub(super) caller: Caller,
    pub(super) scope: Scope,
    pub(super) headers: HeaderMap,
    pub(super) client: Client,
    pub(super) request: Request,
}

impl Work {
    /// The end of the request. On the handshake wire every answer is one of HTTP's good ones: other
    /// statuses speak about the session.
    pub(super) async fn out(&self, sink: Option<&Sink>) -> Out {
        let running = self.client.session.as_ref().map(|session| session.begin(&self.request.id));
        let cancelled = running.as_ref().map(|running| running.cancelled.clone());
        let answered = self.answer(sink, &cancelled.unwrap_or_default()).await;
        drop(running);
        match answered {
            Ok(result) => Out::Last(StatusCode::OK, message::result(&self.request.id, &result)),
            Err(Refusal { status, error }) => {
                let status = if self.client.is_stateless() { status } else { StatusCode::OK };
                Out::Last(status, message::refusal(Some(&self.request.id), &error))
            }
        }
    }

    async fn answer(
        &self,
        sink: Option<&Sink>,
        cancelled: &CancellationToken,
    ) -> Result<Box<RawValue>, Refusal> {
        let (method, stateless) = (self.request.method.as_str(), self.client.is_stateless());
        match (method, stateless) {
            ("server/discover", true) => {
                let (gateway, caller, scope) = (&self.gateway, &self.caller, &self.scope);
                written(&about::discovered(gateway, caller, scope).await)
            }
            ("ping", false) => written(&json!({})),
            ("logging/setLevel", false) => self.set_log_level(),
            ("resources/subscribe" | "resources/unsubscribe", false) => self.subscribe(),
            ("tools/list", _) => self.list(List::Tools).await,
            ("prompts/list", _) => self.list(List::Prompts).await,
            ("resources/list", _) => self.list(List::Resources).await,
            ("resources/templates/list", _) => self.list(List::ResourceTemplates).await,
            ("tools/call" | "prompts/get" | "resources/read" | "completion/complete", _)
            | ("tasks/get" | "tasks/update" | "tasks/cancel", true) => {
                let asking = Asking {
                    gateway: &self.gateway,
                    caller: &self.caller,
                    scope: &self.scope,
                    client: &self.client,
                    headers: &self.headers,
                    request: &self.request,
                    sink,
                    takes_events: answer::takes_events(&self.headers),
                    cancelled,
                };
                asking.answer().await
            }
            _ => Err(unknown_method(method)),
        }
    }

    async fn list(&self, list: List) -> Result<Box<RawValue>, Refusal> {
        let (gateway, caller, scope) = (&self.gateway, &self.caller, &self.scope);
        listing::list(gateway, caller, scope, &self.client, (list, &self.request.params)).await
    }

    fn set_log_level(&self) -> Result<Box<RawValue>, Refusal> {
        let level = self.request.params.text("level");
        match (level.filter(|level| LOG_LEVELS.contains(&level.as_str())), &self.client.session) {
            (Some(level), Some(session)) => {
                session.set_log_level(level);
                written(&json!({}))
            }
            _ => Err(Refusal::params(format!("\"level\" is one of {}", LOG_LEVELS.join(", ")))),
        }
    }

    fn subscribe(&self) -> Result<Box<RawValue>, Refusal> {
        let uri = self.request.params.text("uri");
        match (uri, &self.client.session) {
            (Some(uri), Some(session)) if self.request.method == "resources/subscribe" => {
                if !session.subscribe(uri) {
                    return Err(Refusal::params(
                        "this session is subscribed to too much; unsubscribe",
                    ));
                }
            }
            (Some(uri), Some(session)) => session.unsubscribe(&uri),
            _ => return Err(Refusal::params("\"uri\" must be a string")),
        }
        written(&json!({}))
    }
}

fn written(result: &Value) -> Result<Box<RawValue>, Refusal> {
    raw(result).map_err(|error| Refusal::params(error.to_string()))
}
