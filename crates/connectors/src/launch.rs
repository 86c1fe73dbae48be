//! The launch address: before the browser is sent to the authorization server, Keyway must know who
//! sits at it, and binds the sign-in to it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use keyway_model::{
    AuthorizationSession, AuthorizationSessionId, FailureCode, SessionStatus, Timestamp, UserId,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use crate::{context::Context, error::Result};

/// What the browser is answered.
#[derive(Clone, Debug)]
pub enum Launch {
    /// Go on to the authorization server.
    Redirect {
        /// The complete authorization request.
        location: String,
        /// The cookie that binds the sign-in to this browser.
        set_cookie: Option<FlowCookie>,
    },
    /// One page with one button first: the authorization server is foreign to the MCP server.
    Confirm(Confirmation),
    /// Nothing says yet who sits at this browser.
    Handshake,
    /// Somebody else than the connector's user sits at this browser.
    UserMismatch,
    /// The sign-in was begun in another browser.
    OtherBrowser,
    /// There is no such sign-in, or it is over.
    Gone,
}

/// What the confirmation page names.
#[derive(Clone, Debug)]
pub struct Confirmation {
    /// The host of the MCP server.
    pub server_host: String,
    /// The host of the authorization server, and of its token endpoint where that is another.
    pub authorization_server_host: String,
    /// The user on whose connector the sign-in goes.
    pub user: UserId,
    /// The cookie that binds the sign-in to this browser.
    pub set_cookie: Option<FlowCookie>,
}

/// The cookie of one sign-in: `HttpOnly; SameSite=Lax; Path=/`.
#[derive(Clone, Debug)]
pub struct FlowCookie {
    /// Its name, `__Host-` prefixed where `secure`.
    pub name: String,
    /// Its value: 256 random bits.
    pub value: String,
    /// Its life in seconds.
    pub max_age: u64,
    /// Whether it is sent by https alone.
    pub secure: bool,
}

/// A request to the launch address.
pub struct Request<'a> {
    /// The ticket of the path.
    pub ticket: &'a str,
    /// Who is proven to sit at the browser, if anybody is.
    pub proof: Option<&'a UserId>,
    /// The browser's cookies, by name.
    pub cookie: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Whether the button of the confirmation page was pressed.
    pub confirmed: bool,
}

/// Decides what the browser at the launch address is answered. It can be repeated by the bound browser
/// until the code comes.
pub async fn open(cx: &Context, request: Request<'_>) -> Result<Launch> {
    let hash = Sha256::digest(request.ticket.as_bytes());
    let Some(session) = cx.database.authorization_session_by_ticket(&hash).await? else {
        return Ok(Launch::Gone);
    };
    let now = cx.database.now().await?;
    if session.status != SessionStatus::Pending || now >= session.expires_at {
        return Ok(Launch::Gone);
    }
    if session.browser_hash.is_some() {
        if !is_bound_browser(cx, &session, request.cookie) {
            return Ok(Launch::OtherBrowser);
        }
        return Ok(go_on(session, request.confirmed, None));
    }
    let local = UserId::local();
    let proof = if cx.settings.single_user { Some(&local) } else { request.proof };
    match proof {
        None => Ok(Launch::Handshake),
        Some(user) if *user != session.user_id => {
            let note = "somebody else than the connector's user opened the sign-in";
            let code = FailureCode::UserMismatch;
            cx.database.note_authorization_session(session.id, code, note).await?;
            Ok(Launch::UserMismatch)
        }
        Some(_) => bind(cx, session, request.confirmed, now).await,
    }
}

async fn bind(
    cx: &Context,
    session: AuthorizationSession,
    confirmed: bool,
    now: Timestamp,
) -> Result<Launch> {
    let value = URL_SAFE_NO_PAD.encode(cx.random.bytes::<32>());
    let hash = Sha256::digest(value.as_bytes());
    if !cx.database.bind_browser(session.id, &hash).await? {
        return Ok(Launch::OtherBrowser);
    }
    let cookie = FlowCookie {
        name: cookie_name(cx, session.id),
        value,
        max_age: session.expires_at.since(now).as_secs(),
        secure: cx.settings.public_url.is_https(),
    };
    Ok(go_on(session, confirmed, Some(cookie)))
}

fn go_on(session: AuthorizationSession, confirmed: bool, set_cookie: Option<FlowCookie>) -> Launch {
    if !session.needs_confirmation || confirmed {
        return Launch::Redirect { location: session.authorization_url, set_cookie };
    }
    Launch::Confirm(Confirmation {
        server_host: host(&session.connector_url),
        authorization_server_host: hosts(&session),
        user: session.user_id,
        set_cookie,
    })
}

/// Who gets the code: the authorization server's host, and its token endpoint's where that is another.
fn hosts(session: &AuthorizationSession) -> String {
    let (server, tokens) = (host(&session.authorization_url), host(&session.token_endpoint));
    if server == tokens { server } else { format!("{server} and {tokens}") }
}

fn host(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

/// The name of the flow's cookie. The last eight digits of the id are its random ones.
fn cookie_name(cx: &Context, id: AuthorizationSessionId) -> String {
    let digits = id.as_uuid().simple().to_string();
    let prefix = if cx.settings.public_url.is_https() { "__Host-" } else { "" };
    format!("{prefix}keyway-flow-{}", &digits[24..])
}

/// Whether the browser holds the cookie that the sign-in was bound to.
pub(crate) fn is_bound_browser(
    cx: &Context,
    session: &AuthorizationSession,
    cookie: &(dyn Fn(&str) -> Option<String> + Sync),
) -> bool {
    let presented = cookie(&cookie_name(cx, session.id));
    let (Some(presented), Some(bound)) = (presented, &session.browser_hash) else { return false };
    Sha256::digest(presented.as_bytes()).as_slice().ct_eq(bound.as_slice()).into()
}
