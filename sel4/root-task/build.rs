//! Puts the linker scripts on the search path of every crate that depends on this one.
//!
//! A binary chooses its script by name, in its own build script; the crate's documentation has the lines.

fn main() {
    println!("cargo::rerun-if-changed=link");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!(
            "cargo::rustc-link-search={}/link",
            env!("CARGO_MANIFEST_DIR")
        );
        println!("cargo::rustc-link-arg-examples=-Tserver.ld");
    }
}
