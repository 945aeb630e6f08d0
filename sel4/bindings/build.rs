//! Generates the bindings from the kernel's source and configuration; see `generator`.

mod generator;

use std::path::Path;
use std::process::ExitCode;

use sel4_kernel::KernelSource;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={}", message.replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let source = KernelSource::locate().map_err(|error| error.to_string())?;
    let text = generator::generate(&source)?;
    let folder = std::env::var_os("OUT_DIR").ok_or("Cargo did not name the output folder")?;
    let file = Path::new(&folder).join("generated.rs");
    std::fs::write(&file, text)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    for input in generator::INPUTS {
        println!("cargo::rerun-if-changed={}", source.path(input).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=generator");
    Ok(())
}
