//! The catalog: Keyway's own, and the file that `KEYWAY_CATALOG` names.

use std::{path::Path, sync::Arc};

use keyway_connectors::catalog::{Catalog, CatalogError};

use super::{reader::Reader, settings as s};

/// The catalog; every mistake in the file is kept by itself.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Arc<Catalog>> {
    let file = reader.text(&s::CATALOG);
    let read = match &file {
        Some(path) => from_file(Path::new(path)),
        None => Catalog::built_in().map_err(|mistakes| texts("the built-in catalog", &mistakes)),
    };
    match read {
        Ok(catalog) => Some(Arc::new(catalog)),
        Err(mistakes) => {
            for mistake in mistakes {
                reader.refuse(&s::CATALOG, mistake);
            }
            None
        }
    }
}

fn from_file(path: &Path) -> Result<Catalog, Vec<String>> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        vec![format!("{shown} cannot be read ({error}); name a TOML file that can")]
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Catalog::with_file(&text, &|name| secret(&folder.join(name)))
        .map_err(|mistakes| texts(&shown, &mistakes))
}

/// The secret in a file that the catalog names; a relative name is taken from the catalog's folder.
fn secret(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let content = std::fs::read_to_string(path).map_err(|error| {
        format!("client_secret_file: {shown} cannot be read ({error}); name a file that can")
    })?;
    let content = content.trim();
    if content.is_empty() {
        return Err(format!("client_secret_file: {shown} is empty; write the secret into it"));
    }
    Ok(content.to_owned())
}

fn texts(file: &str, mistakes: &[CatalogError]) -> Vec<String> {
    mistakes.iter().map(|mistake| format!("{file}, {mistake}")).collect()
}
