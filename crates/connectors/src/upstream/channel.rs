//! The transport of 2024-11-05, HTTP with SSE: everything of the server's comes on one stream, whose first
//! event names the address that messages are posted to. The stream is read in the background, and each
//! message is handed to the request that it is for.

mod waiting;

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;
use url::Url;

pub(super) use self::waiting::Waiter;
use self::waiting::Waiting;
use super::{
    Answer, Era, Failure, Upstream, bearer_challenge,
    exchange::{Request, is_stream},
    message::{Incoming, incoming},
    messages::{EventStream, Messages},
    sse::Event,
};

/// How long the server may take to name the address for messages.
const ENDPOINT_TIME: Duration = Duration::from_secs(10);
const LONGEST_ENDPOINT: usize = 2048;
/// A stream on which nothing was asked for this long, or up to twice as long, is closed.
const IDLE: Duration = Duration::from_secs(300);
/// How long it may take to answer what a server asks while no request is under way.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// What came of asking for a stream.
pub enum Opening {
    /// It is open.
    Opened(Channel),
    /// The server answered something else.
    Refused(Answer),
}

/// An open stream, and the address that goes with it. It ends when it is dropped.
pub struct Channel {
    endpoint: Url,
    waiting: Arc<Waiting>,
}

impl Channel {
    fn start(stream: EventStream, endpoint: Url, upstream: &Upstream) -> Self {
        let waiting = Arc::<Waiting>::default();
        let nobody = upstream.with_nobody_at(endpoint.clone());
        let reading = tokio::spawn(read(stream, waiting.clone(), nobody));
        waiting.is_read_by(reading.abort_handle());
        Self { endpoint, waiting }
    }

    /// Where messages are posted to.
    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Whether the stream has ended.
    pub fn has_ended(&self) -> bool {
        self.waiting.has_ended()
    }

    /// Ends the stream, and fails what is under way on it.
    pub fn end(&self) {
        self.waiting.end();
    }

    /// Takes no more requests, and ends the stream after those that are under way on it.
    pub fn retire(&self) {
        self.waiting.retire();
    }

    /// Takes part in what comes from now on; `works` where a tool does, which the server may have
    /// questions about.
    pub(super) fn wait(&self, id: u64, works: bool) -> Result<Waiter, Failure> {
        Waiting::enter(&self.waiting, id, works).ok_or(Failure::Outdated)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").finish_non_exhaustive()
    }
}

impl Upstream {
    /// Opens the stream and waits for the address that it names first (MCP 2024-11-05, HTTP with SSE).
    ///
    /// # Errors
    /// [`Failure::Broken`] also where the address is on another origin: credentials do not go there.
    pub async fn open_channel(&self, time: Duration) -> Result<Opening, Failure> {
        let opening = async {
            let response = self.get(HeaderMap::new()).await?;
            if !is_stream(&response) {
                let (status, challenge) =
                    (response.status(), bearer_challenge(response.status(), response.headers()));
                let answer = Answer { status, challenge, session: None, reply: None };
                return Ok(Opening::Refused(answer));
            }
            let mut stream = EventStream::new(response.into_body());
            let endpoint = endpoint(self.url(), &first_event(&mut stream).await?)?;
            Ok(Opening::Opened(Channel::start(stream, endpoint, self)))
        };
        let opened = tokio::time::timeout(time.min(ENDPOINT_TIME), opening).await;
        opened.map_err(|_| Failure::Timeout)?
    }

    /// Posts a request and waits for its answer on the channel. An answer to the POST itself counts where
    /// it is a refusal, or the answer all the same.
    pub(super) async fn exchange_over(
        &self,
        channel: &Channel,
        request: &Request<'_>,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, Failure> {
        let waiter = channel.wait(request.id, request.method == "tools/call")?;
        let mut messages = Messages::OnChannel(waiter);
        let posted = async {
            match self.exchange(request, headers, body).await {
                Ok(Answer { status, reply: None, .. }) if status.is_success() => Ok(None),
                Ok(Answer { status, .. }) if matches!(status.as_u16(), 404 | 410) => {
                    channel.end();
                    Err(Failure::Outdated)
                }
                // The server may keep the POST open until it has answered on the stream.
                Err(Failure::Timeout) => Ok(None),
                outcome => outcome.map(Some),
            }
        };
        let answered = self.messages_until_answer(request, &mut messages);
        tokio::pin!(posted, answered);
        let outcome = tokio::select! {
            posted = &mut posted => match posted {
                Ok(None) => answered.await.and_then(|reply| reply.map(Answer::of).ok_or_else(broken_off)),
                Ok(Some(answer)) => Ok(answer),
                Err(failure) => Err(failure),
            },
            // Where the stream is gone, the answer to the POST tells whether the request was taken.
            answered = &mut answered => match answered {
                Ok(None) => posted.await.and_then(|answer| answer.ok_or_else(broken_off)),
                Ok(Some(reply)) => Ok(Answer::of(reply)),
                Err(failure) => Err(failure),
            },
        };
        // A stream that is silent may be dead without saying so.
        if matches!(outcome, Err(Failure::Timeout)) && channel.waiting.only_one_waits() {
            channel.end();
        }
        outcome
    }
}

async fn first_event(stream: &mut EventStream) -> Result<Event, Failure> {
    while let Some(events) = stream.next().await? {
        if let Some(first) = events.into_iter().next() {
            return Ok(first);
        }
    }
    Err(Failure::Broken("the event stream ended before it named an address for messages".into()))
}

/// The address for messages, from the first event of the stream at `url`.
fn endpoint(url: &Url, first: &Event) -> Result<Url, Failure> {
    let broken = |words: &str| Failure::Broken(words.to_owned());
    let named = (first.name == b"endpoint" && first.data.len() <= LONGEST_ENDPOINT)
        .then(|| url.join(std::str::from_utf8(&first.data).ok()?).ok());
    let Some(endpoint) = named.flatten() else {
        return Err(broken("the event stream does not begin with an address for messages"));
    };
    let same_origin = endpoint.origin() == url.origin();
    if !same_origin || !endpoint.username().is_empty() || endpoint.password().is_some() {
        return Err(broken(
            "the event stream names an address for messages on another origin, which is refused: \
             credentials do not go there",
        ));
    }
    Ok(endpoint)
}

/// Hands out what comes until the stream ends, or nobody has asked anything for long.
async fn read(mut stream: EventStream, waiting: Arc<Waiting>, nobody: Upstream) {
    let mut checks = tokio::time::interval(IDLE);
    loop {
        tokio::select! {
            events = stream.next() => {
                let Ok(Some(events)) = events else { break };
                for Event { data, .. } in events {
                    if let Some(question) = waiting.hand_out(data).await {
                        answer_for_nobody(&nobody, &question).await;
                    }
                }
            }
            _ = checks.tick() => if !waiting.was_used() { break },
        }
    }
    waiting.end();
}

/// Answers what the server asks while no request is under way: a ping, and nothing else.
async fn answer_for_nobody(nobody: &Upstream, question: &[u8]) {
    if let Some(Incoming::Request { id, method, params }) = incoming(question, 0) {
        let era = Era::Handshake { version: None, session: None };
        let answered = nobody.respond(&era, id, method, params);
        let _ = tokio::time::timeout(ANSWER_TIME, answered).await;
    }
}

fn broken_off() -> Failure {
    Failure::Broken("the event stream ended without an answer".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, data: &str) -> Result<String, Failure> {
        let url = Url::parse("https://mcp.example/v1/sse?key=1").unwrap();
        let event = Event { name: name.into(), data: data.into() };
        endpoint(&url, &event).map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn an_address_may_be_relative_or_whole() {
        for data in ["/messages?s=1", "https://mcp.example/messages?s=1", "../messages?s=1"] {
            assert_eq!(named("endpoint", data).unwrap(), "https://mcp.example/messages?s=1");
        }
    }

    #[test]
    fn an_address_elsewhere_or_none_is_refused() {
        let elsewhere = [
            "https://other.example/",
            "//other.example/",
            "http://mcp.example/",
            "https://mcp.example:8443/",
        ];
        for data in elsewhere {
            assert!(named("endpoint", data).unwrap_err().to_string().contains("another origin"));
        }
        assert!(named("endpoint", "//user:secret@mcp.example/").is_err());
        for (name, data) in [("message", "/messages"), ("endpoint", "https://"), ("", "{}")] {
            let words = named(name, data).unwrap_err().to_string();
            assert!(words.contains("does not begin"), "{name} {data}: {words}");
        }
        assert!(named("endpoint", &"a".repeat(LONGEST_ENDPOINT + 1)).is_err());
    }
}
