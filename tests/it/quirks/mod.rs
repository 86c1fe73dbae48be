//! The quirk zoo: what real servers do to those who sign in to them, each played by a scripted server, and
//! what Keyway makes of it. `docs/reference/quirks.md` lists them; the numbers are those of its table.

mod disconnect;
mod discovery;
mod flow;
mod refresh;
mod registration;
mod resource;
mod scopes;
mod token_answers;
mod wire;

use keyway_tests::scene::{NOTES, Scene};
use serde_json::Value;

/// Goes through a sign-in that must fail; gives its authorization session.
async fn failed_sign_in(scene: &Scene) -> Value {
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    let page = scene.browser.sign_in(&authorize_url).await;
    let session = scene.api.session(&session).await;
    assert_eq!(session["status"], "failed", "{session} {}", page.text);
    session
}

/// A call that must end in `reauth_required`, with this reason on the row.
async fn assert_reauth(scene: &Scene, reason: &str) {
    assert_eq!(scene.whoami().await.problem(), (409, "reauth_required".to_owned()));
    assert_eq!(scene.state().await, ("reauth_required".to_owned(), reason.to_owned()));
}
