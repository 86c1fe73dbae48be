//! Requests that a connector's server answers: calls of tools, reads of resources, prompts, completions.

use http::HeaderMap;
use keyway_connectors::{
    access_token::{self, Gate},
    contact::List,
    upstream::{RawObject, decoded},
};
use keyway_model::Caller;
use serde_json::{Value, json, value::RawValue};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    answer::{Out, Sink},
    client::{Client, mismatch},
    message::{self, Refusal, Request},
    outcome::{self, Trouble},
    parked::{self, QUESTION, State},
    relay::{Ask, Event, Question, Running, begin},
    rounds::InputRequired,
    scope::Scope,
    target::{Target, target},
};
use crate::{
    attention,
    catalogue::CatalogueKey,
    error::{Error, Result},
    gateway::Gateway,
};

/// A request on its way.
pub(super) struct Asking<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) caller: &'a Caller,
    pub(super) scope: &'a Scope,
    pub(super) client: &'a Client,
    pub(super) headers: &'a HeaderMap,
    pub(super) request: &'a Request,
    /// Where what comes before the answer goes; `None` where nothing can.
    pub(super) sink: Option<&'a Sink>,
    /// Whether the client takes it.
    pub(super) takes_events: bool,
    /// Falls when the client does not want the answer any more.
    pub(super) cancelled: &'a CancellationToken,
}

impl Asking<'_> {
    /// The answer.
    pub(super) async fn answer(&self) -> Result<Box<RawValue>, Refusal> {
        let (gateway, caller) = (self.gateway, self.caller);
        let target = target(gateway, caller, self.scope, self.client, self.request).await?;
        if self.client.is_stateless() && self.request.method == "tools/call" {
            self.check_parameters(&target).await?;
        }
        let trouble = Trouble { gateway, client: self.client, request: self.request };
        match self.result(&target).await {
            Ok(result) => {
                let refused = || Refusal::params("the server's result is no object");
                let mut result = RawObject::of(&result).ok_or_else(refused)?;
                target.names().result(&self.request.method, &mut result);
                outcome::finish(self.client, &self.request.method, &mut result);
                result.to_raw().map_err(|_| refused())
            }
            Err(error) => {
                let address = self.scope.to_string();
                trouble.told(caller, &address, error)
            }
        }
    }

    async fn result(&self, target: &Target) -> Result<Box<RawValue>> {
        let method = self.request.method.as_str();
        match self.state()? {
            None => self.begin(target.ask(method, false)).await,
            Some(State::Again) => self.begin(target.ask(method, true)).await,
            Some(State::Parked(id)) => self.take_up(id).await,
            Some(State::SignIn(connector)) => {
                if attention::is_accepted(&self.request.params) {
                    attention::wait_for_sign_in(self.gateway, self.caller, connector).await;
                }
                self.begin(target.ask(method, true)).await
            }
        }
    }

    fn state(&self) -> Result<Option<State>> {
        let Request { method, params, .. } = self.request;
        let brought =
            parked::brought(self.gateway, self.caller, &self.scope.to_string(), method, params);
        brought.map_err(|_| Error::StateForged)
    }

    async fn begin(&self, ask: Ask) -> Result<Box<RawValue>> {
        self.follow(begin(self.gateway, self.caller, self.client, ask)).await
    }

    /// Hands the answer to a parked question over, and goes on.
    async fn take_up(&self, id: Uuid) -> Result<Box<RawValue>> {
        let Some(waiting) = parked::take(self.gateway, id) else {
            return Err(Error::InvalidRequest(
                "what was asked for is not waited for any more: the time ran out, or the process \
                 that waited was restarted; begin again without \"requestState\""
                    .to_owned(),
            ));
        };
        let answer = parked::response(&self.request.params, QUESTION);
        let _ = waiting.answer.send(Ok(answer.unwrap_or_else(message::cancel_action)));
        self.follow(waiting.running).await
    }

    /// Hands on what comes, until the result.
    async fn follow(&self, mut running: Running) -> Result<Box<RawValue>> {
        loop {
            let event = tokio::select! {
                event = running.events.recv() => event,
                () = self.is_gone() => return Err(Error::Cancelled),
            };
            match event {
                Some(Event::Told(method, params)) => self.tell(&method, params.as_deref()).await,
                Some(Event::Asked(question)) if self.client.is_stateless() => {
                    return self.park(question, running);
                }
                Some(Event::Asked(question)) => self.put(question).await,
                Some(Event::Done(result)) => return self.admitted(result?),
                None => return Err(Error::Cancelled),
            }
        }
    }

    async fn is_gone(&self) {
        // Without a session the end of the connection is how a client cancels.
        let closed = async {
            match self.sink.filter(|_| self.client.is_stateless()) {
                Some(sink) => sink.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = closed => {}
            () = self.cancelled.cancelled() => {}
        }
    }

    async fn tell(&self, method: &str, params: Option<&RawValue>) {
        let wanted = match method {
            "notifications/progress" => true,
            "notifications/message" => {
                !self.client.is_stateless() || self.client.log_level.is_some()
            }
            "notifications/elicitation/complete" => !self.client.is_stateless(),
            _ => false,
        };
        if let (true, Some(sink)) = (wanted && self.takes_events, self.sink) {
            let _ = sink.send(Out::Message(message::notification(method, params))).await;
        }
    }

    /// Puts a question to a client with a session; its answer comes as a request of its own.
    async fn put(&self, question: Question) {
        let sink = self.sink.filter(|_| self.takes_events);
        let (Some(session), Some(sink)) = (&self.client.session, sink) else { return };
        let id = session.ask(question.answer);
        let text = message::question(&id, &question.method, &question.params);
        let _ = sink.send(Out::Message(text)).await;
    }

    fn park(&self, question: Question, running: Running) -> Result<Box<RawValue>> {
        let request = (self.request.method.as_str(), &self.request.params);
        let parked =
            parked::park(self.gateway, self.caller, self.scope, request, question, running);
        parked.ok_or_else(|| Error::InvalidRequest("the question cannot be put".to_owned()))
    }

    /// A server may ask a client only for what it declared (MCP 2026-07-28, multi round-trip requests).
    fn admitted(&self, result: Box<RawValue>) -> Result<Box<RawValue>> {
        if let Some(required) = InputRequired::of(&result) {
            for request in required.input_requests.values() {
                let params = request.params.as_deref().map_or("{}", RawValue::get);
                let params: Value = serde_json::from_str(params).unwrap_or_default();
                if !self.client.capabilities.admit(&request.method, &params) {
                    let words = format!(
                        "the server needs {}, which this client does not do",
                        request.method
                    );
                    return Err(Error::InvalidRequest(words));
                }
            }
        }
        Ok(result)
    }

    /// The headers that repeat parameters of a tool must say what its arguments say (MCP 2026-07-28,
    /// custom headers). A tool that was never listed here is not known, and its server checks them itself.
    async fn check_parameters(&self, target: &Target) -> Result<(), Refusal> {
        let cx = &self.gateway.cx;
        let credential = access_token::credential(cx, self.caller, &target.connector, Gate::Call);
        let Ok(credential) = credential.await else { return Ok(()) };
        let key = CatalogueKey::new(&credential, List::Tools);
        let Some(listed) = self.gateway.catalogue.held(&key) else { return Ok(()) };
        let annotated = target.name.as_deref().and_then(|name| listed.parameters.of_tool(name));
        let Some(parameters) = annotated else { return Ok(()) };
        let arguments = self.request.params.read("arguments").unwrap_or(json!({}));
        let Ok(wanted) = parameters.headers(&arguments) else { return Ok(()) };
        for (name, value) in &wanted {
            let Some(given) = self.headers.get(name) else {
                return Err(mismatch(format!("the header {name} is missing")));
            };
            if decoded(given).is_none() || decoded(given) != decoded(value) {
                return Err(mismatch(format!("the header {name} does not say what the body says")));
            }
        }
        let named = |name: &http::HeaderName| wanted.iter().any(|(known, _)| known == name);
        match parameters.names().find(|name| self.headers.contains_key(*name) && !named(name)) {
            Some(name) => Err(mismatch(format!("the header {name} names what the body does not"))),
            None => Ok(()),
        }
    }
}
