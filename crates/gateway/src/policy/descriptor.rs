//! A tool's descriptor as the policy reads it: what it may do, and the part of it whose change a person
//! is to look at.

use std::collections::{BTreeMap, HashSet};

use keyway_model::{Descriptor, SeenDescriptor};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};

use super::canonical;

/// The longest name of a tool, in bytes; what is longer is not shown and not kept.
const LONGEST_NAME: usize = 1024;
/// The longest descriptor and the longest schema in it, in bytes.
const LONGEST: usize = 2 * 1024 * 1024;
const LONGEST_SCHEMA: usize = 256 * 1024;
/// How many tools of one connector are shown.
pub(crate) const MOST: usize = 512;
/// How much of a text is kept to be compared, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

/// Whether a tool can go by this name in Keyway's own lists: not empty, no segment of a path, without
/// control characters.
pub(crate) fn is_name(name: &str) -> bool {
    let is_path = matches!(name, "" | "." | "..");
    !is_path && name.len() <= LONGEST_NAME && !name.chars().any(char::is_control)
}

/// What counts of a descriptor, as the server sent it. One that has a member twice is none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed<'a> {
    pub(crate) name: String,
    #[serde(borrow, default)]
    pub(crate) title: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) description: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) input_schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_schema: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) annotations: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hints {
    #[serde(default)]
    read_only_hint: bool,
    #[serde(default)]
    destructive_hint: bool,
}

/// Whether annotations leave it open that a tool writes: only one that says that it reads, and not that
/// it destroys, does not.
pub(crate) fn writes(annotations: Option<&RawValue>) -> bool {
    let hints = annotations.and_then(|raw| serde_json::from_str::<Hints>(raw.get()).ok());
    let hints = hints.unwrap_or_default();
    !hints.read_only_hint || hints.destructive_hint
}

impl<'a> Listed<'a> {
    pub(crate) fn read(raw: &'a RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    fn fits(&self, raw: &RawValue) -> bool {
        let schemas = [self.input_schema, self.output_schema, self.annotations];
        let long = |schema: &&RawValue| schema.get().len() > LONGEST_SCHEMA;
        raw.get().len() <= LONGEST && !schemas.into_iter().flatten().any(|schema| long(&schema))
    }

    pub(crate) fn writes(&self) -> bool {
        writes(self.annotations)
    }
}

/// The tools that Keyway's own lists show: at most [`MOST`], each name once, none that goes by no name or
/// is longer than a model is to be given.
pub(crate) fn shown(tools: &[Box<RawValue>]) -> impl Iterator<Item = (&RawValue, Listed<'_>)> {
    let mut names = HashSet::new();
    let read = tools.iter().filter_map(|raw| Some((&**raw, Listed::read(raw)?)));
    let fit = read.filter(|(raw, listed)| is_name(&listed.name) && listed.fits(raw));
    fit.filter(move |(_, listed)| names.insert(listed.name.clone())).take(MOST)
}

/// The descriptors of the tools that are shown, by name.
pub(crate) fn seen(tools: &[Box<RawValue>]) -> Vec<(String, Descriptor)> {
    shown(tools).filter_map(|(_, listed)| Some((listed.name.clone(), of(&listed)?))).collect()
}

/// The part of a descriptor that says what the tool does: its name, title, description, schemas and
/// annotations. The hash is over their canonical JSON; of very long ones the text keeps the beginning.
fn of(listed: &Listed<'_>) -> Option<Descriptor> {
    let name = to_raw_value(&listed.name).ok()?;
    let members = [
        ("name", Some(&*name)),
        ("title", listed.title),
        ("description", listed.description),
        ("inputSchema", listed.input_schema),
        ("outputSchema", listed.output_schema),
        ("annotations", listed.annotations),
    ];
    let mut hash = Sha256::new();
    let mut kept = BTreeMap::new();
    for (member, raw) in members {
        let Some(raw) = raw.filter(|raw| raw.get() != "null") else { continue };
        hash.update(member);
        hash.update(canonical::digest(raw));
        let text = canonical::canonical(raw).unwrap_or_else(|| raw.get().to_owned());
        kept.insert(member, text[..text.floor_char_boundary(LONGEST_TEXT)].to_owned());
    }
    let text = serde_json::to_string(&kept).ok()?;
    Some(Descriptor { hash: hash.finalize().to_vec(), text })
}

/// The members of a descriptor that is kept, each as JSON.
pub(crate) fn kept_members(descriptor: &Descriptor) -> BTreeMap<String, String> {
    serde_json::from_str(&descriptor.text).unwrap_or_default()
}

/// Whether a tool may write, by what was looked at or by what it is now: a server cannot talk a tool into
/// a read-only connector.
pub(super) fn may_write(seen: &SeenDescriptor) -> bool {
    [&seen.accepted, &seen.current].into_iter().any(|descriptor| {
        let kept = kept_members(descriptor);
        let annotations = kept.get("annotations");
        let raw = annotations.and_then(|text| serde_json::from_str::<&RawValue>(text).ok());
        writes(raw)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> Vec<u8> {
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        of(&Listed::read(&raw).unwrap()).unwrap().hash
    }

    #[test]
    fn what_the_model_reads_is_in_the_hash_and_nothing_else() {
        let plain = hash(r#"{"name":"a","description":"b","inputSchema":{"type":"object","x":1}}"#);
        for same in [
            r#"{"inputSchema":{"x":1,"type":"object"},"description":"\u0062","name":"a"}"#,
            r#"{"name":"a","description":"b","inputSchema":{"type":"object","x":1},"_meta":{"t":7}}"#,
            r#"{"name":"a","title":null,"description":"b","inputSchema":{"type":"object","x":1}}"#,
        ] {
            assert_eq!(hash(same), plain, "{same}");
        }
        for other in [
            r#"{"name":"a","description":"c","inputSchema":{"type":"object","x":1}}"#,
            r#"{"name":"a","title":"b","inputSchema":{"type":"object","x":1}}"#,
            r#"{"name":"a","description":"b","outputSchema":{"type":"object","x":1}}"#,
            r#"{"name":"a","description":"b","inputSchema":{"type":"object","x":1},"annotations":{}}"#,
        ] {
            assert_ne!(hash(other), plain, "{other}");
        }
    }

    #[test]
    fn only_a_tool_that_says_so_reads() {
        for (annotations, expected) in [
            ("{}", true),
            (r#"{"readOnlyHint":true}"#, false),
            (r#"{"readOnlyHint":true,"destructiveHint":true}"#, true),
            (r#"{"readOnlyHint":"true"}"#, true),
            (r#"{"readOnlyHint":false,"readOnlyHint":true}"#, true),
            ("null", true),
        ] {
            let raw: Box<RawValue> = serde_json::from_str(annotations).unwrap();
            assert_eq!(writes(Some(&raw)), expected, "{annotations}");
        }
    }

    #[test]
    fn a_name_that_no_path_carries_is_none() {
        for (name, expected) in
            [("a/b", true), ("__proto__", true), ("..", false), ("", false), ("a\0", false)]
        {
            assert_eq!(is_name(name), expected, "{name:?}");
        }
    }
}
