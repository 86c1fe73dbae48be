//! Makes sure that there is a page to embed: where the web client was not built, one that says how.

use std::{fs, io, path::Path};

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
                           <title>Keyway</title>\n<p>The settings page was not built into this binary. \
                           Run <code>make build</code>.</p>\n";

fn main() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    let page = dist.join("index.html");
    if !page.exists() {
        fs::create_dir_all(&dist)?;
        fs::write(&page, PLACEHOLDER)?;
    }
    Ok(())
}
