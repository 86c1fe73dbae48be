//! What a finished sign-in gave: tokens, scopes, expiry, and the generation that fences every change.

use std::time::Duration;

use secrecy::SecretString;

use crate::{
    clock::Timestamp,
    id::{ConnectorId, SignInId},
    registration::ClientRegistration,
    user::UserId,
};

/// The longest margin before the expiry at which a token is renewed.
const LONGEST_MARGIN: Duration = Duration::from_secs(60);

/// A grant, with everything that a refresh needs.
#[derive(Clone, Debug)]
pub struct Grant {
    /// For which connector.
    pub connector_id: ConnectorId,
    /// Whose it is.
    pub user_id: UserId,
    /// The sign-in it came from; a refresh keeps it.
    pub sign_in_id: SignInId,
    /// The client it was issued to, with the issuer.
    pub client: ClientRegistration,
    /// The only place its refresh token is ever sent to.
    pub token_endpoint: String,
    /// Where its tokens are revoked (RFC 7009).
    pub revocation_endpoint: Option<String>,
    /// The `resource` of every leg (RFC 8707), verbatim.
    pub resource: Option<String>,
    /// The scopes granted.
    pub scopes: Vec<String>,
    /// Who signed in, where the server tells.
    pub account: Option<String>,
    /// The access token.
    pub access_token: SecretString,
    /// The refresh token, if one was issued.
    pub refresh_token: Option<SecretString>,
    /// The private key that the tokens are bound to (RFC 9449), if they are.
    pub dpop_key: Option<SecretString>,
    /// When the access token was obtained.
    pub obtained_at: Timestamp,
    /// When the access token ends; `None` if the server did not say.
    pub expires_at: Option<Timestamp>,
    /// Counts the tokens of this grant; every write compares it.
    pub generation: i64,
    /// A refresh that was written down before it was sent and has not been settled since.
    pub attempt: Option<RefreshAttempt>,
    /// When a refusal by the MCP server last forced a refresh.
    pub forced_at: Option<Timestamp>,
}

/// A refresh that was begun: written down before the request leaves, so that a crash in between is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshAttempt {
    /// When the refresh token of this generation was first sent.
    pub first_sent_at: Timestamp,
    /// How often it was sent.
    pub count: i64,
}

impl Grant {
    /// How long before its end a token is renewed: a tenth of its life, and a minute at most.
    pub fn margin(&self) -> Duration {
        let life = self.expires_at.map_or(Duration::ZERO, |end| end.since(self.obtained_at));
        (life / 10).min(LONGEST_MARGIN)
    }

    /// When the token is to be renewed: the margin before its end, and up to a quarter of the margin
    /// ahead of that, differently for each grant and generation, so that many grants of one age do not
    /// fall due together. `None`: not before it is refused.
    pub fn renew_at(&self) -> Option<Timestamp> {
        let margin = self.margin();
        Some(self.expires_at?.minus(margin + margin.mul_f64(self.jitter() / 4.0)))
    }

    /// A number in `0.0..1.0` that this generation keeps.
    fn jitter(&self) -> f64 {
        let [.., a, b, c, d] = *self.sign_in_id.as_uuid().as_bytes();
        let generation = u32::try_from(self.generation & 0xffff).unwrap_or(0);
        let mixed =
            u32::from_be_bytes([a, b, c, d]).wrapping_add(generation.wrapping_mul(0x9e37_79b9));
        f64::from(mixed) / (f64::from(u32::MAX) + 1.0)
    }

    /// Whether the access token has ended.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Random, RegistrationKind};

    fn grant(life: Option<Duration>) -> Grant {
        let start = Timestamp::from_millis(1_000_000);
        Grant {
            connector_id: ConnectorId::new(start, &Random::seeded(1)),
            user_id: UserId::local(),
            sign_in_id: SignInId::new(start, &Random::seeded(1)),
            client: ClientRegistration {
                kind: RegistrationKind::Dynamic,
                issuer: "https://as.example".into(),
                redirect_uri: "https://keyway.example/oauth/callback".into(),
                client_id: "c".into(),
                client_secret: None,
                token_endpoint_auth_method: "none".into(),
                client_secret_expires_at: None,
            },
            token_endpoint: "https://as.example/token".into(),
            revocation_endpoint: None,
            resource: None,
            scopes: vec![],
            account: None,
            access_token: "a".into(),
            refresh_token: None,
            dpop_key: None,
            obtained_at: start,
            expires_at: life.map(|life| start.plus(life)),
            generation: 1,
            attempt: None,
            forced_at: None,
        }
    }

    #[test]
    fn a_token_is_renewed_a_minute_before_its_end_at_most() {
        let hour = grant(Some(Duration::from_secs(3600)));
        let early = hour.expires_at.unwrap().since(hour.renew_at().unwrap());
        assert!(early >= LONGEST_MARGIN && early < Duration::from_secs(75), "{early:?}");
    }

    #[test]
    fn a_token_of_three_seconds_is_not_renewed_at_every_call() {
        let short = grant(Some(Duration::from_secs(3)));
        let due = short.renew_at().unwrap();
        assert!(due > short.obtained_at.plus(Duration::from_secs(2)));
    }

    #[test]
    fn a_token_of_unknown_life_is_used_until_it_is_refused() {
        let unknown = grant(None);
        assert_eq!(unknown.renew_at(), None);
        assert!(!unknown.is_expired(Timestamp::from_millis(i64::MAX)));
    }
}
