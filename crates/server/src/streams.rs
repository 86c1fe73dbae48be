//! How many streams a user may hold open at the MCP doors. How long one lasts is not bounded: how many
//! there are is.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    http::{HeaderValue, Method, header},
    response::Response,
};
use http_body_util::BodyExt;
use keyway_model::UserId;

use crate::{
    error::{Code, Problem},
    state::AppState,
};

/// When it is worth trying again; streams come and go.
const AGAIN: Duration = Duration::from_secs(1);
const EVENTS: &str = "text/event-stream";

/// The streams that are open, by user.
pub(crate) struct Streams {
    most: usize,
    open: Mutex<HashMap<UserId, usize>>,
}

/// What a request was admitted with. A GET has its place from the beginning. The answer to a POST takes one
/// when it turns out to be a stream: by then a tool may have run, and its result must not be lost.
pub(crate) struct Room(Option<Place>);

/// One open stream, counted until it is dropped.
struct Place {
    app: AppState,
    user: UserId,
}

impl Streams {
    /// Lets each user have `most` streams.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Admits a request that may be answered with a stream.
    ///
    /// # Errors
    /// 429 where the user has as many streams as may be. What ends something is always admitted.
    pub(crate) fn of(app: &AppState, user: &UserId, method: &Method) -> Result<Self, Problem> {
        let mut open = app.streams.open();
        if method != Method::DELETE && open.get(user).is_some_and(|open| *open >= app.streams.most)
        {
            let detail = format!(
                "{} streams of this user are open, and no more may be; close those that are not read",
                app.streams.most
            );
            return Err(Problem::new(Code::RateLimited, detail).retry_after(AGAIN));
        }
        Ok(Self((method == Method::GET).then(|| Place::take(app, user, &mut open))))
    }

    /// The answer to the user, which keeps its place for as long as it streams.
    pub(crate) fn keep<B>(self, app: &AppState, user: &UserId, response: Response<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        if !is_stream(&response) {
            return response.map(Body::new);
        }
        let taken = || Place::take(app, user, &mut app.streams.open());
        let place = self.0.unwrap_or_else(taken);
        response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _kept = &place;
                frame
            }))
        })
    }
}

impl Place {
    fn take(app: &AppState, user: &UserId, open: &mut HashMap<UserId, usize>) -> Self {
        *open.entry(user.clone()).or_default() += 1;
        Self { app: app.clone(), user: user.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.app.streams.open();
        if let Some(count) = open.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.user);
            }
        }
    }
}

fn is_stream<B>(response: &Response<B>) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.and_then(|kind| kind.get(..EVENTS.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(EVENTS.as_bytes()))
}
