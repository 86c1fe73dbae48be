//! From stored texts to the model's types and back. A text that says nothing known is a corrupt
//! row.

use std::{fmt::Display, str::FromStr};

use keyway_model::{ConnectorId, Timestamp, UserId};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::Error;

/// A row, for the error that names it.
#[derive(Clone, Copy)]
pub(crate) struct RowName<'a> {
    pub(crate) table: &'static str,
    pub(crate) row: &'a str,
}

impl RowName<'_> {
    /// The value that the text stands for.
    pub(crate) fn parse<T: FromStr>(self, column: &'static str, text: &str) -> Result<T, Error> {
        text.parse().map_err(|_| self.corrupt(column))
    }

    /// The same where the column may be null.
    pub(crate) fn parse_optional<T: FromStr>(
        self,
        column: &'static str,
        text: Option<&str>,
    ) -> Result<Option<T>, Error> {
        text.map(|text| self.parse(column, text)).transpose()
    }

    /// The list that the JSON text holds.
    pub(crate) fn list<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<Vec<T>, Error> {
        self.json(column, text)
    }

    /// The value whose JSON text the column holds.
    pub(crate) fn json<T: DeserializeOwned>(
        self,
        column: &'static str,
        text: &str,
    ) -> Result<T, Error> {
        serde_json::from_str(text).map_err(|_| self.corrupt(column))
    }

    /// The user that the column names.
    pub(crate) fn user(self, column: &'static str, text: String) -> Result<UserId, Error> {
        UserId::new(text).map_err(|_| self.corrupt(column))
    }

    fn corrupt(self, column: &'static str) -> Error {
        Error::Corrupt { table: self.table, column, row: self.row.to_owned() }
    }
}

/// A list as its JSON text.
pub(crate) fn list_text<T: Serialize>(list: &[T]) -> String {
    serde_json::to_string(list).expect("a list of texts or ids has a JSON form")
}

/// A value as its JSON text.
pub(crate) fn json_text<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("names and modes have a JSON form")
}

/// The key of a row that is named by several texts, such that no two rows have the same.
pub(crate) fn joined_key(parts: &[&str]) -> String {
    list_text(parts)
}

/// The key of one header's row. The length of an id is fixed, so no two headers have the same.
pub(crate) fn header_key(connector: ConnectorId, name_key: impl Display) -> String {
    format!("{connector}/{name_key}")
}

/// The stored form of an instant that may be absent.
pub(crate) fn millis(instant: Option<Timestamp>) -> Option<i64> {
    instant.map(Timestamp::as_millis)
}

/// The instant of a stored form that may be absent.
pub(crate) fn instant(millis: Option<i64>) -> Option<Timestamp> {
    millis.map(Timestamp::from_millis)
}
