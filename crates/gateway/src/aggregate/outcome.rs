//! Results and errors in the form that a client's wire gives them.

use http::StatusCode;
use keyway_connectors::{
    Error as UseCaseError,
    upstream::{RawObject, RpcError, client_info, raw},
};
use keyway_model::Caller;
use serde_json::{Value, json, value::RawValue};

use super::{
    client::{Client, status_of},
    message::{INTERNAL_ERROR, INVALID_PARAMS, Refusal, Request},
    parked::{self, State},
    target::RESOURCE_NOT_FOUND,
};
use crate::{
    attention::{self, Attention, PERSON_NEEDED, SIGN_IN, URL_ELICITATION_REQUIRED},
    error::Error,
    gateway::Gateway,
    policy,
};

/// A request that its client does not want answered any more.
const CANCELLED: i64 = -32800;
/// The members of results that only the stateless wire knows.
const OF_STATELESS: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The methods whose results can be kept (MCP 2026-07-28, caching).
fn can_be_kept(method: &str) -> bool {
    matches!(
        method,
        "server/discover"
            | "tools/list"
            | "prompts/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
    )
}

/// Gives a result the members that the client's wire asks for, and takes away those it does not know.
pub(super) fn finish(client: &Client, method: &str, result: &mut RawObject) {
    if !client.is_stateless() {
        result.retain(|name| !OF_STATELESS.contains(&name));
        if let Some(mut meta) = result.object("_meta")
            && meta.remove(SERVER_INFO).is_some()
        {
            let _ = result.write("_meta", &meta);
        }
        return;
    }
    if result.get("resultType").is_none() {
        let _ = result.write("resultType", &"complete");
    }
    let complete = result.text("resultType").as_deref() == Some("complete");
    if complete && can_be_kept(method) {
        if result.get("ttlMs").is_none() {
            let _ = result.write("ttlMs", &0);
        }
        let _ = result.write("cacheScope", &"private");
    }
    let mut meta = result.object("_meta").unwrap_or_default();
    if meta.get(SERVER_INFO).is_none() {
        let _ = meta.write(SERVER_INFO, &client_info());
        let _ = result.write("_meta", &meta);
    }
}

/// A request that came to nothing.
pub(super) struct Trouble<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) client: &'a Client,
    pub(super) request: &'a Request,
}

impl Trouble<'_> {
    /// What the client is told: what a person can mend as the wire lets it be said, a failed call as the
    /// result of a tool, so that the model sees it, everything else as an error.
    pub(super) fn told(
        &self,
        caller: &Caller,
        address: &str,
        error: Error,
    ) -> Result<Box<RawValue>, Refusal> {
        if let Error::Connectors(cause) = &error
            && let Some(attention) = attention::attention(self.gateway, cause)
        {
            return self.person_needed(caller, address, &attention);
        }
        if let Some(refusal) = policy::refusal(self.gateway, &error) {
            return self.tool_error(&refusal.text, &refusal.data);
        }
        match error {
            Error::UpstreamRefused { code, words, data, .. } => {
                let error = RpcError { code, message: words, data };
                self.refused(caller, address, error)
            }
            Error::Cancelled => Err(Refusal::new(StatusCode::OK, CANCELLED, error.to_string())),
            Error::StateForged => Err(Refusal::params(error.to_string())),
            Error::ToolNotFound | Error::Connectors(UseCaseError::NotFound) => {
                let of_resource = self.request.method.starts_with("resources/");
                let own_code = of_resource && !self.client.is_stateless();
                let code = if own_code { RESOURCE_NOT_FOUND } else { INVALID_PARAMS };
                let words = "there is no such thing at any connector; list again";
                Err(Refusal::new(StatusCode::OK, code, words))
            }
            error => self.failed(&error),
        }
    }

    /// A call that failed is told to the model; another request as an error.
    fn failed(&self, error: &Error) -> Result<Box<RawValue>, Refusal> {
        let data = json!({ "code": attention::code(error), "connector": error.connector() });
        if self.request.method == "tools/call" {
            return self.tool_error(&error.to_string(), &data);
        }
        let refusal = Refusal::new(StatusCode::OK, INTERNAL_ERROR, error.to_string());
        Err(refusal.with(&data))
    }

    /// The error of a server, in the code that the client's wire has for it.
    fn refused(
        &self,
        caller: &Caller,
        address: &str,
        mut error: RpcError,
    ) -> Result<Box<RawValue>, Refusal> {
        let stateless = self.client.is_stateless();
        let of_resource = self.request.method.starts_with("resources/");
        error.code = match error.code {
            RESOURCE_NOT_FOUND if stateless && of_resource => INVALID_PARAMS,
            INVALID_PARAMS if !stateless && of_resource => RESOURCE_NOT_FOUND,
            code => code,
        };
        if error.code == URL_ELICITATION_REQUIRED {
            let Some(wanted) = self.addresses_to_open(&error) else {
                return self.not_opened(&error.message);
            };
            if stateless {
                let asked = self.ask_to_open(caller, address, &wanted);
                return asked.map_or_else(|| self.not_opened(&error.message), Ok);
            }
        }
        Err(Refusal { status: status_of(error.code), error })
    }

    /// A server wants something opened that this client does not open, or nobody should.
    fn not_opened(&self, words: &str) -> Result<Box<RawValue>, Refusal> {
        let data = json!({ "code": "upstream_error" });
        if self.request.method == "tools/call" {
            return self.tool_error(words, &data);
        }
        Err(Refusal::new(StatusCode::OK, INTERNAL_ERROR, words).with(&data))
    }

    /// The addresses that a server wants opened, where the client opens them and they are safe to open.
    fn addresses_to_open(&self, error: &RpcError) -> Option<Vec<Value>> {
        let data: Value = serde_json::from_str(error.data.as_ref()?.get()).ok()?;
        let wanted = data["elicitations"].as_array().filter(|wanted| !wanted.is_empty())?;
        let capabilities = self.client.capabilities;
        let admitted = |params| capabilities.admit("elicitation/create", params);
        wanted.iter().all(admitted).then(|| wanted.clone())
    }

    /// Addresses that a server of the handshake wire wants opened, in the form of the other.
    fn ask_to_open(
        &self,
        caller: &Caller,
        address: &str,
        wanted: &[Value],
    ) -> Option<Box<RawValue>> {
        let mut requests = serde_json::Map::new();
        for (number, params) in wanted.iter().enumerate() {
            let mut params = params.clone();
            params.as_object_mut()?.remove("elicitationId");
            let request = json!({ "method": "elicitation/create", "params": params });
            requests.insert(format!("open-{number}"), request);
        }
        let state = self.seal(caller, address, &State::Again)?;
        raw(&json!({
            "resultType": "input_required", "inputRequests": requests, "requestState": state,
        }))
        .ok()
    }

    fn seal(&self, caller: &Caller, address: &str, state: &State) -> Option<String> {
        let Request { method, params, .. } = self.request;
        let bound = parked::bound_to(caller, address, method, params);
        parked::seal(self.gateway, &bound, state)
    }

    fn person_needed(
        &self,
        caller: &Caller,
        address: &str,
        attention: &Attention,
    ) -> Result<Box<RawValue>, Refusal> {
        let opens = self.client.capabilities.elicitation.url;
        let Request { method, params, .. } = self.request;
        let brought = parked::brought(self.gateway, caller, address, method, params);
        let retried = brought.is_ok_and(|state| state.is_some());
        let declined = retried && !attention::is_accepted(params);
        if opens && self.client.is_stateless() && !declined && takes_rounds(method) {
            let state = self.seal(caller, address, &State::SignIn(attention.connector.id));
            let asked = attention.elicitation();
            let result = state.and_then(|state| {
                parked::input_required(SIGN_IN, "elicitation/create", &raw(&asked).ok()?, &state)
            });
            return result.ok_or_else(|| Refusal::params(attention.text.clone()));
        }
        if opens && !self.client.is_stateless() {
            let words = attention.text.clone();
            let refusal = Refusal::new(StatusCode::OK, URL_ELICITATION_REQUIRED, words);
            return Err(refusal.with(&json!({ "elicitations": [attention.elicitation_with_id()] })));
        }
        if method == "tools/call" {
            return self.tool_error(&attention.text, &attention.data());
        }
        let refusal = Refusal::new(StatusCode::OK, PERSON_NEEDED, attention.text.clone());
        Err(refusal.with(&attention.data()))
    }

    /// A result that tells the model what went wrong.
    fn tool_error(&self, text: &str, data: &Value) -> Result<Box<RawValue>, Refusal> {
        let result = attention::tool_error(text, data, self.client.is_stateless());
        raw(&result).map_err(|error| Refusal::params(error.to_string()))
    }
}

/// Whether a result of the method may ask for something (MCP 2026-07-28, multi round-trip requests).
fn takes_rounds(method: &str) -> bool {
    matches!(method, "tools/call" | "resources/read" | "prompts/get")
}
