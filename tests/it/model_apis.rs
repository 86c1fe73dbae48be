//! Tools in the shapes of model APIs: what those take, and names that lead back.

use std::{collections::HashSet, sync::Arc};

use keyway_tests::{
    mcp_server::{Eras, descriptor, text_result},
    scene::Scene,
};
use serde_json::{Value, json};

const LONG: &str = "a_tool_whose_name_is_longer_than_the_sixty_four_characters_of_model_apis";
const NAMES: [&str; 5] = ["plain", "list.v1", "list_v1", "søk", LONG];
/// What `list.v1` is called for models, behind the slug.
const LOOKALIKE: &str = "list_v1_681c9260c165";

/// The scene with tools of these names, each of which says which one it is.
async fn scene(names: &'static [&'static str]) -> Scene {
    let scene = Scene::signed_in().await;
    scene.mcp.script(|script| {
        script.eras = Eras::Handshake;
        script.tools = names.iter().map(|name| descriptor(name, "{}", "")).collect();
        for name in names {
            script.handlers.insert((*name).to_owned(), Arc::new(move |_| text_result(name)));
        }
    });
    scene
}

/// The listed tools; in the shape of OpenAI the functions.
async fn listed(scene: &Scene, format: &str) -> Vec<Value> {
    let list = scene.api.get(&format!("/api/v1/tools?format={format}")).await.expect(200);
    let tools = list["tools"].as_array().expect("tools").clone();
    if format == "anthropic" {
        return tools;
    }
    assert!(tools.iter().all(|tool| tool["type"] == "function"), "{list}");
    tools.into_iter().map(|mut tool| tool["function"].take()).collect()
}

#[tokio::test]
async fn every_name_for_a_model_is_legal_and_calls_its_tool() {
    const WITH_LOOKALIKE: &[&str] = &[LOOKALIKE, NAMES[0], NAMES[1], NAMES[2], NAMES[3], LONG];
    let scene = scene(WITH_LOOKALIKE).await;
    for format in ["openai", "anthropic"] {
        let tools = listed(&scene, format).await;
        let names: HashSet<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
        assert_eq!(names.len(), WITH_LOOKALIKE.len(), "{format}: {names:?}");
        for (tool, original) in tools.iter().zip(WITH_LOOKALIKE) {
            let name = tool["name"].as_str().expect("a name");
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            assert!(name.len() <= 64 && name.chars().all(legal), "{name}");
            let called = scene.api.post("/api/v1/tools/call", json!({ "name": name })).await;
            assert_eq!(called.expect(200)["content"][0]["text"], *original, "{name}");
        }
    }
}

#[tokio::test]
async fn names_of_keyways_own_list_lead_back_as_well() {
    let scene = scene(&NAMES).await;
    let list = scene.api.get("/api/v1/tools").await.expect(200);
    for tool in list["tools"].as_array().expect("tools") {
        let called = scene.api.post("/api/v1/tools/call", json!({ "name": tool["name"] })).await;
        assert_eq!(called.expect(200)["content"][0]["text"], tool["tool"], "{tool}");
    }
}

#[tokio::test]
async fn one_odd_tool_does_not_make_a_model_api_refuse_them_all() {
    let scene = Scene::signed_in().await;
    let long = format!(r#"{{"name":"long","description":"{}"}}"#, "x".repeat(2000));
    let either = r#"{"anyOf":[{"properties":{"id":{"type":"integer"}}}]}"#;
    scene.mcp.script(|script| {
        script.tools = vec![long.clone(), long, descriptor("either", either, "")];
    });
    let object = json!({"type": "object", "properties": {}});
    let either = json!({"type": "object", "properties": {"id": {"type": "integer"}}});
    for (format, schema, longest) in
        [("openai", "parameters", 1024), ("anthropic", "input_schema", 2000)]
    {
        let tools = listed(&scene, format).await;
        assert_eq!(tools.len(), 2, "a tool that is listed twice is one tool");
        assert_eq!([&tools[0][schema], &tools[1][schema]], [&object, &either], "{format}");
        let description = tools[0]["description"].as_str().expect("a description");
        assert_eq!(description.chars().count(), longest, "{format}");
    }
}
