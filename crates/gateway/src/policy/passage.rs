//! One request through the transparent proxy as the policy sees it. Where the connector has no policy,
//! nothing is read.

use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::BodyExt;
use keyway_connectors::{
    access_token::Credential,
    egress::{Body, read_body},
};
use keyway_model::{Caller, Connector};
use serde_json::value::RawValue;

use super::{
    Admission,
    listing::{EventFilter, LONGEST, filtered},
    message::{self, Asked},
    named::named,
};
use crate::{
    error::{Error, Response, Result},
    gateway::Gateway,
    proxy::ProxyRequest,
};

/// One request, through all the tries that it takes to send it.
pub(crate) struct Passage<'a> {
    caller: &'a Caller,
    request: &'a ProxyRequest,
    read: Option<Read<'a>>,
}

/// What a request asks for.
struct Read<'a> {
    calls: Vec<Call<'a>>,
    /// Whether the answer may hold lists of tools.
    lists: bool,
}

struct Call<'a> {
    tool: String,
    arguments: Option<&'a RawValue>,
    admission: Admission<'a>,
}

impl<'a> Passage<'a> {
    /// A request of the caller's.
    pub(crate) fn new(caller: &'a Caller, request: &'a ProxyRequest) -> Self {
        Self { caller, request, read: None }
    }

    /// Whose request it is.
    pub(crate) fn caller(&self) -> &'a Caller {
        self.caller
    }

    /// Whether the request may be sent now; to be asked before each try.
    ///
    /// # Errors
    /// As [`Admission::check`], and [`Error::InvalidRequest`] for a body that cannot be read without doubt.
    pub(crate) async fn check(&mut self, gateway: &Gateway, credential: &Credential) -> Result<()> {
        if credential.with_policy.is_none() {
            self.read = None;
            return Ok(());
        }
        Box::pin(self.check_calls(gateway, credential)).await
    }

    async fn check_calls(&mut self, gateway: &Gateway, credential: &Credential) -> Result<()> {
        let read = match self.read.take() {
            Some(read) => read,
            None => self.read()?,
        };
        let none = RawValue::from_string("{}".to_owned()).unwrap_or_default();
        for Call { tool, arguments, admission } in &read.calls {
            let (user, id) = (&credential.user_id, credential.connector.id);
            admission.check(gateway, user, id, tool, arguments.unwrap_or(&none)).await?;
        }
        self.read = Some(read);
        Ok(())
    }

    fn read(&self) -> Result<Read<'a>> {
        let messages = message::read(&self.request.headers, &self.request.body);
        let messages = messages.map_err(|why| Error::InvalidRequest(why.to_owned()))?;
        // A stream may replay the answer to a list (resumption by `Last-Event-ID`).
        let mut read = Read { calls: Vec::new(), lists: self.request.method == Method::GET };
        for message in messages {
            match message {
                Asked::Call { tool, arguments, meta } => {
                    let admission = Admission::new(self.caller, named(meta)?);
                    read.calls.push(Call { tool, arguments, admission });
                }
                Asked::List => read.lists = true,
                Asked::Other => {}
            }
        }
        Ok(read)
    }

    fn lists(&self) -> bool {
        self.read.as_ref().is_some_and(|read| read.lists)
    }

    /// Asks for an answer that can be looked through.
    pub(crate) fn prepare(&self, headers: &mut HeaderMap) {
        if self.lists() {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
    }

    /// Takes the tools that are not admitted out of the answer.
    ///
    /// # Errors
    /// [`Error::UpstreamError`] where it is compressed all the same, or too long to be looked through.
    pub(crate) async fn filter(
        &self,
        credential: &Credential,
        answer: Response,
    ) -> Result<Response> {
        let Some(connector) = credential.with_policy.as_deref().filter(|_| self.lists()) else {
            return Ok(answer);
        };
        Box::pin(without_refused(connector, answer)).await
    }
}

/// The answer without the tools that the connector's policy does not admit.
async fn without_refused(connector: &Connector, answer: Response) -> Result<Response> {
    let failed = |detail: &str| {
        let (connector, detail) = (connector.reference(), detail.to_owned());
        Error::UpstreamError { connector, detail }
    };
    let (mut parts, body) = answer.into_parts();
    if parts.headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return Err(failed("the server compressed a list of tools that nobody asked it to"));
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let kind = parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with(b"text/event-stream")) {
        let mut events = EventFilter::new(connector.clone());
        let mapped = body
            .map_frame(move |frame| frame.map_data(|data| bytes::Bytes::from(events.push(&data))));
        return Ok(Response::from_parts(parts, Body::wrap(mapped)));
    }
    let whole = read_body(body, LONGEST).await.map_err(|error| failed(&error.to_string()))?;
    let text = String::from_utf8(whole.into())
        .map_err(|_| failed("the server answered with something that is not UTF-8"))?;
    let body = Body::from(filtered(connector, &text).unwrap_or(text));
    Ok(Response::from_parts(parts, body))
}
