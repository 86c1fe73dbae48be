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

/// The functions of a call, in the order in which it runs through them; `make order` writes it.
const ORDER: &str = "call.order";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={ORDER}");
    embed_a_page()?;
    if names_are_known() {
        let script = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("call.ld");
        let order = fs::read_to_string(ORDER)?;
        fs::write(&script, linker_script(&order).map_err(io::Error::other)?)?;
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

/// Puts the functions of the list, and the tables they jump by, before all others. Lines that name nothing do
/// nothing.
fn linker_script(order: &str) -> Result<String, fmt::Error> {
    let names = order.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut script = String::new();
    for (section, before) in [(".rodata.call", ".rodata"), (".text.call", ".text")] {
        writeln!(script, "SECTIONS {{\n{section} : {{")?;
        for name in names.clone() {
            writeln!(script, "*({before}.{name} {before}.{name}.llvm.*)")?;
            if before == ".rodata" {
                writeln!(
                    script,
                    "*(.rodata..Lswitch.table.{name} .rodata..Lswitch.table.{name}.*)"
                )?;
            }
        }
        writeln!(script, "}}\n}}\nINSERT BEFORE {before};")?;
    }
    Ok(script)
}
