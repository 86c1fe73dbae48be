//! The rounds of one call on the wire of MCP 2026-07-28: a server that needs more before it can go on says
//! so, and the call is made again. Who approved the call for once has approved it to its end.

use keyway_connectors::upstream::RawObject;
use keyway_model::ApprovedCall;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{Admission, canonical, held::WAIT};
use crate::gateway::Gateway;

impl Admission<'_> {
    /// Takes note of the answer: where the call was approved for once and the server needs more, the call
    /// goes through once more with the state that the server gave, and with no other.
    pub(crate) async fn note_answer(&self, gateway: &Gateway, result: &RawValue) {
        let Some(approved) = self.approved.get() else { return };
        let (Some(id), Some(state)) = (approved.once, state_of_next_round(result)) else { return };
        let (database, now) = (&gateway.cx.database, gateway.cx.clock.now());
        let next = round(&approved.call, &state);
        if let Err(error) = database.approve_round(id, &next, now, now.plus(WAIT)).await {
            tracing::warn!(%error, "the next round of an approved call has to be approved as well");
        }
    }
}

/// What the server wants to be given again, where it needs more.
fn state_of_next_round(result: &RawValue) -> Option<Box<RawValue>> {
    let result = RawObject::of(result)?;
    let needs_more = result.text("resultType").as_deref() == Some("input_required");
    result.get("requestState").filter(|_| needs_more).map(ToOwned::to_owned)
}

/// The call as it is bound where it goes on from a state of the server's.
pub(super) fn round(call: &ApprovedCall, state: &RawValue) -> ApprovedCall {
    let both = Sha256::new().chain_update(&call.arguments_hash);
    let both = both.chain_update(canonical::digest(state));
    ApprovedCall { arguments_hash: both.finalize().to_vec(), ..call.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(result: &str) -> Option<String> {
        let result = state_of_next_round(serde_json::from_str(result).unwrap());
        result.map(|state| state.get().to_owned())
    }

    #[test]
    fn only_an_answer_that_needs_more_has_a_state() {
        let needs = r#"{"resultType":"input_required","requestState":"s-1","inputRequests":{}}"#;
        assert_eq!(state(needs), Some(r#""s-1""#.to_owned()));
        for result in [
            r#"{"resultType":"complete","requestState":"s-1"}"#,
            r#"{"resultType":"input_required"}"#,
            r#"{"content":[]}"#,
        ] {
            assert_eq!(state(result), None, "{result}");
        }
    }
}
