//! JSON objects as the documents and answers of OAuth carry them: duplicate members are refused,
//! unknown ones kept out of the way, sizes bounded. A member of the wrong type counts as absent.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use thiserror::Error;

/// The longest string that is read from a document, in bytes.
pub(crate) const LONGEST_STRING: usize = 8 * 1024;
/// How many entries of an array are read; the rest is ignored.
pub(crate) const MOST_ENTRIES: usize = 256;

/// Why a body is not an object that may be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum ObjectError {
    /// Not JSON, or JSON that is not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// The same member twice: two readers could see two different documents (RFC 8259 §4).
    #[error("a member of the JSON object is given twice")]
    Duplicate,
}

/// The members of one object.
#[derive(Default)]
pub(crate) struct Object(BTreeMap<String, Value>);

impl Object {
    /// Reads a whole body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ObjectError> {
        let members: Members =
            serde_json::from_slice(body).map_err(|_| ObjectError::NotAnObject)?;
        if members.duplicate { Err(ObjectError::Duplicate) } else { Ok(Self(members.values)) }
    }

    /// The members of an `application/x-www-form-urlencoded` body, all of them strings.
    pub(crate) fn parse_form(body: &[u8]) -> Result<Self, ObjectError> {
        let mut members = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if members.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
                return Err(ObjectError::Duplicate);
            }
        }
        Ok(Self(members))
    }

    /// A member as it is; `null` counts as absent.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Whether the member is there and not `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// A string of at most [`LONGEST_STRING`] bytes that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_str().filter(|text| !text.is_empty() && text.len() <= LONGEST_STRING)
    }

    /// The strings of an array; entries of other types are left out.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let entries = self.value(name)?.as_array()?;
        Some(strings(entries).map(ToOwned::to_owned).collect())
    }

    /// A boolean; absent or of another type is `false`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.value(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A finite number, which may also be written as a string.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let number = match self.value(name)? {
            Value::Number(number) => number.as_f64()?,
            Value::String(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }
}

/// The first [`MOST_ENTRIES`] entries, where they are strings of a bearable length.
pub(crate) fn strings(entries: &[Value]) -> impl Iterator<Item = &str> {
    entries
        .iter()
        .take(MOST_ENTRIES)
        .filter_map(Value::as_str)
        .filter(|text| !text.is_empty() && text.len() <= LONGEST_STRING)
}

struct Members {
    values: BTreeMap<String, Value>,
    duplicate: bool,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members { values: BTreeMap::new(), duplicate: false };
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            members.duplicate |= members.values.insert(name, value).is_some();
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_given_twice_is_refused_and_one_inside_another_is_not_looked_at() {
        assert_eq!(Object::parse(br#"{"a":1,"a":2}"#).err(), Some(ObjectError::Duplicate));
        assert!(Object::parse(br#"{"a":{"b":1,"b":2}}"#).is_ok());
        assert_eq!(Object::parse_form(b"a=1&a=2").err(), Some(ObjectError::Duplicate));
    }

    #[test]
    fn what_is_not_an_object_is_not_read() {
        for body in [&b"[]"[..], b"<html>", b"", b"{", b"{} x", b"\"text\"", b"\xff"] {
            assert_eq!(Object::parse(body).err(), Some(ObjectError::NotAnObject));
        }
    }

    #[test]
    fn members_of_the_wrong_type_count_as_absent() {
        let object = Object::parse(br#"{"a":1,"b":["x",2,"y"],"c":null,"d":"","e":"2.5"}"#)
            .expect("an object");
        assert_eq!(object.text("a"), None);
        assert_eq!(object.texts("a"), None);
        assert_eq!(object.texts("b"), Some(vec!["x".to_owned(), "y".to_owned()]));
        assert!(!object.has("c"));
        assert_eq!(object.text("d"), None);
        assert_eq!(object.number("e"), Some(2.5));
        assert_eq!(object.number("b"), None);
    }

    #[test]
    fn arrays_and_strings_are_bounded() {
        let body = serde_json::json!({
            "many": vec!["x"; MOST_ENTRIES + 1],
            "long": "x".repeat(LONGEST_STRING + 1),
        });
        let object = Object::parse(body.to_string().as_bytes()).expect("an object");
        assert_eq!(object.texts("many").map(|texts| texts.len()), Some(MOST_ENTRIES));
        assert_eq!(object.text("long"), None);
    }
}
