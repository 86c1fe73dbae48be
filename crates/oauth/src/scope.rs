//! Scope values (RFC 6749 §3.3): what counts as one, and lists of them.

use crate::json::MOST_ENTRIES;

/// The longest single scope that is taken, in bytes.
const LONGEST: usize = 512;

/// The valid scopes among those given, once each, in their order, at most 256.
pub(crate) fn valid<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for scope in scopes {
        if list.len() == MOST_ENTRIES {
            break;
        }
        if is_scope(scope) && !list.iter().any(|known| known == scope) {
            list.push(scope.to_owned());
        }
    }
    list
}

fn is_scope(text: &str) -> bool {
    let in_grammar = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(in_grammar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_outside_the_grammar_and_repetitions_are_left_out() {
        let given = ["read", "wri\"te", "read", "", "a\\b", "é", "mcp:tools", "x\u{7f}"];
        assert_eq!(valid(given), ["read", "mcp:tools"]);
    }

    #[test]
    fn there_is_an_end_to_a_list() {
        let many: Vec<String> = (0..10_000).map(|n| format!("s{n}")).collect();
        assert_eq!(valid(many.iter().map(String::as_str)).len(), MOST_ENTRIES);
    }
}
