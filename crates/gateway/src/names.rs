//! The names under which a connector's tools appear beside those of others: `{slug}__{tool}`.

use std::fmt::Write;

use keyway_model::Slug;
use sha2::{Digest, Sha256};

const LONGEST: usize = 128;
const SEPARATOR: &str = "__";

/// The name of a tool beside others'. Characters outside `[A-Za-z0-9_.-]` become `_`; a name that was
/// changed or is too long is cut and gets `_` and 12 hexadecimal digits of the SHA-256 of the original.
pub(crate) fn qualified(slug: &Slug, tool: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let clean: String = tool.chars().map(|c| if legal(c) { c } else { '_' }).collect();
    let plain = format!("{slug}{SEPARATOR}{clean}");
    if clean == tool && plain.len() <= LONGEST {
        return plain;
    }
    let digest =
        Sha256::digest(tool.as_bytes())[..6].iter().fold("_".to_owned(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    let keep = plain.len().min(LONGEST - digest.len());
    format!("{}{digest}", &plain[..keep])
}

/// The slug and the rest of a name. A slug holds no `_`, so the first `__` splits.
pub(crate) fn split(name: &str) -> Option<(Slug, &str)> {
    let (slug, rest) = name.split_once(SEPARATOR)?;
    Some((slug.parse().ok()?, rest))
}

/// Whether the part behind the slug has the form of a changed name.
pub(crate) fn may_be_changed(tool: &str) -> bool {
    tool.rsplit_once('_').is_some_and(|(_, digest)| {
        digest.len() == 12 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
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
}
