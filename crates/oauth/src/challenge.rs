//! `WWW-Authenticate` as a list of challenges (RFC 9110 §11.6.1, RFC 6750 §3, RFC 9728 §5.1).
//!
//! Correct headers are read exactly. Beyond that the parser survives what servers really send:
//! unescaped quotes inside `error_description`, and parameters without a comma between them.

use crate::scope;

/// A header value longer than this, in bytes, is ignored.
const LONGEST_VALUE: usize = 8 * 1024;
/// How many challenges are read.
const MOST_CHALLENGES: usize = 32;
/// How many parameters of one challenge are read.
const MOST_PARAMETERS: usize = 32;
/// The longest `error` or `error_description` that is kept, in characters.
const LONGEST_TEXT: usize = 512;

/// One challenge of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The authentication scheme as the server wrote it; compare it without regard to case.
    pub scheme: String,
    /// Names in lower case, with their values unquoted, in the server's order.
    pub params: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of this name, which is given in lower case.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is_bearer(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("bearer")
    }

    /// Whether the scheme is `DPoP` (RFC 9449 §7.1).
    pub fn is_dpop(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("dpop")
    }
}

/// What a `Bearer` or `DPoP` challenge says. All of it is the server's text: validate before use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BearerChallenge {
    /// Where the protected resource metadata is (RFC 9728 §5.1), not validated.
    pub resource_metadata: Option<String>,
    /// The scopes that the request needs, valid ones only, once each.
    pub scope: Vec<String>,
    /// The error code (RFC 6750 §3.1), without control characters.
    pub error: Option<String>,
    /// The server's explanation, without control characters. Never an error message of ours.
    pub error_description: Option<String>,
    /// Whether the server takes tokens that are bound to a key (RFC 9449 §7.1).
    pub dpop: bool,
}

/// Reads every challenge of the `WWW-Authenticate` values of one response, in order.
///
/// Never fails: what cannot be read is left out.
///
/// ```
/// use keyway_oauth::challenge;
/// let header = r#"Bearer error="invalid_token", resource_metadata="https://mcp.example/prm""#;
/// let bearer = challenge::bearer(&challenge::parse([header].into_iter())).unwrap();
/// assert_eq!(bearer.resource_metadata.as_deref(), Some("https://mcp.example/prm"));
/// ```
pub fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    for value in values.filter(|value| value.len() <= LONGEST_VALUE).take(MOST_CHALLENGES) {
        parse_value(value, &mut challenges);
    }
    challenges
}

/// The `Bearer` challenge among them, or the `DPoP` one, which has the same parameters (RFC 9449 §7.1);
/// of several, the first that names its metadata.
pub fn bearer(challenges: &[Challenge]) -> Option<BearerChallenge> {
    let mut bearers =
        challenges.iter().filter(|challenge| challenge.is_bearer() || challenge.is_dpop());
    let first = bearers.clone().next()?;
    let dpop = challenges.iter().any(Challenge::is_dpop);
    let chosen = bearers.find(|c| c.param("resource_metadata").is_some()).unwrap_or(first);
    Some(BearerChallenge {
        resource_metadata: chosen.param("resource_metadata").map(ToOwned::to_owned),
        scope: scope::valid(chosen.param("scope").unwrap_or_default().split_ascii_whitespace()),
        error: chosen.param("error").map(printable),
        error_description: chosen.param("error_description").map(printable),
        dpop,
    })
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
}

fn parse_value(value: &str, challenges: &mut Vec<Challenge>) {
    let first_of_this_value = challenges.len();
    let mut rest = value;
    while let Some(element) = next_element(&mut rest) {
        match element {
            Element::Scheme(scheme) => {
                if challenges.len() == MOST_CHALLENGES {
                    return;
                }
                challenges.push(Challenge { scheme: scheme.to_owned(), params: Vec::new() });
            }
            Element::Parameter(name, value) => {
                let current = challenges.get_mut(first_of_this_value..).and_then(<[_]>::last_mut);
                if let Some(current) = current.filter(|c| c.params.len() < MOST_PARAMETERS) {
                    current.params.push((name.to_ascii_lowercase(), value));
                }
            }
        }
    }
}

enum Element<'a> {
    Scheme(&'a str),
    Parameter(&'a str, String),
}

/// Takes the next scheme or parameter off the front; skips separators and what is neither.
fn next_element<'a>(rest: &mut &'a str) -> Option<Element<'a>> {
    loop {
        *rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return None;
        }
        let (token, after) = split_token(rest);
        if token.is_empty() {
            *rest = skip_one(rest);
        } else if let Some(value) = after_equals(after) {
            let (value, after) = take_value(value);
            *rest = after;
            return Some(Element::Parameter(token, value));
        } else {
            *rest = skip_token68(after);
            return Some(Element::Scheme(token));
        }
    }
}

fn skip_one(text: &str) -> &str {
    let mut characters = text.chars();
    characters.next();
    characters.as_str()
}

/// What follows `=` with optional white space around it; `==` is the padding of a token68.
fn after_equals(text: &str) -> Option<&str> {
    let value = skip_space(text).strip_prefix('=')?;
    (!value.starts_with('=')).then(|| skip_space(value))
}

/// A token68 (RFC 9110 §11.2) stands alone between the scheme and the next comma. It is of no use here.
fn skip_token68(after_scheme: &str) -> &str {
    let start = skip_space(after_scheme);
    let spaced = start.len() < after_scheme.len();
    after_token68(start).filter(|_| spaced).unwrap_or(after_scheme)
}

/// What follows a token68 that stands alone.
fn after_token68(text: &str) -> Option<&str> {
    let padding = text.trim_start_matches(is_token68);
    let after = skip_space(padding.trim_start_matches('='));
    let alone = after.is_empty() || after.starts_with(',');
    (alone && padding.len() < text.len()).then_some(after)
}

fn take_value(text: &str) -> (String, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        return take_quoted(quoted);
    }
    let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// The text up to the closing quote. A quote that nothing sensible follows is part of the text.
fn take_quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '"' if closes(&text[at + 1..]) => return (value, &text[at + 1..]),
            other => value.push(other),
        }
    }
    (value, "")
}

/// Whether a quote followed by `after` ends a quoted string.
fn closes(after: &str) -> bool {
    let next = skip_space(after);
    let Some(element) = next.strip_prefix(',') else {
        let spaced = next.len() < after.len();
        return next.is_empty() || (spaced && begins_quoted_parameter(next));
    };
    let element = element.trim_start_matches([' ', '\t', ',']);
    element.is_empty() || begins_element(element)
}

fn begins_element(text: &str) -> bool {
    let (token, after) = split_token(text);
    if token.is_empty() {
        return false;
    }
    let next = skip_space(after);
    if next.is_empty() || next.starts_with(',') {
        return quotes_are_paired(next);
    }
    if next.starts_with('=') {
        return true;
    }
    let (name, after_name) = split_token(next);
    let parameter = !name.is_empty() && after_equals(after_name).is_some();
    next.len() < after.len() && (parameter || after_token68(next).is_some())
}

/// A lone word between commas is a scheme, unless it stands within a text that is still open.
fn quotes_are_paired(text: &str) -> bool {
    let (mut paired, mut escaped) = (true, false);
    for byte in text.bytes() {
        paired ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
    }
    paired
}

fn begins_quoted_parameter(text: &str) -> bool {
    let (name, after) = split_token(text);
    !name.is_empty() && after_equals(after).is_some_and(|value| value.starts_with('"'))
}

fn split_token(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !is_token(c)).unwrap_or(text.len()))
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

fn is_token68(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~+/".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[&str]) -> Vec<(String, Vec<(String, String)>)> {
        parse(values.iter().copied()).into_iter().map(|c| (c.scheme, c.params)).collect()
    }

    fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn bearer_of(value: &str) -> BearerChallenge {
        bearer(&parse([value].into_iter())).expect("a bearer challenge")
    }

    #[test]
    fn a_plain_challenge_is_read() {
        let bearer = bearer_of(
            r#"Bearer realm="mcp", error="invalid_token", error_description="expired", scope="read write", resource_metadata="https://h/.well-known/oauth-protected-resource/mcp""#,
        );
        assert_eq!(bearer.error.as_deref(), Some("invalid_token"));
        assert_eq!(bearer.error_description.as_deref(), Some("expired"));
        assert_eq!(bearer.scope, ["read", "write"]);
        assert_eq!(
            bearer.resource_metadata.as_deref(),
            Some("https://h/.well-known/oauth-protected-resource/mcp")
        );
    }

    #[test]
    fn unescaped_quotes_inside_a_description_do_not_hide_what_follows() {
        let bearer = bearer_of(
            r#"Bearer error="invalid_token", error_description="token "abc", of "x" is bad", scope="read", resource_metadata="https://h/prm""#,
        );
        assert_eq!(bearer.error_description.as_deref(), Some(r#"token "abc", of "x" is bad"#),);
        assert_eq!(bearer.scope, ["read"]);
        assert_eq!(bearer.resource_metadata.as_deref(), Some("https://h/prm"));
    }

    #[test]
    fn a_list_of_quoted_words_inside_a_description_stays_one_text() {
        let bearer = bearer_of(r#"Bearer error_description="not "a", b, c", scope="read""#);
        assert_eq!(bearer.error_description.as_deref(), Some(r#"not "a", b, c"#));
        assert_eq!(bearer.scope, ["read"]);
    }

    #[test]
    fn two_challenges_in_one_header_stay_apart() {
        assert_eq!(
            read(&[r#"Basic realm="a, b=c \"d\"", Bearer scope=read , error = "x""#]),
            [
                ("Basic".to_owned(), params(&[("realm", r#"a, b=c "d""#)])),
                ("Bearer".to_owned(), params(&[("scope", "read"), ("error", "x")])),
            ]
        );
    }

    #[test]
    fn challenges_of_two_headers_are_all_seen() {
        let challenges = parse(
            [r#"Bearer realm="x""#, r#"bearer resource_metadata="https://h/prm""#].into_iter(),
        );
        assert_eq!(challenges.len(), 2);
        let bearer = bearer(&challenges).expect("a bearer challenge");
        assert_eq!(bearer.resource_metadata.as_deref(), Some("https://h/prm"));
    }

    #[test]
    fn token68_bare_schemes_and_empty_elements_are_passed_over() {
        assert_eq!(
            read(&[r#", Negotiate YWJj==, ,Bearer,, DPoP algs="ES256", Basic"#]),
            [
                ("Negotiate".to_owned(), vec![]),
                ("Bearer".to_owned(), vec![]),
                ("DPoP".to_owned(), params(&[("algs", "ES256")])),
                ("Basic".to_owned(), vec![]),
            ]
        );
    }

    #[test]
    fn parameters_without_commas_are_found() {
        let bearer = bearer_of(r#"Bearer realm="x" resource_metadata="https://h/prm" scope="a""#);
        assert_eq!(bearer.resource_metadata.as_deref(), Some("https://h/prm"));
        assert_eq!(bearer.scope, ["a"]);
    }

    #[test]
    fn an_unquoted_address_is_taken_whole() {
        let bearer = bearer_of("Bearer resource_metadata=https://h/prm?a=b, scope=x");
        assert_eq!(bearer.resource_metadata.as_deref(), Some("https://h/prm?a=b"));
        assert_eq!(bearer.scope, ["x"]);
    }

    #[test]
    fn scopes_outside_the_grammar_are_left_out() {
        assert_eq!(bearer_of("Bearer scope=\"a b\u{1} a \u{e9} c\"").scope, ["a", "c"]);
    }

    #[test]
    fn headers_beyond_the_bounds_are_ignored() {
        let long = format!("Bearer realm=\"{}\"", "x".repeat(LONGEST_VALUE));
        assert_eq!(parse([long.as_str()].into_iter()), []);
        let many = "Bearer a=b, ".repeat(500);
        assert_eq!(parse([many.as_str()].into_iter()).len(), MOST_CHALLENGES);
        let wide = format!("Bearer {}", "a=b, ".repeat(1000));
        assert_eq!(parse([wide.as_str()].into_iter())[0].params.len(), MOST_PARAMETERS);
    }

    #[test]
    fn a_dpop_challenge_is_read_like_a_bearer_one_and_says_so() {
        let alone =
            bearer_of(r#"DPoP algs="ES256", scope="read", resource_metadata="https://h/prm""#);
        assert_eq!((alone.dpop, alone.scope), (true, vec!["read".to_owned()]));
        assert_eq!(alone.resource_metadata.as_deref(), Some("https://h/prm"));
        let beside = bearer_of(r#"Bearer scope="read", DPoP algs="ES256""#);
        assert_eq!((beside.dpop, beside.scope), (true, vec!["read".to_owned()]));
        assert!(!bearer_of("Bearer scope=read").dpop);
    }

    #[test]
    fn no_bearer_is_none() {
        assert_eq!(bearer(&parse([r#"Basic realm="x""#].into_iter())), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(values in proptest::collection::vec(".{0,200}", 0..4)) {
            let challenges = parse(values.iter().map(String::as_str));
            let _ = bearer(&challenges);
            prop_assert!(challenges.len() <= MOST_CHALLENGES);
        }

        #[test]
        fn anything_made_of_delimiters_is_survived(value in "[ab=,\" \\\\\t/é]{0,120}") {
            let _ = parse([value.as_str()].into_iter());
        }

        #[test]
        fn what_is_correctly_quoted_comes_back(value in "[ -~]{0,60}", scope in "[a-z:]{1,20}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer error_description=\"{quoted}\", scope=\"{scope}\"");
            let bearer = bearer_of(&header);
            prop_assert_eq!(bearer.error_description, Some(value));
            prop_assert_eq!(bearer.scope, vec![scope]);
        }
    }
}
