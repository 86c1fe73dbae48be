//! What every request passes before it is served, and every answer on the way back: the request's id, the
//! doors, a handler's panic, the problem document, the headers of all answers. Requests through the
//! transparent proxy go straight on from here; everything else goes by the routes.

use std::{convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, pin::Pin};

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use hyper::{body::Incoming, service::Service};
use hyper_util::service::TowerToHyperService;
use tracing::Instrument as _;

use crate::{
    error::{Problem, write_problem},
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
        let app = self.app.clone();
        Box::pin(async move {
            // Boxed, so that what is put around it moves a pointer and not a call's whole state.
            let proxied =
                async |request| Box::pin(mcp::call(&app, &key, request)).await.into_response();
            Ok(around(&app, request, mcp::PATH, proxied).await)
        })
    }
}

/// Middleware: [`around`] what the router finds.
pub(crate) async fn pass(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    around(&app, request, route, async |request| next.run(request).await).await
}

/// Lets the request in or refuses it, and finishes the answer. One line is logged, at `debug`.
async fn around<B>(
    app: &AppState,
    request: Request<B>,
    route: &str,
    answered: impl AsyncFnOnce(Request<B>) -> Response,
) -> Response {
    let id = RequestId::new(&app.context.random);
    let span = traces::begin(&request, route, id);
    let method = request.method().clone();
    let visit = app.doors.admit(&request);
    let mut response = match visit.as_ref().map(|visit| visit.preflight(&request)) {
        Ok(Some(preflight)) => preflight,
        Ok(None) => {
            let answered = answered(request).instrument(span.clone());
            let answered = AssertUnwindSafe(answered).catch_unwind().await;
            answered.unwrap_or_else(|_| Problem::internal("a handler panicked").into_response())
        }
        Err(refused) => refused.clone().into_response(),
    };
    response.headers_mut().reserve(ADDED_HEADERS);
    if let Ok(visit) = visit {
        visit.name_reader(response.headers_mut());
    }
    write_problem(&mut response, id, &app.context.settings.public_url);
    finish(response.headers_mut(), id);
    let status = response.status().as_u16();
    traces::note_status(&span, status);
    tracing::debug!(request_id = %id, %method, route, status, "answered");
    response
}

fn finish(headers: &mut HeaderMap, id: RequestId) {
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.insert(REQUEST_ID, id.to_header());
}
