//! Makes sure that there is a page to embed, and has the functions of a call linked side by side.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script by the environment")]

use std::{
    env,
    fmt::{self, Write as _},
    fs, io,
    path::{Path, PathBuf},
};

const PLACEHOLDER: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
                           <title>Keyway</title>\n<p>The settings page was not built into this binary. \
                           Run <code>make build</code>.</p>\n";

/// The functions of a call and those of the start, in the order in which they run; `make order` writes them.
const CALL: &str = "call.order";
const START: &str = "start.order";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={CALL}");
    println!("cargo:rerun-if-changed={START}");
    embed_a_page()?;
    if names_are_known() {
        let script = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("order.ld");
        let (call, start) = (fs::read_to_string(CALL)?, fs::read_to_string(START)?);
        fs::write(&script, linker_script(&call, &start).map_err(io::Error::other)?)?;
        println!("cargo:rustc-link-arg-bin=keyway=-Wl,-T,{}", script.display());
    }
    Ok(())
}

/// Where the web client was not built, a page that says how.
fn embed_a_page() -> io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    let page = dist.join("index.html");
    println!("cargo:rerun-if-changed={}", dist.display());
    if !page.exists() {
        fs::create_dir_all(&dist)?;
        fs::write(&page, PLACEHOLDER)?;
    }
    Ok(())
}

/// Whether the binary is one to be released, is linked as the repository's own settings say, and by a linker that
/// reads GNU scripts. Whoever sets flags or a linker of their own gets a binary that is only not ordered.
fn names_are_known() -> bool {
    let set = |name: &str| env::var(name).unwrap_or_default();
    set("CARGO_CFG_TARGET_OS") == "linux"
        && set("PROFILE") == "release"
        && set("CARGO_ENCODED_RUSTFLAGS") == "-C\u{1f}symbol-mangling-version=v0"
        && env::var_os("RUSTC_LINKER").is_none()
}

/// Puts the functions of the lists before all others, and the tables by which those of a call jump. Lines that name
/// nothing do nothing.
fn linker_script(call: &str, start: &str) -> Result<String, fmt::Error> {
    let mut script = String::from("SECTIONS {\n.rodata.order : {\n");
    for name in names(call) {
        writeln!(script, "*(.rodata.{name} .rodata.{name}.llvm.*)")?;
        writeln!(script, "*(.rodata..Lswitch.table.{name} .rodata..Lswitch.table.{name}.*)")?;
    }
    script.push_str("}\n}\nINSERT BEFORE .rodata;\nSECTIONS {\n.text.order : {\n");
    for name in names(call).chain(names(start)) {
        // Rust's own may end with a mark of the optimizer's.
        let end = if name.starts_with("_R") { "*" } else { "" };
        writeln!(script, "*(.text.{name}{end})")?;
    }
    script.push_str("}\n}\nINSERT BEFORE .text;\n");
    Ok(script)
}

fn names(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}
