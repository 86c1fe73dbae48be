//! Names and addresses of a connector's things beside those of others: tools and prompts as
//! `{slug}__{name}`, resources as `kw-{slug}+{uri}`, in lists and inside results; tasks as `{slug}.{id}`.

use keyway_connectors::{contact::List, upstream::RawObject};
use keyway_model::Slug;
use serde_json::value::RawValue;

use crate::names;

const SCHEME: &str = "kw-";

/// How the names of one connector are shown.
#[derive(Clone, Copy)]
pub(super) enum Names<'a> {
    /// As they are.
    Plain,
    /// Beside those of others.
    Of(&'a Slug),
}

/// The address of a resource beside those of others.
fn qualified_uri(slug: &Slug, uri: &str) -> String {
    format!("{SCHEME}{slug}+{uri}")
}

/// The slug and the server's own address behind one.
pub(super) fn split_uri(uri: &str) -> Option<(Slug, &str)> {
    let (slug, uri) = uri.strip_prefix(SCHEME)?.split_once('+')?;
    Some((slug.parse().ok()?, uri))
}

/// The name of a task beside those of others.
fn qualified_task(slug: &Slug, task: &str) -> String {
    format!("{slug}.{task}")
}

/// The slug and the server's own name behind one.
pub(super) fn split_task(task: &str) -> Option<(Slug, &str)> {
    let (slug, task) = task.split_once('.')?;
    Some((slug.parse().ok()?, task))
}

impl Names<'_> {
    /// An item of a list; `None` where it has no name.
    pub(super) fn item(self, list: List, item: &RawValue) -> Option<Box<RawValue>> {
        let mut object = RawObject::of(item)?;
        let member = match list {
            List::Tools | List::Prompts => "name",
            List::Resources => "uri",
            List::ResourceTemplates => "uriTemplate",
        };
        let name = object.text(member)?;
        let Self::Of(slug) = self else { return Some(item.to_owned()) };
        let shown = match list {
            List::Tools | List::Prompts => names::qualified(slug, &name),
            List::Resources | List::ResourceTemplates => qualified_uri(slug, &name),
        };
        object.write(member, &shown).ok()?;
        object.to_raw().ok()
    }

    /// The address of a resource.
    pub(super) fn uri(self, uri: &str) -> String {
        match self {
            Self::Plain => uri.to_owned(),
            Self::Of(slug) => qualified_uri(slug, uri),
        }
    }

    /// The addresses of resources inside a result.
    pub(super) fn result(self, method: &str, result: &mut RawObject) {
        let Self::Of(slug) = self else { return };
        if let Some(task) = result.text("taskId") {
            let _ = result.write("taskId", &qualified_task(slug, &task));
        }
        match method {
            "tools/call" => self.each(result, "content", Self::content),
            "resources/read" => self.each(result, "contents", Self::address),
            "prompts/get" => self.each(result, "messages", |names, message| {
                let Some(mut content) = message.object("content") else { return };
                names.content(&mut content);
                let _ = message.write("content", &content);
            }),
            _ => {}
        }
    }

    fn each(self, result: &mut RawObject, member: &str, change: impl Fn(Self, &mut RawObject)) {
        // What holds no address is handed on as it came.
        if !result.get(member).is_some_and(|items| items.get().contains("\"uri\"")) {
            return;
        }
        let Some(mut items) = result.read::<Vec<Box<RawValue>>>(member) else { return };
        for item in &mut items {
            if let Some(mut object) = RawObject::of(item) {
                change(self, &mut object);
                *item = object.to_raw().unwrap_or_else(|_| item.clone());
            }
        }
        let _ = result.write(member, &items);
    }

    /// A block of content: a link to a resource, or an embedded one.
    fn content(self, block: &mut RawObject) {
        match block.text("type").as_deref() {
            Some("resource_link") => self.address(block),
            Some("resource") => {
                if let Some(mut resource) = block.object("resource") {
                    self.address(&mut resource);
                    let _ = block.write("resource", &resource);
                }
            }
            _ => {}
        }
    }

    fn address(self, object: &mut RawObject) {
        if let Some(uri) = object.text("uri") {
            let _ = object.write("uri", &self.uri(&uri));
        }
    }
}

#[cfg(test)]
mod tests {
    use keyway_connectors::upstream::raw;
    use serde_json::{Value, json};

    use super::*;

    fn notes() -> Slug {
        "notes".parse().unwrap()
    }

    #[test]
    fn addresses_split_into_what_they_were_made_of() {
        let uri = "file:///a+b?c=kw-x+y";
        let shown = Names::Of(&notes()).uri(uri);
        assert_eq!(shown, "kw-notes+file:///a+b?c=kw-x+y");
        assert_eq!(split_uri(&shown), Some((notes(), uri)));
        assert_eq!(split_uri("file:///a"), None);
    }

    #[test]
    fn items_keep_all_but_their_names() {
        let item = raw(&json!({ "name": "sum", "inputSchema": { "x": 1.0 }, "z": null })).unwrap();
        let shown = Names::Of(&notes()).item(List::Tools, &item).unwrap();
        assert_eq!(shown.get(), r#"{"inputSchema":{"x":1.0},"name":"notes__sum","z":null}"#);
        assert_eq!(Names::Plain.item(List::Tools, &item).unwrap().get(), item.get());
        assert!(Names::Plain.item(List::Tools, &raw(&json!({})).unwrap()).is_none());
    }

    #[test]
    fn addresses_inside_results_are_changed_too() {
        let result = json!({ "content": [
            { "type": "text", "text": "a \"uri\" of words" },
            { "type": "resource_link", "uri": "a:1", "name": "one" },
            { "type": "resource", "resource": { "uri": "a:2", "text": "x" } },
        ] });
        let mut object = RawObject::of(&raw(&result).unwrap()).unwrap();
        Names::Of(&notes()).result("tools/call", &mut object);
        let shown: Value = serde_json::from_str(object.to_raw().unwrap().get()).unwrap();
        assert_eq!(shown["content"][0], result["content"][0]);
        assert_eq!(shown["content"][1]["uri"], "kw-notes+a:1");
        assert_eq!(shown["content"][2]["resource"]["uri"], "kw-notes+a:2");
    }
}
