//! The transport of 2024-11-05, HTTP with SSE: tried last, where POST is refused on both wires (MCP
//! 2025-11-25, backwards compatibility).

use std::sync::Arc;

use http::StatusCode;

use super::{Approach, Connected, Contact, Found, Step, failed, fault, fault_of};
use crate::upstream::{
    Answer, Era, Failure, HANDSHAKE_VERSION, HEADER_MISMATCH, Opening, Reply, UNSUPPORTED_VERSION,
};

/// The error code of a server that misses a capability of the client (MCP 2026-07-28).
const MISSING_CAPABILITY: i64 = -32021;
/// The error code of a server without the method, which 2026-07-28 sends with 404.
const METHOD_NOT_FOUND: i64 = -32601;

const STEP: &str = "event stream";
const RULE: &str = "MCP 2024-11-05, HTTP with SSE";

impl Contact<'_> {
    /// Opens the event stream and does the handshake over it. `None` where the server has no such thing.
    pub(super) async fn older_transport(
        &mut self,
        approach: Approach<'_>,
    ) -> Step<Option<Connected>> {
        if !self.may_be_older {
            return Ok(None);
        }
        let opening = self.upstream.open_channel(self.time).await;
        self.note_opening(&opening);
        match opening.map_err(failed)? {
            Opening::Opened(channel) => {
                let version = match approach {
                    Approach::Pinned(version) => version,
                    _ => HANDSHAKE_VERSION,
                };
                let era = Era::Channel { version: None, channel: Arc::new(channel) };
                self.initialize(era, version).await
            }
            Opening::Refused(Answer { status, challenge, .. })
                if status == StatusCode::UNAUTHORIZED || challenge.is_some() =>
            {
                Err(Found::Challenged { status, challenge })
            }
            Opening::Refused(_) => Ok(None),
        }
    }

    fn note_opening(&mut self, opening: &Result<Opening, Failure>) {
        let (status, outcome, fault) = match opening {
            Ok(Opening::Opened(_)) => {
                (Some(200), "opened: the server speaks the older HTTP+SSE transport".into(), None)
            }
            Ok(Opening::Refused(answer)) => {
                let words = if answer.challenge.is_some() {
                    "refused with a challenge"
                } else {
                    "answered something else than an event stream"
                };
                (Some(answer.status.as_u16()), words.to_owned(), fault(answer))
            }
            Err(failure) => (None, failure.to_string(), Some(fault_of(failure))),
        };
        self.push(STEP, status, outcome, RULE, fault);
    }
}

/// Whether a refusal of `initialize` is one of 2026-07-28: such a server has no older transport.
pub(super) fn is_modern(answer: &Answer) -> bool {
    let Some(Reply::Error(error)) = &answer.reply else { return false };
    match error.code {
        HEADER_MISMATCH | MISSING_CAPABILITY | UNSUPPORTED_VERSION => true,
        METHOD_NOT_FOUND => answer.status == StatusCode::NOT_FOUND,
        _ => false,
    }
}
