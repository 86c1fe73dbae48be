//! The host application's JWTs (RFC 7519): signature by the configured keys, claims by the configured rules
//! and the time of the injected clock. A verified token is remembered by its hash until it ends.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use keyway_connectors::Context;
use keyway_model::{Clock, Timestamp, UserId};
use keyway_oauth::http::SendError;
use quick_cache::sync::Cache;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::sync::Mutex;
use url::Url;

use super::jwks::KeySet;
use crate::config::{JwtKeys, JwtSettings};

/// The longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 8 * 1024;
/// How far the host application's clock may be off.
const LEEWAY: Duration = Duration::from_secs(60);
/// The longest life of a token.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the key set is fetched at most.
const FETCH_INTERVAL: Duration = Duration::from_secs(60);
/// The same while it was never had.
const FIRST_FETCH_INTERVAL: Duration = Duration::from_secs(5);
/// How old the key set may become before it is fetched again.
const KEYS_FRESH: Duration = Duration::from_secs(15 * 60);
/// How many verified tokens are remembered.
const REMEMBERED: usize = 10_000;

/// What a verified token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The user it names.
    pub(crate) user: UserId,
    /// When it is no longer taken: its `exp` and the leeway.
    pub(crate) until: Timestamp,
}

/// Why a token is not taken.
#[derive(Debug, Error)]
pub(crate) enum Refused {
    #[error("the JWT is longer than 8 KiB")]
    TooLong,
    #[error("the bearer token is not a JWT that Keyway reads")]
    Malformed,
    #[error("the JWT has a critical header parameter that Keyway does not know")]
    Critical,
    #[error("the JWT is not signed with an algorithm of the configured keys")]
    Algorithm,
    #[error("the JWT is not signed with a key of the configured key set")]
    UnknownKey,
    #[error("the JWT's signature is not valid")]
    Signature,
    #[error("the JWT's {0} claim is missing or not what is configured")]
    Claim(String),
    #[error("the JWT has ended")]
    Ended,
    #[error("the JWT is not valid yet")]
    NotYet,
    #[error("the JWT lives longer than 24 hours")]
    LivesTooLong,
    #[error("the key set of KEYWAY_JWT_JWKS_URL could not be fetched")]
    KeysUnreachable,
}

/// Verifies tokens.
pub(crate) struct Jwts {
    keys: Keys,
    rules: Rules,
    clock: Clock,
    verified: Cache<[u8; 32], Verified>,
}

enum Keys {
    Secret(DecodingKey),
    Set { url: Url, context: Context, state: Mutex<FetchedSet> },
}

#[derive(Default)]
struct FetchedSet {
    set: Option<KeySet>,
    tried_at: Option<Timestamp>,
    fetched_at: Option<Timestamp>,
}

/// What a token's claims must say.
struct Rules {
    issuer: String,
    audience: String,
    user_claim: String,
}

impl Jwts {
    pub(crate) fn new(settings: &JwtSettings, context: &Context) -> Self {
        let keys = match &settings.keys {
            JwtKeys::Secret(secret) => {
                Keys::Secret(DecodingKey::from_secret(secret.expose_secret().as_bytes()))
            }
            JwtKeys::JwksUrl(url) => {
                Keys::Set { url: url.clone(), context: context.clone(), state: Mutex::default() }
            }
        };
        let rules = Rules {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            user_claim: settings.user_claim.clone(),
        };
        Self { keys, rules, clock: context.clock.clone(), verified: Cache::new(REMEMBERED) }
    }

    /// What the token says, if it is taken. One that is remembered costs its hash.
    pub(crate) async fn verify(&self, token: &str) -> Result<Verified, Refused> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::TooLong);
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let now = self.clock.now();
        if let Some(known) = self.verified.get(&hash) {
            return if now < known.until { Ok(known) } else { Err(Refused::Ended) };
        }
        let verified = Box::pin(self.verify_anew(token, now)).await?;
        self.verified.insert(hash, verified.clone());
        Ok(verified)
    }

    async fn verify_anew(&self, token: &str, now: Timestamp) -> Result<Verified, Refused> {
        let header = admitted_header(token, self.keys.algorithms())?;
        let claims = match &self.keys {
            Keys::Secret(key) => signed_claims(token, &header, key)?,
            Keys::Set { url, context, state } => {
                let mut state = state.lock().await;
                state.refresh(url, context, &header, now).await?;
                let key = state.set.as_ref().and_then(|set| set.key(&header));
                signed_claims(token, &header, key.ok_or(Refused::UnknownKey)?)?
            }
        };
        self.rules.judge(&claims, now)
    }
}

impl Keys {
    fn algorithms(&self) -> &'static [Algorithm] {
        match self {
            Self::Secret(_) => &[Algorithm::HS256],
            Self::Set { .. } => &[Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
        }
    }
}

impl FetchedSet {
    /// Fetches the set where it is missing, old, or lacks the token's key; never twice within a minute.
    /// An old set stays good while no new one can be had.
    async fn refresh(
        &mut self,
        url: &Url,
        context: &Context,
        header: &Header,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let has_key = self.set.as_ref().is_some_and(|set| set.key(header).is_some());
        let fresh = self.fetched_at.is_some_and(|at| now < at.plus(KEYS_FRESH));
        let good = has_key && fresh;
        if !good && !self.was_just_tried(now) {
            self.tried_at = Some(now);
            match fetch(url, context).await {
                Ok(set) => {
                    self.set = Some(set);
                    self.fetched_at = Some(now);
                }
                Err(error) => tracing::warn!(%error, "the key set could not be fetched"),
            }
        }
        if self.set.is_some() { Ok(()) } else { Err(Refused::KeysUnreachable) }
    }

    fn was_just_tried(&self, now: Timestamp) -> bool {
        let interval = if self.set.is_some() { FETCH_INTERVAL } else { FIRST_FETCH_INTERVAL };
        self.tried_at.is_some_and(|at| now < at.plus(interval))
    }
}

async fn fetch(url: &Url, context: &Context) -> Result<KeySet, SendError> {
    let body = context.egress.fetch_operator_document(url).await?;
    KeySet::parse(&body)
        .map_err(|error| SendError::NoAnswer(format!("the answer is not a key set: {error}")))
}

/// The token's header, if its algorithm is one of these and nothing in it is critical.
fn admitted_header(token: &str, algorithms: &[Algorithm]) -> Result<Header, Refused> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| Refused::Malformed)?;
    if header.crit.is_some() {
        return Err(Refused::Critical);
    }
    if !algorithms.contains(&header.alg) {
        return Err(Refused::Algorithm);
    }
    Ok(header)
}

/// The claims of a token that this key signed. They are judged by [`Rules::judge`], at the clock's time.
fn signed_claims(
    token: &str,
    header: &Header,
    key: &DecodingKey,
) -> Result<Map<String, Value>, Refused> {
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(token, key, &validation)
        .map(|token| token.claims)
        .map_err(|_| Refused::Signature)
}

impl Rules {
    fn judge(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<Verified, Refused> {
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(Refused::Claim("iss".to_owned()));
        }
        if !claims.get("aud").is_some_and(|aud| names(aud, &self.audience)) {
            return Err(Refused::Claim("aud".to_owned()));
        }
        let until = judge_time(claims, now)?;
        let user = claims.get(&self.user_claim).and_then(Value::as_str);
        let user = user.and_then(|text| UserId::new(text).ok());
        let user = user.ok_or_else(|| Refused::Claim(self.user_claim.clone()))?;
        Ok(Verified { user, until })
    }
}

/// Whether `aud` is this audience, or a list that holds it (RFC 7519 §4.1.3).
fn names(aud: &Value, audience: &str) -> bool {
    match aud {
        Value::String(one) => one == audience,
        Value::Array(many) => many.iter().any(|one| one == audience),
        _ => false,
    }
}

fn judge_time(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refused> {
    let ends = instant(claims, "exp")?.ok_or_else(|| Refused::Claim("exp".to_owned()))?;
    let issued = instant(claims, "iat")?;
    let not_before = instant(claims, "nbf")?;
    let until = ends.plus(LEEWAY);
    if now >= until {
        return Err(Refused::Ended);
    }
    if issued.into_iter().chain(not_before).any(|from| from > now.plus(LEEWAY)) {
        return Err(Refused::NotYet);
    }
    let from = issued.unwrap_or(now);
    if ends > from.plus(LONGEST_LIFE) {
        return Err(Refused::LivesTooLong);
    }
    Ok(until)
}

/// A NumericDate (RFC 7519 §2), which may have a fraction.
fn instant(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, Refused> {
    /// The last second of the year 9999; later ones are nonsense.
    const LAST: f64 = 253_402_300_799.0;
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST).contains(seconds));
    let seconds = seconds.ok_or_else(|| Refused::Claim(name.to_owned()))?;
    let since = Duration::from_secs_f64(seconds);
    Ok(Some(Timestamp::from_millis(0).plus(since)))
}

#[cfg(test)]
mod tests;
