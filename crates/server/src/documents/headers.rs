//! A JSON object of headers, in the order in which it was written.

use keyway_connectors::upstream::Members;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// Header values to set; they are never sent back.
#[derive(Default)]
pub(crate) struct Headers(pub(crate) Vec<(String, SecretString)>);

/// Header values to set, or to remove by null.
#[derive(Default)]
pub(crate) struct HeaderChanges(pub(crate) Vec<(String, Option<SecretString>)>);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members(pairs) = Members::<String>::deserialize(deserializer)?;
        Ok(Self(pairs.into_iter().map(|(name, value)| (name, value.into())).collect()))
    }
}

impl<'de> Deserialize<'de> for HeaderChanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members(pairs) = Members::<Option<String>>::deserialize(deserializer)?;
        Ok(Self(pairs.into_iter().map(|(name, value)| (name, value.map(Into::into))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_their_order_and_may_be_removed() {
        let changes: HeaderChanges =
            serde_json::from_str(r#"{"X-Key": "new", "A-Old": null}"#).unwrap();
        let names: Vec<_> =
            changes.0.iter().map(|(name, value)| (&**name, value.is_some())).collect();
        assert_eq!(names, [("X-Key", true), ("A-Old", false)]);
        assert!(serde_json::from_str::<Headers>(r#"{"X-Key": null}"#).is_err());
    }
}
