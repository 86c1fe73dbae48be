//! Which account a sign-in is for: what is said to the authorization server about it, and what it says
//! about it in the end.

use std::time::Duration;

use keyway_model::{Connector, Grant};
use keyway_oauth::{
    metadata::AuthorizationServerMetadata,
    token::{JwtClaims, jwt_claims},
    userinfo,
};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{context::Context, egress::EgressClient, error::Result};

const LOGIN_HINT: &str = "login_hint";
const PROMPT: &str = "prompt";
const SELECT_ACCOUNT: &str = "select_account";
/// The scope by which an OpenID provider is asked who somebody is (OpenID Connect Core 1.0 §3.1.2.1).
const OPENID: &str = "openid";
/// How long a grant that is there waits for the name of its account.
const ASK_TIME: Duration = Duration::from_secs(3);
/// The longest account name that is kept, in characters.
const LONGEST: usize = 200;

/// The further parameters of an authorization request: the catalog's for the issuer, and what tells
/// accounts apart. A renewed sign-in names the account it had; one for an address that the user is
/// signed in to with another connector asks with which account to go on, once: there are servers that
/// announce the question and fail at it, and the next try goes without.
pub(crate) async fn parameters(
    cx: &Context,
    connector: &Connector,
    grant: Option<&Grant>,
    server: &AuthorizationServerMetadata,
    client_id: &str,
) -> Result<Vec<(String, String)>> {
    let mut parameters = cx.settings.catalog.parameters(&server.issuer);
    let same_issuer = grant.filter(|grant| grant.client.issuer == server.issuer);
    if let Some(account) = same_issuer.and_then(|grant| grant.account.as_deref()) {
        if is_login(account) {
            parameters.push((LOGIN_HINT.to_owned(), account.to_owned()));
        }
        return Ok(parameters);
    }
    if server.supports_account_selection()
        && is_second(cx, connector).await?
        && cx.database.unfinished_sign_ins(&connector.user_id, connector.id, client_id).await? == 0
    {
        ask_for_account(&mut parameters);
    }
    Ok(parameters)
}

/// Whether the user is signed in to the same address with another connector.
async fn is_second(cx: &Context, connector: &Connector) -> Result<bool> {
    let signed_in = cx.database.grant_facts_of(&connector.user_id).await?;
    let connectors = cx.database.connectors_of(&connector.user_id).await?;
    Ok(connectors.iter().any(|other| {
        other.id != connector.id && other.url == connector.url && signed_in.contains_key(&other.id)
    }))
}

/// `prompt` is a list (OpenID Connect Core 1.0 §3.1.2.1): the catalog's own values stay.
fn ask_for_account(parameters: &mut Vec<(String, String)>) {
    let Some((_, prompt)) = parameters.iter_mut().find(|(name, _)| name == PROMPT) else {
        parameters.push((PROMPT.to_owned(), SELECT_ACCOUNT.to_owned()));
        return;
    };
    if !prompt.split(' ').any(|value| value == SELECT_ACCOUNT || value == "none") {
        *prompt = format!("{prompt} {SELECT_ACCOUNT}");
    }
}

/// Whether the name is what somebody signs in with, an e-mail address or a user name, and not a display
/// name or an opaque identifier.
fn is_login(account: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
    match account.split_once('@') {
        Some((local, domain)) => {
            let usual = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
            !local.is_empty()
                && local.chars().all(plain)
                && domain.contains('.')
                && domain.chars().all(usual)
        }
        None => {
            account.starts_with(|c: char| c.is_ascii_alphabetic())
                && account.len() <= 64
                && account.chars().all(plain)
                && Uuid::parse_str(account).is_err()
        }
    }
}

/// What of a sign-in tells who signed in.
pub(crate) struct SignedIn<'a> {
    /// The ID token, if one came along.
    pub(crate) id_token: Option<&'a SecretString>,
    /// The access token.
    pub(crate) access_token: &'a SecretString,
    /// The scopes granted.
    pub(crate) scopes: &'a [String],
    /// Where an OpenID provider tells more, if it does.
    pub(crate) userinfo_endpoint: Option<&'a str>,
}

/// Who signed in, if the server tells: by the ID token, else by UserInfo, which is asked only where
/// `openid` was granted. Nothing depends on it; where it cannot be told, nothing is.
pub(crate) async fn name(http: &EgressClient, signed_in: SignedIn<'_>) -> Option<String> {
    let claims = signed_in.id_token.and_then(jwt_claims).unwrap_or_default();
    if let Some(known) = told(&claims) {
        return Some(known);
    }
    let subject = claims.sub.as_deref();
    let is_granted = signed_in.scopes.iter().any(|scope| scope == OPENID);
    if let Some(endpoint) = signed_in.userinfo_endpoint.filter(|_| is_granted) {
        let asked = userinfo::ask(http, endpoint, signed_in.access_token, subject);
        match tokio::time::timeout(ASK_TIME, asked).await {
            Ok(Ok(claims)) => return told(&claims).or_else(|| shown(claims.sub.as_deref()?)),
            Ok(Err(error)) => tracing::debug!(%error, "the account's name could not be asked"),
            Err(_) => tracing::debug!("the account's name was not told in time"),
        }
    }
    shown(subject?)
}

/// The claim that people know best (OpenID Connect Core 1.0 §5.1).
fn told(claims: &JwtClaims) -> Option<String> {
    let known = [&claims.email, &claims.preferred_username, &claims.name];
    known.into_iter().flatten().find_map(|name| shown(name))
}

fn shown(name: &str) -> Option<String> {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_user_name_is_a_login_and_anything_else_is_not() {
        for login in ["alice@people.example", "alice", "a.b-c_d+e@x.example", "octo-cat"] {
            assert!(is_login(login), "{login}");
        }
        for other in [
            "Alice Example",
            "auth0|5f7c8ec7c33c6c004bbafe82",
            "248289761001",
            "a7d1f4e2-3b0c-4c8e-9f11-5f2a7a1c9b10",
            "@x.example",
            "alice@localhost@x.example",
            "",
        ] {
            assert!(!is_login(other), "{other}");
        }
    }

    #[test]
    fn the_prompts_of_the_catalog_stay() {
        for (known, expected) in [
            (None, "select_account"),
            (Some("consent"), "consent select_account"),
            (Some("select_account"), "select_account"),
            (Some("none"), "none"),
        ] {
            let mut parameters: Vec<_> =
                known.map(|value| (PROMPT.to_owned(), value.to_owned())).into_iter().collect();
            ask_for_account(&mut parameters);
            assert_eq!(parameters, [(PROMPT.to_owned(), expected.to_owned())]);
        }
    }
}
