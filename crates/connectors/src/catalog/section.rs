//! A table of the file while it is read: each member is taken once, with what it must be; mistakes are
//! gathered with their lines, and what was never taken is unknown.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::CatalogError;

/// The text and what is wrong with it so far.
pub(super) struct Mistakes<'a> {
    text: &'a str,
    found: Vec<CatalogError>,
}

impl<'a> Mistakes<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// Keeps a mistake at a byte of the text.
    pub(super) fn add(&mut self, at: usize, advice: impl Into<String>) {
        let before = self.text.bytes().take(at).filter(|byte| *byte == b'\n');
        self.found.push(CatalogError { line: before.count() + 1, advice: advice.into() });
    }

    /// All mistakes, in the order of the text.
    pub(super) fn into_found(mut self) -> Vec<CatalogError> {
        self.found.sort_by_key(|error| error.line);
        self.found
    }
}

/// One table.
pub(super) struct Section<'t> {
    /// Where its name is.
    pub(super) at: usize,
    members: Vec<(&'t str, usize, &'t Spanned<DeValue<'t>>)>,
}

/// A member with the place of its value.
pub(super) struct Placed<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

impl<'t> Section<'t> {
    pub(super) fn new(at: usize, table: &'t DeTable<'t>) -> Self {
        let members = table.iter().map(|(name, value)| {
            let text: &str = name.get_ref();
            (text, name.span().start, value)
        });
        Self { at, members: members.collect() }
    }

    fn take(&mut self, name: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        let index = self.members.iter().position(|(known, ..)| *known == name)?;
        Some(self.members.swap_remove(index).2)
    }

    /// A text that is not blank.
    pub(super) fn text(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        name: &str,
    ) -> Option<Placed<String>> {
        let value = self.take(name)?;
        let at = value.span().start;
        match value.get_ref() {
            DeValue::String(text) if !text.trim().is_empty() => {
                Some(Placed { at, value: text.clone().into_owned() })
            }
            _ => {
                mistakes.add(at, format!("{name}: write a text in quotes"));
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn needed(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        name: &str,
    ) -> Option<Placed<String>> {
        if !self.has(name) {
            mistakes.add(self.at, format!("{name} is missing; write it"));
        }
        self.text(mistakes, name)
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, mistakes: &mut Mistakes<'_>, name: &str) -> Vec<Placed<String>> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let DeValue::Array(entries) = value.get_ref() else {
            mistakes.add(value.span().start, format!("{name}: write a list of texts in brackets"));
            return Vec::new();
        };
        let mut texts = Vec::new();
        for entry in entries {
            let at = entry.span().start;
            match entry.get_ref() {
                DeValue::String(text) => {
                    texts.push(Placed { at, value: text.clone().into_owned() });
                }
                _ => mistakes.add(at, format!("{name}: write a text in quotes")),
            }
        }
        texts
    }

    /// `true` or `false`; not there, `false`.
    pub(super) fn flag(&mut self, mistakes: &mut Mistakes<'_>, name: &str) -> bool {
        let Some(value) = self.take(name) else { return false };
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        mistakes.add(value.span().start, format!("{name}: write true or false"));
        false
    }

    /// The tables inside a table, each under its name.
    pub(super) fn tables(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        name: &str,
    ) -> Vec<(&'t str, Section<'t>)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            mistakes
                .add(value.span().start, format!("{name}: write tables such as [{name}.\"…\"]"));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in table {
            let at = name.span().start;
            match value.get_ref() {
                DeValue::Table(table) => tables.push((&**name.get_ref(), Section::new(at, table))),
                _ => mistakes.add(at, format!("{}: write a table", name.get_ref())),
            }
        }
        tables
    }

    /// A table of texts.
    pub(super) fn pairs(
        &mut self,
        mistakes: &mut Mistakes<'_>,
        name: &str,
    ) -> Vec<Placed<(String, String)>> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            mistakes.add(value.span().start, format!("{name}: write {{ name = \"value\" }}"));
            return Vec::new();
        };
        let mut inner = Self::new(value.span().start, table);
        let names: Vec<&str> = inner.members.iter().map(|(name, ..)| *name).collect();
        let read = names.into_iter().filter_map(|name| {
            let text = inner.text(mistakes, name)?;
            Some(Placed { at: text.at, value: (name.to_owned(), text.value) })
        });
        read.collect()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(known, ..)| *known == name)
    }

    /// Whatever is left is not known.
    pub(super) fn end(self, mistakes: &mut Mistakes<'_>, known: &str) {
        for (name, at, _) in self.members {
            mistakes.add(at, format!("{name:?} is not known here; known are {known}"));
        }
    }
}
