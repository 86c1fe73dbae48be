//! Has the crate built again when a migration is added, which `migrate!` cannot notice by itself.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
