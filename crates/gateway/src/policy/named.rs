//! The approval that a call names in its `_meta`, as a call over REST does by `approval_id`.

use keyway_connectors::upstream::{APPROVAL, RawObject};
use keyway_model::ApprovalId;
use serde_json::value::RawValue;

use crate::error::{Error, Result};

/// The approval that is named in the `_meta` of a call.
///
/// # Errors
/// [`Error::InvalidRequest`] where what is named is no id.
pub(super) fn named(meta: Option<&RawValue>) -> Result<Option<ApprovalId>> {
    let Some(meta) = meta.and_then(RawObject::of) else { return Ok(None) };
    let Some(value) = meta.get(APPROVAL) else { return Ok(None) };
    serde_json::from_str(value.get()).map_err(|_| {
        let words =
            format!("\"{APPROVAL}\" in \"_meta\" is the \"approval_id\" of an earlier answer");
        Error::InvalidRequest(words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(meta: &str) -> Result<Option<ApprovalId>> {
        named(Some(serde_json::from_str(meta).unwrap()))
    }

    #[test]
    fn an_approval_is_named_by_its_id_or_not_at_all() {
        let id = "01a1fe04-b229-74eb-a7a6-b3ca399b3747";
        let meta = format!(r#"{{"progressToken":1,"keyway/approval":"{id}"}}"#);
        assert_eq!(of(&meta).unwrap().unwrap().to_string(), id);
        assert!(named(None).unwrap().is_none());
        for meta in ["{}", "null", r#"{"keyway/approval":null}"#] {
            assert!(of(meta).unwrap().is_none(), "{meta}");
        }
        for meta in [r#"{"keyway/approval":"mine"}"#, r#"{"keyway/approval":{}}"#] {
            assert!(matches!(of(meta), Err(Error::InvalidRequest(_))), "{meta}");
        }
    }
}
