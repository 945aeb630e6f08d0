//! Links the programs where clients live. The linker script is `sel4-root-task`'s.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-arg-bins=-Tprogram.ld");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
