//! Reads single settings and gathers what is wrong with them.

use secrecy::SecretString;

use super::{ConfigError, settings::Setting};

/// Reads settings through a look-up and remembers every mistake.
pub(super) struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable, errors: Vec::new() }
    }

    /// The value, or the default; `None` where there is neither. An empty value counts as not set.
    pub(super) fn text(&mut self, setting: &Setting) -> Option<String> {
        let given = self.given(setting.name);
        let from_file = if setting.secret { self.content_of_file(setting) } else { None };
        if given.is_some() && from_file.is_some() {
            self.refuse(setting, format!("set either {0} or {0}_FILE, not both", setting.name));
        }
        given
            .or(from_file)
            .or_else(|| (!setting.default.is_empty()).then(|| setting.default.to_owned()))
    }

    /// As [`Self::text`], for what must not be shown.
    pub(super) fn secret(&mut self, setting: &Setting) -> Option<SecretString> {
        self.text(setting).map(SecretString::from)
    }

    /// The value as `parse` reads it; what `parse` says is wrong is kept as a mistake.
    pub(super) fn parsed<T>(
        &mut self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(setting)?;
        parse(&text).map_err(|advice| self.refuse(setting, advice)).ok()
    }

    /// The items of a list separated by commas or blanks, each as `parse` reads it.
    pub(super) fn list<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let text = self.text(setting).unwrap_or_default();
        let items = text.split([',', ' ', '\n', '\t']).filter(|item| !item.is_empty());
        items
            .filter_map(|item| {
                parse(item).map_err(|why| self.refuse(setting, format!("{item:?}: {why}"))).ok()
            })
            .collect()
    }

    /// Keeps a mistake.
    pub(super) fn refuse(&mut self, setting: &Setting, advice: impl Into<String>) {
        self.errors.push(ConfigError { variable: setting.name.to_owned(), advice: advice.into() });
    }

    /// The outcome: `value` where nothing was wrong. A value is `None` only after a mistake was kept.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<ConfigError>> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }

    fn given(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn content_of_file(&mut self, setting: &Setting) -> Option<String> {
        let variable = format!("{}_FILE", setting.name);
        let path = self.given(&variable)?;
        match std::fs::read_to_string(&path) {
            Ok(content) if !content.trim().is_empty() => Some(content.trim().to_owned()),
            Ok(_) => {
                let advice = format!("the file {path} is empty; write the value into it");
                self.errors.push(ConfigError { variable, advice });
                None
            }
            Err(error) => {
                let advice =
                    format!("the file {path} cannot be read ({error}); name a file that can");
                self.errors.push(ConfigError { variable, advice });
                None
            }
        }
    }
}
