//! Personal tokens: a user makes one on Keyway's own page for a client that can send a header. It is good
//! for the connectors it names, at the MCP doors and for listing and calling tools.

use std::time::Duration;

use keyway_model::{Caller, CallerKind, PersonalTokenId};
use keyway_storage::{Change, PersonalToken};
use secrecy::ExposeSecret;

use super::{sessions::connector_ids, token};
use crate::{
    documents::personal_token::{NewPersonalToken, PersonalTokenMade, PersonalTokens},
    error::Problem,
    state::AppState,
};

const LONGEST_NAME: usize = 100;
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How many tokens a user may have.
const MOST: usize = 100;

/// Makes a token for the person at Keyway's own page.
///
/// # Errors
/// 400 where the name, a connector or the life is not acceptable, or the user has too many tokens.
pub(crate) async fn create(
    app: &AppState,
    caller: Caller,
    wanted: NewPersonalToken,
) -> Result<PersonalTokenMade, Problem> {
    let name = name(&wanted.name)?;
    if wanted.connectors.is_empty() {
        return Err(Problem::invalid("connectors must name the connectors the token is good for"));
    }
    let mut connectors = connector_ids(app, &caller, wanted.connectors).await?;
    connectors.sort_unstable();
    connectors.dedup();
    let life = wanted.expires_in.map(life).transpose()?;
    if app.context.database.personal_tokens_of(&caller.user).await?.len() >= MOST {
        let detail = format!("there may be {MOST} personal tokens; revoke one that is not used");
        return Err(Problem::invalid(detail));
    }
    let now = app.context.clock.now();
    let made = PersonalToken {
        id: PersonalTokenId::new(now, &app.context.random),
        user_id: caller.user,
        name,
        connectors,
        created_at: now,
        expires_at: life.map(|life| now.plus(life)),
    };
    let token = token::generate(token::PERSONAL, &app.context.random);
    app.context.database.insert_personal_token(&made, &token::hash(&token)).await?;
    let token = token.expose_secret().to_owned();
    Ok(PersonalTokenMade { id: made.id, token, expires_at: made.expires_at })
}

/// The tokens of the caller; a session for some connectors sees those that are good for no others.
pub(crate) async fn list(app: &AppState, caller: &Caller) -> Result<PersonalTokens, Problem> {
    let all = app.context.database.personal_tokens_of(&caller.user).await?;
    let seen = all.into_iter().filter(|token| is_seen(caller, token));
    let can_create = matches!(caller.kind, CallerKind::SessionCookie { .. });
    Ok(PersonalTokens { personal_tokens: seen.map(Into::into).collect(), can_create })
}

/// Revokes a token of the caller's. What it holds open ends.
///
/// # Errors
/// 404 where the caller has none of this id.
pub(crate) async fn revoke(
    app: &AppState,
    caller: &Caller,
    id: PersonalTokenId,
) -> Result<(), Problem> {
    let unknown = || Problem::not_found("there is no such personal token");
    let found = app.context.database.personal_token_by_id(id).await?;
    found.filter(|token| is_seen(caller, token)).ok_or_else(unknown)?;
    let deleted = app.context.database.delete_personal_token(&caller.user, id).await?;
    app.identities.forget(&Change::PersonalTokens);
    if deleted { Ok(()) } else { Err(unknown()) }
}

fn is_seen(caller: &Caller, token: &PersonalToken) -> bool {
    token.user_id == caller.user && token.connectors.iter().all(|id| caller.may_use(*id))
}

fn name(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        let detail = format!("name is 1 to {LONGEST_NAME} bytes without control characters");
        return Err(Problem::invalid(detail));
    }
    Ok(name.to_owned())
}

fn life(seconds: u64) -> Result<Duration, Problem> {
    let life = Duration::from_secs(seconds);
    if life.is_zero() || life > LONGEST_LIFE {
        let most = LONGEST_LIFE.as_secs();
        return Err(Problem::invalid(format!("expires_in is 1 to {most} seconds, or absent")));
    }
    Ok(life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_not_blank() {
        assert_eq!(name(" my laptop ").unwrap(), "my laptop");
        for text in ["", " ", "a\nb", &"x".repeat(101)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_life_has_a_beginning_and_an_end() {
        assert!(life(0).is_err());
        assert!(life(1).is_ok());
        assert!(life(u64::MAX).is_err());
    }
}
