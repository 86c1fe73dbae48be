//! How long an answer may stream: not longer than the credential that asked for it is good, where that is
//! one which a user can revoke.

use std::time::Duration;

use axum::{body::Body, response::Response};
use futures_util::StreamExt;
use keyway_model::{PersonalTokenId, Timestamp};
use keyway_storage::Change;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{MissedTickBehavior, interval},
};

use crate::state::AppState;

/// How often it is looked whether a token has ended by itself.
const BEAT: Duration = Duration::from_secs(15);

/// How long the answer to a caller may stream.
pub(crate) struct Lifetime(Option<Token>);

/// A personal token that is watched.
struct Token {
    app: AppState,
    id: PersonalTokenId,
    expires_at: Option<Timestamp>,
    changes: Receiver<Change>,
}

impl Lifetime {
    /// As long as the server and the caller like.
    pub(crate) const UNBOUND: Self = Self(None);

    /// As long as the personal token is good. `changes` are those since before it was found to be good.
    pub(crate) fn of_personal_token(
        app: AppState,
        id: PersonalTokenId,
        expires_at: Option<Timestamp>,
        changes: Receiver<Change>,
    ) -> Self {
        Self(Some(Token { app, id, expires_at, changes }))
    }

    /// The answer, which ends with its lifetime.
    pub(crate) fn bind(self, response: Response) -> Response {
        let Some(token) = self.0 else { return response };
        response.map(|body| {
            let over = Box::pin(token.until_over());
            Body::from_stream(body.into_data_stream().take_until(over))
        })
    }
}

impl Token {
    async fn until_over(mut self) {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut doubtful = false;
        while !self.has_ended() {
            doubtful |= tokio::select! {
                _ = beat.tick() => false,
                change = self.changes.recv() => match change {
                    Ok(Change::PersonalTokens | Change::Everything)
                    | Err(RecvError::Lagged(_)) => true,
                    Ok(_) => false,
                    Err(RecvError::Closed) => return,
                },
            };
            if doubtful {
                match self.app.context.background.personal_token_by_id(self.id).await {
                    Ok(None) => return,
                    Ok(Some(_)) => doubtful = false,
                    Err(error) => tracing::warn!(%error, "a token is looked at again in a moment"),
                }
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.expires_at.is_some_and(|end| self.app.context.clock.now() >= end)
    }
}
