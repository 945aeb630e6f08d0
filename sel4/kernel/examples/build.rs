//! Builds both kernels into a folder: `cargo run -p sel4-kernel --example build -- FOLDER`.

use std::path::PathBuf;
use std::process::ExitCode;

use sel4_kernel::{Profile, build};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("which folder?");
        return ExitCode::FAILURE;
    };
    for profile in Profile::ALL {
        match build(profile, &folder, &mut |step| eprintln!("{step}")) {
            Ok(images) => println!("{}", images.boot.display()),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
