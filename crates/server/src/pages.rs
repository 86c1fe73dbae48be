//! The small pages of a sign-in: static HTML under a strict policy. Values get into them in two ways only:
//! escaped as text, or in one block of escaped JSON that the page's script reads.

use std::{borrow::Cow, fmt::Write as _};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use keyway_model::Random;
use serde_json::{Value, json};

const STYLE: &str = include_str!("pages/page.css");
const FRAME: &str = include_str!("pages/frame.html");

/// The page that asks its opener who sits at this browser. A form post answers it.
///
/// The forms' targets are not narrowed to hosts: Chromium holds `form-action` against every redirect after
/// the post, and where an authorization server sends the browser on to is not known before.
pub(crate) fn hand_shake<'a>(
    random: &Random,
    ticket: &str,
    origins: impl Iterator<Item = &'a str>,
) -> Response {
    let data = json!({ "ticket": ticket, "origins": origins.collect::<Vec<_>>() });
    Page {
        status: StatusCode::OK,
        title: "Signing in",
        body: include_str!("pages/launch.html").into(),
        data,
        script: include_str!("pages/launch.js"),
        powers: Powers::Forms,
    }
    .respond(random)
}

/// The page with one button that names who is about to be asked, by whom and for whom.
pub(crate) fn confirm(
    random: &Random,
    server: &str,
    authorization_server: &str,
    account: &str,
) -> Response {
    let body = fill(
        include_str!("pages/confirm.html"),
        &[("server", server), ("authorization_server", authorization_server), ("account", account)],
    );
    Page {
        status: StatusCode::OK,
        title: "Continue to sign in?",
        body: body.into(),
        data: Value::Null,
        script: "",
        powers: Powers::Forms,
    }
    .respond(random)
}

/// What the page of an outcome says and does.
pub(crate) struct Outcome<'a> {
    /// 200 after a success, 400 after a failure.
    pub(crate) status: StatusCode,
    /// The heading.
    pub(crate) title: &'static str,
    /// What happened, in words.
    pub(crate) text: &'a str,
    /// What the opener is told, at this origin alone.
    pub(crate) message: Option<(Value, &'a str)>,
    /// Where the browser goes on.
    pub(crate) return_to: Option<&'a str>,
}

/// The page of an outcome, which tells the opener, closes itself, or goes on; and says what happened.
pub(crate) fn outcome(random: &Random, outcome: &Outcome<'_>) -> Response {
    let (message, origin) = outcome.message.clone().unzip();
    let data = json!({ "message": message, "origin": origin, "return_to": outcome.return_to });
    let values = [("title", outcome.title), ("text", outcome.text)];
    Page {
        status: outcome.status,
        title: outcome.title,
        body: fill(include_str!("pages/words.html"), &values).into(),
        data,
        script: include_str!("pages/done.js"),
        powers: Powers::None,
    }
    .respond(random)
}

/// A page that only says something.
pub(crate) fn words(
    random: &Random,
    status: StatusCode,
    title: &'static str,
    text: &str,
) -> Response {
    outcome(random, &Outcome { status, title, text, message: None, return_to: None })
}

/// The page that shows the API's description; its script reads it from this service.
pub(crate) fn api_reader(random: &Random) -> Response {
    let page = Page {
        status: StatusCode::OK,
        title: "Keyway API",
        body: include_str!("pages/api.html").into(),
        data: Value::Null,
        script: include_str!("pages/api.js"),
        powers: Powers::Fetch,
    };
    page.respond(random)
}

struct Page<'a> {
    status: StatusCode,
    title: &'a str,
    body: Cow<'a, str>,
    data: Value,
    script: &'static str,
    powers: Powers,
}

/// What a page may do besides showing itself and running its script.
#[derive(Clone, Copy)]
enum Powers {
    None,
    /// Post a form, and follow where it leads.
    Forms,
    /// Read from this service.
    Fetch,
}

impl Powers {
    /// A form's post must tell its origin, which browsers withhold where there is never a referrer.
    fn referrer_policy(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Forms => "same-origin",
            Self::None | Self::Fetch => "no-referrer",
        })
    }
}

impl Page<'_> {
    fn respond(self, random: &Random) -> Response {
        let nonce = nonce(random);
        let html = self.html(&nonce);
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CONTENT_SECURITY_POLICY, policy(&nonce, self.powers)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::REFERRER_POLICY, self.powers.referrer_policy()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                HeaderValue::from_static("same-origin"),
            ),
            (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
        ];
        (self.status, headers, html).into_response()
    }

    fn html(&self, nonce: &str) -> String {
        // The body, the style and the script are Keyway's own text; all else is escaped.
        FRAME
            .replace("{{style}}", STYLE)
            .replace("{{script}}", self.script)
            .replace("{{nonce}}", nonce)
            .replace("{{title}}", &escape_html(self.title))
            .replace("{{data}}", &escape_json(&self.data))
            .replace("{{body}}", &self.body)
    }
}

fn nonce(random: &Random) -> String {
    let bytes: [u8; 16] = random.bytes();
    format!("{:032x}", u128::from_be_bytes(bytes))
}

fn policy(nonce: &str, powers: Powers) -> HeaderValue {
    let powers = match powers {
        Powers::None => "form-action 'none'",
        Powers::Forms => "form-action 'self' https: http:",
        Powers::Fetch => "form-action 'none'; connect-src 'self'",
    };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; \
         {powers}; frame-ancestors 'none'"
    );
    // A nonce is hexadecimal, so the text is a header value; without one nothing would be allowed.
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// Puts values into a page of Keyway's own, escaped. A value is never searched for further places.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once("}}") else { break };
        let value = values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| *value);
        filled.push_str(&escape_html(value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// Escapes text for an element's content or a quoted attribute. Characters that reorder or hide text are
/// shown as their number, so that a host cannot pose as another.
fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '{' => escaped.push_str("&#123;"),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "[U+{:04X}]", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// JSON that cannot end the script element it stands in.
fn escape_json(value: &Value) -> String {
    value
        .to_string()
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace("{{", "\\u007b\\u007b")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_servers_call_themselves_is_only_text() {
        let evil = "</script><script>alert(1)</script>{{nonce}}";
        let random = Random::seeded(1);
        let page = text(confirm(&random, evil, "\u{202e}moc.elgoog", "ana")).await;
        assert!(!page.contains("<script>alert"));
        assert!(page.contains("&lt;script&gt;alert(1)"));
        assert!(page.contains("[U+202E]moc.elgoog"));
    }

    #[tokio::test]
    async fn a_ticket_cannot_leave_the_data_block() {
        let origins = ["https://chat.example"].into_iter();
        let page = text(hand_shake(&Random::seeded(1), "</script><b>", origins)).await;
        assert!(page.contains(r#""ticket":"\u003c/script\u003e\u003cb\u003e""#));
        assert_eq!(page.matches("</script>").count(), 2);
    }

    #[tokio::test]
    async fn pages_run_only_their_own_script_and_are_never_framed() {
        let response = words(&Random::seeded(1), StatusCode::BAD_REQUEST, "No", "not this time");
        let policy =
            response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'nonce-"));
        assert!(policy.contains("frame-ancestors 'none'"));
        assert!(policy.contains("form-action 'none'"));
        assert!(!response.headers().contains_key("cross-origin-opener-policy"));
        let nonce = policy.split("nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        let page = text(response).await;
        assert_eq!(page.matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert!(!page.contains("{{"), "a place was left open");
    }

    #[test]
    fn no_two_pages_share_a_nonce() {
        let random = Random::seeded(1);
        assert_ne!(nonce(&random), nonce(&random));
    }
}
