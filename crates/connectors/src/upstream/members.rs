//! The members of a JSON object as they were written, one after the other.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};

/// The members of an object in the order in which they came, also those that came twice.
pub struct Members<T>(pub Vec<(String, T)>);

impl<T: Serialize> Serialize for Members<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

struct InOrder<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
    type Value = Members<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn members_come_in_their_order_and_as_often_as_they_were_written() {
        let text = r#"{"b":1.0,"a":{ "x" : 2 },"b":3}"#;
        let members: Members<&RawValue> = serde_json::from_str(text).unwrap();
        let seen = members.0.iter().map(|(name, value)| (name.as_str(), value.get()));
        assert_eq!(seen.collect::<Vec<_>>(), [("b", "1.0"), ("a", r#"{ "x" : 2 }"#), ("b", "3")]);
        assert_eq!(serde_json::to_string(&members).unwrap(), text);
        assert!(serde_json::from_str::<Members<&RawValue>>("[1]").is_err());
    }
}
