//! A canonical form of JSON, so that the same thing written twice has one digest: members sorted by
//! UTF-16 code units, no blanks, texts escaped alike (after RFC 8785 §3.2). Numbers keep their digits as
//! they came, since a float does not hold all of them.

use keyway_connectors::upstream::Members;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// How deep JSON may be nested, and how long it may be, to have a canonical form.
const DEEPEST: usize = 64;
const LONGEST: usize = 256 * 1024;

/// The SHA-256 of the canonical form; of the text as it came where it has none, so that nothing that
/// could be read in two ways has the digest of either.
pub(super) fn digest(raw: &RawValue) -> Vec<u8> {
    let canonical = canonical(raw);
    let marked = Sha256::new().chain_update([u8::from(canonical.is_some())]);
    marked.chain_update(canonical.as_deref().unwrap_or(raw.get())).finalize().to_vec()
}

/// The canonical form. `None` where a member is there twice, a text is not Unicode, or it is too deep or
/// too long.
pub(super) fn canonical(raw: &RawValue) -> Option<String> {
    let mut text = String::new();
    (raw.get().len() <= LONGEST).then(|| write(raw, DEEPEST, &mut text))??;
    Some(text)
}

fn write(raw: &RawValue, depth: usize, into: &mut String) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match raw.get().as_bytes().first()? {
        b'{' => {
            let Members(mut members) = serde_json::from_str(raw.get()).ok()?;
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            if members.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return None;
            }
            write_each(into, ('{', '}'), members, |(name, value), into| {
                into.push_str(&serde_json::to_string(&name).ok()?);
                into.push(':');
                write(value, depth, into)
            })
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
            write_each(into, ('[', ']'), items, |item, into| write(item, depth, into))
        }
        b'"' => {
            let text: String = serde_json::from_str(raw.get()).ok()?;
            into.push_str(&serde_json::to_string(&text).ok()?);
            Some(())
        }
        _ => {
            into.push_str(raw.get());
            Some(())
        }
    }
}

fn write_each<T>(
    into: &mut String,
    (open, close): (char, char),
    items: Vec<T>,
    mut write: impl FnMut(T, &mut String) -> Option<()>,
) -> Option<()> {
    into.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            into.push(',');
        }
        write(item, into)?;
    }
    into.push(close);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn order_blanks_and_escapes_do_not_matter() {
        let text = "{ \"b\": [1.0, 1e2 , {}],\n \"a\\u0061\": \"\\u00fc\\/\" }";
        assert_eq!(canonical(&raw(text)).unwrap(), r#"{"aa":"ü/","b":[1.0,1e2,{}]}"#);
        assert_eq!(digest(&raw(text)), digest(&raw(r#"{"aa":"ü/","b":[1.0,1e2,{}]}"#)));
    }

    #[test]
    fn numbers_that_no_float_holds_are_told_apart() {
        let digest = |text| digest(&raw(text));
        assert_ne!(digest("[12345678901234567890123]"), digest("[12345678901234567890124]"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_has_a_digest_of_its_own() {
        let twice = r#"{"a":1,"\u0061":2}"#;
        assert_eq!(canonical(&raw(twice)), None);
        for other in [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":2,"a":1}"#] {
            assert_ne!(digest(&raw(twice)), digest(&raw(other)), "{other}");
        }
        assert_eq!(canonical(&raw(r#""\ud800""#)), None);
    }

    #[test]
    fn what_is_very_deep_does_no_harm() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(canonical(&raw(&deep)), None);
    }

    #[test]
    fn members_are_sorted_by_utf_16() {
        let text = "{\"\u{e000}\":1,\"\u{10000}\":2}";
        assert_eq!(canonical(&raw(text)).unwrap(), "{\"\u{10000}\":2,\"\u{e000}\":1}");
    }
}
