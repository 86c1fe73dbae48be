//! The names under which a connector's tools appear beside those of others: `{slug}__{tool}`, in the
//! alphabet of MCP and in the smaller one of model APIs.

use std::fmt::Write;

use keyway_model::Slug;
use sha2::{Digest, Sha256};

const LONGEST: usize = 128;
/// What the APIs of OpenAI and Anthropic take: `^[a-zA-Z0-9_-]{1,64}$`.
const LONGEST_FOR_MODELS: usize = 64;
const SEPARATOR: &str = "__";

/// The name of a tool beside others'. Characters outside `[A-Za-z0-9_.-]` become `_`; a name that was
/// changed or is too long is cut and gets `_` and 12 hexadecimal digits of the SHA-256 of the original.
pub(crate) fn qualified(slug: &Slug, tool: &str) -> String {
    let clean = with_only(tool, |c| is_for_models(c) || c == '.');
    let changed = clean != tool;
    fitted(slug, tool, &clean, changed, LONGEST)
}

/// The name of a tool for model APIs: 64 characters of `[A-Za-z0-9_-]`. A name that has the form of a
/// changed one is changed as well, so that no two tools of a connector share a name.
pub(crate) fn for_models(slug: &Slug, tool: &str) -> String {
    let clean = with_only(tool, is_for_models);
    let changed = clean != tool || may_be_changed(tool);
    fitted(slug, tool, &clean, changed, LONGEST_FOR_MODELS)
}

fn is_for_models(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn with_only(tool: &str, legal: impl Fn(char) -> bool) -> String {
    tool.chars().map(|c| if legal(c) { c } else { '_' }).collect()
}

fn fitted(slug: &Slug, tool: &str, clean: &str, changed: bool, longest: usize) -> String {
    let plain = format!("{slug}{SEPARATOR}{clean}");
    if !changed && plain.len() <= longest {
        return plain;
    }
    let digest =
        Sha256::digest(tool.as_bytes())[..6].iter().fold("_".to_owned(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    let keep = plain.len().min(longest - digest.len());
    format!("{}{digest}", &plain[..keep])
}

/// The slug and the rest of a name. A slug holds no `_`, so the first `__` splits.
pub(crate) fn split(name: &str) -> Option<(Slug, &str)> {
    let (slug, rest) = name.split_once(SEPARATOR)?;
    Some((slug.parse().ok()?, rest))
}

/// Whether the part behind the slug has the form of a changed name; only then [`original`] is asked.
pub(crate) fn may_be_changed(rest: &str) -> bool {
    rest.rsplit_once('_').is_some_and(|(_, digest)| {
        digest.len() == 12 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Which of the connector's tools the part behind the slug stands for, in either of its forms.
pub(crate) fn original<'a>(slug: &Slug, rest: &str, tools: &[&'a str]) -> Option<&'a str> {
    let name = format!("{slug}{SEPARATOR}{rest}");
    let is_meant = |tool: &str| for_models(slug, tool) == name || qualified(slug, tool) == name;
    let changed = tools.iter().find(|tool| **tool != rest && is_meant(tool));
    changed.or_else(|| tools.iter().find(|tool| **tool == rest)).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::hash_set, prelude::*};

    use super::*;

    fn notes() -> Slug {
        "notes".parse().unwrap()
    }

    #[test]
    fn a_plain_name_keeps_its_form_and_splits_again() {
        let name = qualified(&notes(), "list__all.v1");
        assert_eq!(name, "notes__list__all.v1");
        assert_eq!(split(&name), Some((notes(), "list__all.v1")));
    }

    #[test]
    fn a_changed_or_long_name_is_told_apart_by_its_digest() {
        let (a, b) = (qualified(&notes(), "søk"), qualified(&notes(), "sæk"));
        assert_ne!(a, b);
        assert!(a.starts_with("notes__s_k_") && a.len() == "notes__s_k_".len() + 12, "{a}");
        let long = qualified(&notes(), &"x".repeat(200));
        assert_eq!(long.len(), 128);
    }

    #[test]
    fn what_has_no_slug_does_not_split() {
        assert_eq!(split("search"), None);
        assert_eq!(split("No Slug__x"), None);
    }

    #[test]
    fn model_apis_get_neither_dots_nor_long_names() {
        assert_eq!(for_models(&notes(), "search-all_2"), "notes__search-all_2");
        assert_eq!(for_models(&notes(), "list.v1"), "notes__list_v1_681c9260c165");
        let slug = "a-slug-of-24-characters-".parse().unwrap();
        let (long, longer) = ("x".repeat(38), "x".repeat(39));
        assert_eq!(for_models(&slug, &long), format!("{slug}__{long}"));
        let cut = for_models(&slug, &longer);
        assert!(cut.len() == 64 && may_be_changed(&cut), "{cut}");
    }

    #[test]
    fn a_tool_named_like_a_changed_one_is_not_taken_for_it() {
        let plain = "list.v1";
        let (_, rest) =
            split(&for_models(&notes(), plain)).map(|(s, r)| (s, r.to_owned())).unwrap();
        let tools = [rest.as_str(), plain];
        let names: HashSet<_> = tools.iter().map(|tool| for_models(&notes(), tool)).collect();
        assert_eq!(names.len(), 2);
        for tool in tools {
            assert_eq!(called(tool, &tools), Some(tool));
        }
    }

    /// The tool that a call by the model's name of `tool` reaches.
    fn called<'a>(tool: &str, tools: &[&'a str]) -> Option<&'a str> {
        let name = for_models(&notes(), tool);
        let (slug, rest) = split(&name)?;
        if may_be_changed(rest) {
            return original(&slug, rest, tools);
        }
        tools.iter().copied().find(|tool| *tool == rest)
    }

    proptest! {
        #[test]
        fn every_name_for_models_is_legal_and_leads_back(
            tools in hash_set(prop_oneof!["(?s).{0,80}", "[a-z._]{1,6}", "[a-f0-9]{0,3}_[a-f0-9]{12}"], 1..20)
        ) {
            let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
            let mut names = HashSet::new();
            for tool in &tools {
                let name = for_models(&notes(), tool);
                prop_assert!(name.len() <= 64 && name.chars().all(is_for_models), "{name}");
                prop_assert_eq!(called(tool, &tools), Some(*tool));
                prop_assert!(names.insert(name));
            }
        }

        #[test]
        fn every_qualified_name_is_legal_and_leads_back(tool in "(?s).{0,200}") {
            let name = qualified(&notes(), &tool);
            prop_assert!(name.len() <= 128, "{}", name);
            let (slug, rest) = split(&name).unwrap();
            let tools = [tool.as_str(), "another"];
            prop_assert_eq!(original(&slug, rest, &tools), Some(tool.as_str()));
        }
    }
}
