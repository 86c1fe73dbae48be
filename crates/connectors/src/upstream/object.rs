//! A JSON object whose members keep their order and are looked at one by one; what is not looked at
//! stays as it came, byte for byte.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{Failure, Members, raw};

/// A JSON object of raw members. A name that comes twice counts once, with its last value.
#[derive(Clone, Debug, Default)]
pub struct RawObject(Vec<(String, Box<RawValue>)>);

impl RawObject {
    /// Reads a value; `None` where it is no object.
    pub fn of(value: &RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The member of that name, where it is of the type.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// The member of that name, where it is an object.
    pub fn object(&self, name: &str) -> Option<Self> {
        self.read(name)
    }

    /// The member of that name, where it is a string.
    pub fn text(&self, name: &str) -> Option<String> {
        self.read(name)
    }

    /// Puts a member in the place of the one of that name, or at the end.
    pub fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, held)) => *held = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The same with a value that is yet to be written.
    pub fn write(&mut self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        self.set(name, raw(value)?);
        Ok(())
    }

    /// Takes the member of that name out.
    pub fn remove(&mut self, name: &str) -> Option<Box<RawValue>> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at).1)
    }

    /// Keeps the members whose names are wanted.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| wanted(name));
    }

    /// The members, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object as one raw value.
    pub fn to_raw(&self) -> Result<Box<RawValue>, Failure> {
        raw(self)
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Members::<Box<RawValue>>(members) = Members::deserialize(deserializer)?;
        let mut object = Self::default();
        for (name, value) in members {
            object.set(&name, value);
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> RawObject {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_not_looked_at_stays_as_it_came() {
        let text = r#"{"z":12345678901234567890123,"a":{ "y" : 1.0 },"b":null}"#;
        assert_eq!(object(text).to_raw().unwrap().get(), text);
    }

    #[test]
    fn members_are_set_in_place_and_taken_out() {
        let mut changed = object(r#"{"a":1,"b":2,"c":3}"#);
        changed.write("b", &"x").unwrap();
        changed.write("d", &4).unwrap();
        assert_eq!(changed.remove("a").unwrap().get(), "1");
        assert_eq!(changed.to_raw().unwrap().get(), r#"{"b":"x","c":3,"d":4}"#);
    }

    #[test]
    fn of_a_name_that_comes_twice_the_last_counts() {
        assert_eq!(object(r#"{"name":"safe","name":"other"}"#).text("name").unwrap(), "other");
        assert!(RawObject::of(&raw(&[1]).unwrap()).is_none());
    }
}
