//! The stream of events: what changes is told to its owner as it happens, until the credential ends.

use std::time::Duration;

use http::Method;
use keyway_tests::{
    api::{Api, Credentials},
    keyway::Keyway,
    scene::{NOTES, Scene},
};
use serde_json::{Value, json};

/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A stream that is read.
struct Events {
    response: reqwest::Response,
    read: String,
}

impl Events {
    /// Opens the stream; it is open when it has given its first sign of life.
    async fn of(api: &Api) -> Self {
        let sent = api.request(Method::GET, "/api/v1/events").send().await;
        let response = sent.expect("keyway answers");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self { response, read: String::new() };
        assert!(events.more().await, "the stream begins");
        events
    }

    async fn more(&mut self) -> bool {
        let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
        let Ok(Some(chunk)) = chunk.expect("an event is told in time") else { return false };
        self.read.push_str(&String::from_utf8_lossy(&chunk));
        true
    }

    /// The next event, with its data; null when the stream has ended.
    async fn next(&mut self) -> Value {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                let data = data.map(|text| serde_json::from_str(text).expect("one line of JSON"));
                self.read = String::from(rest);
                if let Some(data) = data {
                    return data;
                }
            } else if !self.more().await {
                return Value::Null;
            }
        }
    }

    /// Reads on to the first event of this type.
    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await;
            assert!(!event.is_null(), "the stream ended before {kind}");
            if event["type"] == kind {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_sign_in_is_told_to_the_page_that_waits_for_it() {
    let scene = Scene::new().await;
    let id = scene.connector().await["id"].clone();
    let mut events = Events::of(&scene.api).await;
    let (authorize_url, session) = scene.api.start_sign_in(NOTES).await;
    scene.browser.sign_in(&authorize_url).await;
    let told = events.until("authorization_session.updated").await;
    assert_eq!(told["authorization_session_id"], json!(session));
    assert_eq!(told["connector_id"], id);
}

#[tokio::test]
async fn a_change_a_list_of_tools_and_a_deletion_are_told() {
    let scene = Scene::signed_in().await;
    let id = scene.connector().await["id"].clone();
    let mut events = Events::of(&scene.api).await;
    scene.api.get("/api/v1/connectors/notes/tools").await.expect(200);
    assert_eq!(events.until("tools.changed").await["connector_id"], id);
    scene.api.patch("/api/v1/connectors/notes", json!({"name": "Mine"})).await.expect(200);
    assert_eq!(events.until("connector.updated").await["connector_id"], id);
    scene.api.delete("/api/v1/connectors/notes").await.expect(204);
    assert_eq!(events.until("connector.deleted").await["connector_id"], id);
}

#[tokio::test]
async fn events_reach_the_owner_alone() {
    let keyway = Keyway::tokens().await;
    let (alice, bob) = (keyway.api_of("alice"), keyway.api_of("bob"));
    let mut bobs = Events::of(&bob).await;
    alice.create_oauth("theirs", "https://notes.example/mcp").await;
    let own = bob.create_oauth("own", "https://notes.example/mcp").await;
    assert_eq!(bobs.until("connector.updated").await["connector_id"], own["id"]);
}

#[tokio::test]
async fn the_stream_ends_with_its_session() {
    let keyway = Keyway::tokens().await;
    let alice = keyway.api_of("alice");
    let opened = alice.post("/api/v1/sessions", json!({"expires_in": 60})).await.expect(201);
    let token = opened["token"].as_str().unwrap_or_default().to_owned();
    let mut events = Events::of(&alice.with(Credentials::Bearer(token))).await;
    alice.create_oauth("seen", "https://notes.example/mcp").await;
    events.until("connector.updated").await;
    keyway.advance(Duration::from_secs(61));
    keyway.api_of("alice").create_oauth("unseen", "https://notes.example/mcp").await;
    let unseen = alice.connector("unseen").await["id"].clone();
    loop {
        let event = events.next().await;
        assert_ne!(event["connector_id"], unseen, "{event}");
        if event.is_null() {
            break;
        }
    }
}

#[tokio::test]
async fn an_open_stream_does_not_hold_up_the_end_of_the_process() {
    let scene = Scene::new().await;
    let mut events = Events::of(&scene.api).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), scene.keyway.shut_down()).await;
    assert!(ended.is_ok(), "the streams are ended first");
    while !events.next().await.is_null() {}
}
