//! Characters that a person does not see and a model reads: controls, marks that turn the direction of
//! text, blanks without width, and tags.

use serde_json::value::RawValue;

use super::canonical::canonical;

/// Whether a text holds any; line breaks and tabs are none.
pub(crate) fn has_hidden(text: &str) -> bool {
    text.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t'))
}

/// Whether any text within JSON holds some, written out or escaped. What cannot be told counts as if.
pub(crate) fn has_hidden_within(raw: &RawValue) -> bool {
    // In the canonical form only controls are escaped, as `\u00..`.
    canonical(raw).is_none_or(|text| text.contains("\\u00") || has_hidden(&text))
}

fn is_hidden(c: char) -> bool {
    let invisible = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e01ef}'
    );
    invisible || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_found() {
        for hidden in [
            "a\u{0}",
            "a\u{7f}",
            "a\u{9f}",
            "a\u{200b}b",
            "\u{202e}cba",
            "\u{2066}x",
            "\u{feff}",
            "\u{e0041}",
        ] {
            assert!(has_hidden(hidden), "{hidden:?}");
            let raw = serde_json::value::to_raw_value(&[hidden]).unwrap();
            assert!(has_hidden_within(&raw), "{hidden:?}");
        }
        let escaped: Box<RawValue> =
            serde_json::from_str(r#"{"a":"\u202e","b":"\udb40\udc41"}"#).unwrap();
        assert!(has_hidden_within(&escaped));
    }

    #[test]
    fn what_people_write_is_not() {
        for plain in ["Two\nlines\tand a tab", "Zürich, 東京, Ελλάδα", "✅ done", "<IMPORTANT>"]
        {
            assert!(!has_hidden(plain), "{plain:?}");
        }
    }
}
