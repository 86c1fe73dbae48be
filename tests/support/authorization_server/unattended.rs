//! Grants without a person at the token endpoint: the client's own, an assertion's, and the exchange of
//! an id token at an identity provider.

use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::{
    AuthorizationScript, Shared,
    books::Family,
    token::{Fields, INVALID_GRANT, KEY, Refusal, issue},
};
use crate::random::random_text;

const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";

/// The client's own grant (RFC 6749 §4.4): the token stands for the client.
pub(super) fn client_credentials(
    shared: &Shared,
    script: &AuthorizationScript,
    fields: &Fields,
    client_id: &str,
) -> Value {
    grant(shared, script, fields, client_id, client_id)
}

/// The grant of an assertion (RFC 7523 §2.1): one that the script knows, or an identity provider's.
pub(super) fn jwt_bearer(
    shared: &Shared,
    script: &AuthorizationScript,
    fields: &Fields,
    client_id: &str,
) -> Result<Value, Refusal> {
    let assertion = fields.get("assertion").map(String::as_str).unwrap_or_default();
    let known = script.assertions.get(assertion).cloned();
    let user = known.or_else(|| id_jag_subject(shared, fields, assertion)).ok_or(INVALID_GRANT)?;
    Ok(grant(shared, script, fields, client_id, &user))
}

/// The exchange of an id token for an ID-JAG (RFC 8693).
pub(super) fn exchange_id_token(
    script: &AuthorizationScript,
    issuer: &str,
    fields: &Fields,
) -> Result<Value, Refusal> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    let proper = field("requested_token_type") == ID_JAG
        && field("subject_token_type") == "urn:ietf:params:oauth:token-type:id_token";
    let user = script.id_tokens.get(field("subject_token")).filter(|_| proper);
    let claims = json!({
        "iss": issuer, "sub": user.ok_or(INVALID_GRANT)?, "aud": field("audience"),
        "resource": field("resource"), "jti": random_text(),
    });
    let header = Header { typ: Some("oauth-id-jag+jwt".to_owned()), ..Header::default() };
    let id_jag = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(KEY));
    let id_jag = id_jag.expect("claims are plain JSON");
    Ok(json!({"access_token": id_jag, "issued_token_type": ID_JAG, "token_type": "N_A"}))
}

fn id_jag_subject(shared: &Shared, fields: &Fields, assertion: &str) -> Option<String> {
    let key = DecodingKey::from_secret(KEY);
    let mut validation = Validation::default();
    validation.set_audience(&[&shared.issuer]);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let read = jsonwebtoken::decode::<Value>(assertion, &key, &validation).ok()?;
    let proper = read.header.typ.as_deref() == Some("oauth-id-jag+jwt")
        && read.claims["resource"].as_str() == fields.get("resource").map(String::as_str);
    read.claims["sub"].as_str().filter(|_| proper).map(str::to_owned)
}

fn grant(
    shared: &Shared,
    script: &AuthorizationScript,
    fields: &Fields,
    client_id: &str,
    user: &str,
) -> Value {
    let scopes = fields.get("scope").map(String::as_str).unwrap_or_default();
    let family = shared.books().open_family(Family {
        client_id: client_id.to_owned(),
        user: user.to_owned(),
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        resource: fields.get("resource").cloned(),
        revoked: false,
    });
    issue(shared, script, family, false)
}
