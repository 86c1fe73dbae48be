//! The demo's tools: notes by user, the time, an echo.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use keyway_model::Clock;
use keyway_tests::mcp_server::{ToolCall, text_result};
use serde_json::{Value, json};

/// Everybody's notes, until the demo ends.
#[derive(Default)]
pub(crate) struct Notes(Mutex<HashMap<String, Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, call: &ToolCall) -> String {
        let text = argument(call, "text");
        if text.is_empty() {
            return text_result("There was no text, so nothing was added.");
        }
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = notes.entry(name(call)).or_default();
        mine.push(text);
        text_result(&format!("Added; {} has {} notes now.", name(call), mine.len()))
    }

    pub(crate) fn list(&self, call: &ToolCall) -> String {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match notes.get(&name(call)) {
            Some(mine) => text_result(&mine.join("\n")),
            None => text_result("There are no notes yet."),
        }
    }
}

pub(crate) fn time() -> String {
    text_result(&Clock::system().now().to_string())
}

pub(crate) fn echo(call: &ToolCall) -> String {
    text_result(&argument(call, "text"))
}

/// The descriptors of all tools, raw JSON each.
pub(crate) fn descriptors() -> Vec<String> {
    let text = json!({"type": "object", "required": ["text"],
        "properties": {"text": {"type": "string", "description": "The text"}}});
    let nothing = json!({"type": "object", "properties": {}});
    [
        ("notes.add", "Add a note", "Keeps a note for the person who signed in", &text, false),
        ("notes.list", "List notes", "All notes of the person who signed in", &nothing, true),
        ("time", "Time", "The present time in UTC", &nothing, true),
        ("echo", "Echo", "Says the text again", &text, true),
    ]
    .map(|(name, title, description, schema, read_only)| {
        json!({"name": name, "title": title, "description": description, "inputSchema": schema,
            "annotations": {"readOnlyHint": read_only, "destructiveHint": false}})
        .to_string()
    })
    .to_vec()
}

fn name(call: &ToolCall) -> String {
    call.user.clone().unwrap_or_else(|| "somebody".to_owned())
}

fn argument(call: &ToolCall, name: &str) -> String {
    let arguments: Value = serde_json::from_str(call.arguments.get()).unwrap_or_default();
    arguments[name].as_str().unwrap_or_default().to_owned()
}
