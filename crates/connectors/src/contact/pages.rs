//! The lists of a server, all pages of each.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Contact, Step, failed, not_mcp, unusable};
use crate::upstream::{Call, Era, HeaderParameters, RawObject, Reply};

const MOST_PAGES: usize = 50;
const MOST_ITEMS: usize = 2000;
/// How servers answer a method that they do not have.
const METHOD_NOT_FOUND: i64 = -32601;
/// The longest that a list counts as fresh, whatever the server says.
const LONGEST_FRESH: Duration = Duration::from_secs(24 * 3600);

/// What servers have lists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// Tools.
    Tools,
    /// Prompts.
    Prompts,
    /// Resources.
    Resources,
    /// Templates of resources.
    ResourceTemplates,
}

impl List {
    /// Every one.
    pub const ALL: [Self; 4] =
        [Self::Tools, Self::Prompts, Self::Resources, Self::ResourceTemplates];

    /// The method that asks for a page.
    pub fn method(self) -> &'static str {
        match self {
            Self::Tools => "tools/list",
            Self::Prompts => "prompts/list",
            Self::Resources => "resources/list",
            Self::ResourceTemplates => "resources/templates/list",
        }
    }

    /// The member of the answer that holds the items.
    pub fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }
}

/// All pages of a list.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    /// The items, raw and in the server's order.
    pub items: Vec<Box<RawValue>>,
    /// How long the list is fresh, where the server says so (MCP 2026-07-28, caching).
    pub fresh_for: Option<Duration>,
}

impl Contact<'_> {
    /// All pages of a list; a server that has no such thing has none.
    pub async fn list(&mut self, era: &Era, list: List) -> Step<Pages> {
        let mut pages = Pages::default();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut call = Call::plain(list.method());
            if let Some(cursor) = &cursor {
                call.params.write("cursor", cursor).map_err(failed)?;
            }
            let answer = self.exchange(era, call).await?;
            let page = match &answer.reply {
                Some(Reply::Result(result)) => Page::read(result, list),
                Some(Reply::Error(error)) if error.code == METHOD_NOT_FOUND => return Ok(pages),
                _ => return Err(unusable(&answer)),
            };
            let Some(page) = page else { return Err(not_mcp()) };
            let usable = |item: &RawValue| {
                list != List::Tools || !era.is_stateless() || has_usable_headers(item)
            };
            pages.items.extend(page.items.into_iter().filter(|item| usable(item)));
            pages.fresh_for = match (pages.fresh_for, page.fresh_for) {
                (Some(before), Some(now)) => Some(before.min(now)),
                (before, now) => before.or(now),
            };
            cursor = page.next_cursor;
            if cursor.is_none() || pages.items.len() >= MOST_ITEMS {
                break;
            }
        }
        pages.items.truncate(MOST_ITEMS);
        Ok(pages)
    }
}

struct Page {
    items: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    fresh_for: Option<Duration>,
}

impl Page {
    fn read(result: &RawValue, list: List) -> Option<Self> {
        let result = RawObject::of(result)?;
        let millis = result.get("ttlMs").map(|_| result.read::<u64>("ttlMs").unwrap_or(0));
        Some(Self {
            items: result.read(list.member())?,
            next_cursor: result.text("nextCursor"),
            fresh_for: millis.map(|millis| Duration::from_millis(millis).min(LONGEST_FRESH)),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Annotated {
    input_schema: Value,
}

/// Whether a tool's `x-mcp-header` annotations can be used; else it must not be shown (MCP 2026-07-28,
/// custom headers).
fn has_usable_headers(tool: &RawValue) -> bool {
    let schema = serde_json::from_str::<Annotated>(tool.get()).ok();
    let parameters = schema.map(|tool| HeaderParameters::of_schema(&tool.input_schema));
    match parameters {
        Some(Err(error)) => {
            tracing::warn!(%error, "a tool is left out");
            false
        }
        _ => true,
    }
}
