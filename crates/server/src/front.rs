//! What every request passes before it is served, and every answer on the way back: the request's id, the
//! doors, a handler's panic, the problem document, the headers of all answers. Requests through the
//! transparent proxy go straight on from here; everything else goes by the routes.

use std::{convert::Infallible, future::ready, net::SocketAddr, panic::AssertUnwindSafe, pin::Pin};

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use hyper::{body::Incoming, service::Service};
use hyper_util::service::TowerToHyperService;
use tracing::{Instrument as _, Span};

use crate::{
    error::{Problem, write_problem},
    extract::origin::Visit,
    routes::mcp,
    state::AppState,
    telemetry::RequestId,
    traces,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How many headers are added to an answer.
const ADDED_HEADERS: usize = 4;
/// Answers are for one caller, unless a handler says otherwise.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// What one connection is served with. The router costs a call about as much as all else that Keyway does
/// for it, so the one route that is called all the time does not go by it.
#[derive(Clone)]
pub(crate) struct Front {
    app: AppState,
    router: TowerToHyperService<Router>,
    peer: SocketAddr,
}

impl Front {
    /// What a connection with `peer` is served with.
    pub(crate) fn new(app: &AppState, router: &Router, peer: SocketAddr) -> Self {
        Self { app: app.clone(), router: TowerToHyperService::new(router.clone()), peer }
    }
}

impl Service<Request<Incoming>> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let Some(key) = mcp::called_connector(&request) else {
            request.extensions_mut().insert(ConnectInfo(self.peer));
            return Box::pin(self.router.call(request));
        };
        let entry = Entry::new(&self.app, &request, mcp::PATH);
        if let Some(answer) = entry.turned_away(&request) {
            return Box::pin(ready(Ok(entry.finish(answer))));
        }
        // Wrapped and not awaited in a block of its own: a future is moved whole, and this one is a call's whole state.
        let proxied = mcp::call(self.app.clone(), key, request).map(IntoResponse::into_response);
        Box::pin(entry.guard(proxied).map(move |answer| Ok(entry.finish(answer))))
    }
}

/// Middleware: what [`Entry`] does, around what the router finds.
pub(crate) async fn pass(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let entry = Entry::new(&app, &request, route.as_ref().map_or("-", MatchedPath::as_str));
    let answer = match entry.turned_away(&request) {
        Some(answer) => answer,
        None => entry.guard(next.run(request)).await,
    };
    entry.finish(answer)
}

/// A request that has come in, and what its answer is finished with.
struct Entry<'a> {
    app: AppState,
    route: &'a str,
    id: RequestId,
    method: Method,
    span: Span,
    visit: Result<Visit, Problem>,
}

impl<'a> Entry<'a> {
    fn new<B>(app: &AppState, request: &Request<B>, route: &'a str) -> Self {
        let id = RequestId::new(&app.context.random);
        Self {
            app: app.clone(),
            route,
            id,
            method: request.method().clone(),
            span: traces::begin(request, route, id),
            visit: app.doors.admit(request),
        }
    }

    /// The answer to a request that goes no further: a refusal, or what a host application's preflight asks.
    fn turned_away<B>(&self, request: &Request<B>) -> Option<Response> {
        match &self.visit {
            Ok(visit) => visit.preflight(request),
            Err(refused) => Some(refused.clone().into_response()),
        }
    }

    /// What a handler answers, in the request's span, or that it panicked.
    fn guard<F: Future<Output = Response>>(
        &self,
        handler: F,
    ) -> impl Future<Output = Response> + use<'a, F> {
        let answered = AssertUnwindSafe(handler.instrument(self.span.clone())).catch_unwind();
        answered.map(|answered| {
            answered.unwrap_or_else(|_| Problem::internal("a handler panicked").into_response())
        })
    }

    /// Finishes the answer. One line is logged, at `debug`.
    fn finish(self, mut answer: Response) -> Response {
        let Self { app, route, id, method, span, visit } = self;
        answer.headers_mut().reserve(ADDED_HEADERS);
        if let Ok(visit) = visit {
            visit.name_reader(answer.headers_mut());
        }
        write_problem(&mut answer, id, &app.context.settings.public_url);
        finish(answer.headers_mut(), id);
        let status = answer.status().as_u16();
        traces::note_status(&span, status);
        tracing::debug!(request_id = %id, %method, route, status, "answered");
        answer
    }
}

fn finish(headers: &mut HeaderMap, id: RequestId) {
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.insert(REQUEST_ID, id.to_header());
}
