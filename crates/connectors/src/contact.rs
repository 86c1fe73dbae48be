//! A real contact with an MCP server: which wire it speaks, whether it wants a sign-in, which tools it
//! has. Every request is noted in a trace that holds no secrets.

mod older;
mod pages;

use std::time::Duration;

use http::StatusCode;
use keyway_oauth::{
    challenge::BearerChallenge,
    discovery::{Fault, TraceStep},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

pub use self::pages::{List, Pages};
use crate::upstream::{
    Answer, Call, Capabilities, Era, Failure, HANDSHAKE_VERSION, Reply, STATELESS_VERSION,
    UNSUPPORTED_VERSION, Upstream, client_info,
};

/// What a contact found.
#[derive(Debug)]
pub enum Found {
    /// It answered, and these are its tools.
    Works(Listing),
    /// It wants a credential, or another one.
    Challenged {
        /// 401 or 403.
        status: StatusCode,
        /// What it said, if it said it by the rules.
        challenge: Option<BearerChallenge>,
    },
    /// It answered something that is not MCP.
    NotMcp(String),
    /// It answered with a failure of its own.
    UpstreamError(String),
    /// It did not answer.
    Unreachable(String),
    /// The egress policy does not admit it.
    Blocked(String),
}

/// A server that answered.
#[derive(Debug)]
pub struct Listing {
    /// How it was spoken to.
    pub era: Era,
    /// Its own description (`serverInfo`), raw.
    pub server: Option<Box<RawValue>>,
    /// The descriptors of its tools, raw, from all pages.
    pub tools: Vec<Box<RawValue>>,
}

/// A server whose wire is known.
#[derive(Debug)]
pub struct Connected {
    /// How it is spoken to; the session, if one was opened, is open.
    pub era: Era,
    /// Its own description (`serverInfo`), raw.
    pub server: Option<Box<RawValue>>,
    /// What it can do, raw.
    pub capabilities: Option<Box<RawValue>>,
    /// What it wants a model to know; foreign text.
    pub instructions: Option<String>,
}

/// Which wire is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approach<'a> {
    /// Without a token: the handshake, and the stateless wire only where that is refused.
    WithoutToken,
    /// With a token: `server/discover` decides.
    WithToken,
    /// The only version to speak.
    Pinned(&'a str),
}

/// Contacts a server and notes each step.
pub struct Contact<'a> {
    upstream: &'a Upstream,
    time: Duration,
    /// Whether `initialize` was refused the way servers of the older transport refuse it.
    may_be_older: bool,
    /// Each request made, in order.
    pub trace: Vec<TraceStep>,
}

/// Ends a contact early.
type Step<T> = Result<T, Found>;

impl<'a> Contact<'a> {
    /// A contact in which each exchange may take `time`.
    pub fn new(upstream: &'a Upstream, time: Duration) -> Self {
        Self { upstream, time, may_be_older: false, trace: Vec::new() }
    }

    /// Makes the contact and ends the session it opened.
    pub async fn make(&mut self, approach: Approach<'_>) -> Found {
        match self.open(approach).await {
            Ok(listing) => {
                self.upstream.end_session(&listing.era, self.time).await;
                Found::Works(listing)
            }
            Err(found) => found,
        }
    }

    /// Makes the contact and leaves the session open.
    async fn open(&mut self, approach: Approach<'_>) -> Step<Listing> {
        let Connected { era, server, .. } = self.connect(approach).await?;
        let tools = self.list(&era, List::Tools).await?.items;
        Ok(Listing { era, server, tools })
    }

    /// Finds out which wire the server speaks, and leaves the session open.
    pub async fn connect(&mut self, approach: Approach<'_>) -> Step<Connected> {
        let connected = match approach {
            Approach::Pinned(version) if version >= STATELESS_VERSION => {
                self.stateless(version).await?
            }
            Approach::Pinned(version) => self.handshake(version).await?,
            Approach::WithoutToken => match self.handshake(HANDSHAKE_VERSION).await? {
                Some(connected) => Some(connected),
                None => self.stateless(STATELESS_VERSION).await?,
            },
            Approach::WithToken => match self.stateless(STATELESS_VERSION).await? {
                Some(connected) => Some(connected),
                None => self.handshake(HANDSHAKE_VERSION).await?,
            },
        };
        match connected {
            Some(connected) => Ok(connected),
            None => self.older_transport(approach).await?.ok_or_else(not_mcp),
        }
    }

    async fn handshake(&mut self, version: &str) -> Step<Option<Connected>> {
        self.initialize(Era::Handshake { version: None, session: None }, version).await
    }

    /// `initialize` and `notifications/initialized`. `None` where the server refused to be spoken to
    /// this way (400, 404 or 405), so that another wire is worth a try.
    async fn initialize(&mut self, fresh: Era, version: &str) -> Step<Option<Connected>> {
        let mut call = Call::plain("initialize");
        // Tasks of the handshake wire are others than those of the extension.
        let capabilities = Capabilities { tasks: false, ..self.upstream.peer().capabilities() };
        let capabilities = capabilities.document();
        call.params.write("protocolVersion", &version).map_err(failed)?;
        call.params.write("capabilities", &capabilities).map_err(failed)?;
        call.params.write("clientInfo", &client_info()).map_err(failed)?;
        let answer = self.exchange(&fresh, call).await?;
        let session = answer.session.clone();
        let Some(Reply::Result(result)) = &answer.reply else {
            let other_wire = matches!(answer.status.as_u16(), 400 | 404 | 405);
            self.may_be_older = other_wire && !older::is_modern(&answer);
            return if other_wire { Ok(None) } else { Err(unusable(&answer)) };
        };
        let Ok(initialized) = serde_json::from_str::<Initialized>(result.get()) else {
            return Err(not_mcp());
        };
        let version = Some(initialized.protocol_version.clone());
        let era = match fresh {
            Era::Channel { channel, .. } => Era::Channel { version, channel },
            _ => Era::Handshake { version, session },
        };
        let notified =
            self.upstream.notify(&era, "notifications/initialized", None, self.time).await;
        notified.map_err(failed)?;
        let Initialized { server_info: server, capabilities, instructions, .. } = initialized;
        Ok(Some(Connected { era, server, capabilities, instructions }))
    }

    /// `server/discover`. `None` where the server does not know the wire.
    async fn stateless(&mut self, version: &str) -> Step<Option<Connected>> {
        let era = Era::Stateless { version: version.to_owned() };
        let mut answer = self.exchange(&era, Call::plain("server/discover")).await?;
        if speaks_it_after_all(&answer, version) {
            answer = self.exchange(&era, Call::plain("server/discover")).await?;
        }
        let Some(Reply::Result(result)) = &answer.reply else {
            let broken = answer.status.is_server_error();
            return if broken { Err(unusable(&answer)) } else { Ok(None) };
        };
        let Ok(discovered) = serde_json::from_str::<Discovered>(result.get()) else {
            return Ok(None);
        };
        if discovered.supported_versions.is_none() && discovered.capabilities.is_none() {
            return Ok(None);
        }
        let server = discovered.meta.and_then(|meta| meta.server_info).or(discovered.server_info);
        let Discovered { capabilities, instructions, .. } = discovered;
        Ok(Some(Connected { era, server, capabilities, instructions }))
    }

    async fn exchange(&mut self, era: &Era, call: Call<'_>) -> Step<Answer> {
        let step = step_name(call.method);
        let sent = self.upstream.request(era, call, self.time).await;
        self.note(step, &sent);
        let answer = sent.map_err(failed)?;
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(Found::Challenged { status: answer.status, challenge: answer.challenge });
        }
        Ok(answer)
    }

    fn note(&mut self, step: &'static str, sent: &Result<Answer, Failure>) {
        let (status, outcome, fault) = match sent {
            Ok(answer) => (Some(answer.status.as_u16()), describe(answer), fault(answer)),
            Err(failure) => (None, failure.to_string(), Some(fault_of(failure))),
        };
        let rule = match step {
            "server/discover" => "MCP 2026-07-28, versioning",
            _ => "MCP 2025-11-25, lifecycle",
        };
        self.push(step, status, outcome, rule, fault);
    }

    fn push(
        &mut self,
        step: &'static str,
        status: Option<u16>,
        outcome: String,
        rule: &str,
        fault: Option<Fault>,
    ) {
        let url = without_query(self.upstream.url());
        self.trace.push(TraceStep { step, url, status, outcome, rule: rule.to_owned(), fault });
    }
}

/// Whether a server that refused the version names it among those it speaks: then it is worth asking
/// once more (MCP 2026-07-28, versioning).
fn speaks_it_after_all(answer: &Answer, version: &str) -> bool {
    let Some(Reply::Error(error)) = &answer.reply else { return false };
    let data = error.data.as_deref().filter(|_| error.code == UNSUPPORTED_VERSION);
    let supported = data.and_then(|data| serde_json::from_str::<Supported>(data.get()).ok());
    supported.is_some_and(|data| data.supported.iter().any(|known| known == version))
}

/// The URL as a trace shows it: a query may hold a key.
fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.to_string()
}

fn step_name(method: &str) -> &'static str {
    match method {
        "initialize" => "initialize",
        "server/discover" => "server/discover",
        _ => "tools/list",
    }
}

fn describe(answer: &Answer) -> String {
    match (&answer.reply, &answer.challenge) {
        (Some(Reply::Result(_)), _) => "answered".to_owned(),
        (Some(Reply::Error(error)), _) => format!("answered with the error {}", error.code),
        (None, Some(_)) => "refused with a challenge".to_owned(),
        (None, None) => "answered something else than JSON-RPC".to_owned(),
    }
}

fn fault(answer: &Answer) -> Option<Fault> {
    answer.status.is_server_error().then_some(Fault::Server)
}

fn fault_of(failure: &Failure) -> Fault {
    match failure {
        Failure::Blocked(_) => Fault::Policy,
        Failure::Broken(_) | Failure::Outdated => Fault::Server,
        _ => Fault::Network,
    }
}

fn failed(failure: Failure) -> Found {
    match failure {
        Failure::Blocked(text) => Found::Blocked(text),
        Failure::Unreachable(_) | Failure::Timeout => Found::Unreachable(failure.to_string()),
        Failure::Cancelled | Failure::Outdated => Found::UpstreamError(failure.to_string()),
        Failure::Broken(text) => Found::UpstreamError(text),
    }
}

fn unusable(answer: &Answer) -> Found {
    match &answer.reply {
        Some(Reply::Error(error)) => {
            Found::UpstreamError(format!("the server answered with the error {}", error.code))
        }
        _ if answer.status.is_success() || answer.status.is_client_error() => not_mcp(),
        _ => Found::UpstreamError(format!("the server answered {}", answer.status)),
    }
}

fn not_mcp() -> Found {
    Found::NotMcp("the address answers, but not as an MCP server".into())
}

#[derive(Deserialize)]
struct Supported {
    supported: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Initialized {
    protocol_version: String,
    #[serde(default)]
    server_info: Option<Box<RawValue>>,
    #[serde(default)]
    capabilities: Option<Box<RawValue>>,
    #[serde(default)]
    instructions: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovered {
    #[serde(default)]
    supported_versions: Option<Vec<String>>,
    #[serde(default)]
    capabilities: Option<Box<RawValue>>,
    #[serde(default)]
    instructions: Option<String>,
    #[serde(default)]
    server_info: Option<Box<RawValue>>,
    #[serde(default, rename = "_meta")]
    meta: Option<DiscoveredMeta>,
}

#[derive(Deserialize)]
struct DiscoveredMeta {
    #[serde(default, rename = "io.modelcontextprotocol/serverInfo")]
    server_info: Option<Box<RawValue>>,
}
