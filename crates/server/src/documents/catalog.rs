//! The presets of the catalog.

use keyway_connectors::catalog::{Catalog, Preset, PresetClient};
use serde::Serialize;
use utoipa::ToSchema;

/// The MCP servers to pick from.
#[derive(Serialize, ToSchema)]
pub(crate) struct PresetList {
    presets: Vec<PresetDocument>,
}

/// An MCP server to pick from.
#[derive(Serialize, ToSchema)]
#[schema(as = Preset)]
struct PresetDocument {
    id: String,
    name: String,
    #[schema(required)]
    description: Option<String>,
    /// The MCP endpoint.
    url: String,
    /// A letter, an emoji, or an image as a `data:` URI.
    #[schema(required)]
    icon: Option<String>,
    /// The scopes to ask for where the server does not say.
    scopes: Vec<String>,
    /// Where people register a client by hand.
    #[schema(required)]
    registration_help_url: Option<String>,
    client: PresetNeed,
}

/// What a preset needs of people before they can sign in: nothing, nothing because the operator gave a
/// client, or a client that they register.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PresetClient)]
enum PresetNeed {
    NoneNeeded,
    Provided,
    ByHand,
}

impl PresetList {
    pub(crate) fn of(catalog: &Catalog) -> Self {
        let document = |preset: &Preset| PresetDocument {
            id: preset.id.clone(),
            name: preset.name.clone(),
            description: preset.description.clone(),
            url: preset.url.clone(),
            icon: preset.icon.clone(),
            scopes: preset.scopes.clone(),
            registration_help_url: preset.registration_help_url.clone(),
            client: match catalog.client_of(preset) {
                PresetClient::NoneNeeded => PresetNeed::NoneNeeded,
                PresetClient::Provided => PresetNeed::Provided,
                PresetClient::ByHand => PresetNeed::ByHand,
            },
        };
        Self { presets: catalog.presets().iter().map(document).collect() }
    }
}
