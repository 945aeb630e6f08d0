//! Boots the proof (`examples/proof`) on both kernels and reads what it measured.
//!
//! Ignored by a plain `cargo test`, because it builds for the guest and needs QEMU:
//! `cargo test -p sel4-root-task -- --ignored`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sel4_kernel::{KernelImages, Profile, build};

/// What QEMU exits with when the guest wrote 0x10 to the debug-exit device.
const PASSED: i32 = 33;

/// Guest instructions that a round trip may take on the release kernel: what was measured when this was written. They
/// are counted, not timed, so more than this is a change of the code and not of the machine.
const BUDGETS: [(&str, u64); 5] = [
    ("one space, no words", 390),
    ("two spaces, no words", 396),
    ("two spaces, four words", 438),
    ("two spaces, five words", 1634),
    ("two spaces, no words, server above", 1105),
];

#[test]
#[ignore = "builds for the guest and boots QEMU"]
fn the_bindings_work_on_both_kernels_and_a_round_trip_keeps_its_budget() {
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let guest = guest(&out);
    for profile in Profile::ALL {
        let images = build(profile, &out.join("kernels"), &mut |_| ()).expect("the kernel builds");
        let output = boot(&images, &guest);
        let console = String::from_utf8_lossy(&output.stdout);
        assert!(
            console.contains("proof: all done"),
            "the {} kernel:\n{console}",
            profile.name()
        );
        assert_eq!(
            output.status.code(),
            Some(PASSED),
            "the {} kernel:\n{console}",
            profile.name()
        );
        if profile == Profile::Release {
            for (name, budget) in BUDGETS {
                let line = format!("timing: {name}: ");
                let said = console
                    .lines()
                    .find_map(|said| said.strip_prefix(&line)?.split(' ').next()?.parse().ok());
                let took: u64 = said.unwrap_or_else(|| panic!("no line for {name}:\n{console}"));
                assert!(
                    took <= budget,
                    "{name}: {took} instructions, the budget is {budget}"
                );
            }
        }
    }
}

/// Builds the proof for the guest, into a folder of its own: the one in use is locked by the Cargo that runs us.
fn guest(out: &Path) -> PathBuf {
    let target = out.join("guest");
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--example",
            "proof",
            "--target",
            "x86_64-unknown-none",
        ])
        .arg("--target-dir")
        .arg(&target)
        .status();
    assert!(status.expect("Cargo runs us, so it is there").success());
    target.join("x86_64-unknown-none/release/examples/proof")
}

fn boot(images: &KernelImages, guest: &Path) -> Output {
    Command::new("timeout")
        .args([
            "60",
            "qemu-system-x86_64",
            "-cpu",
            "Haswell,+fsgsbase",
            "-m",
            "512",
            "-nographic",
            "-no-reboot",
        ])
        .args([
            "-icount",
            "shift=0,sleep=off",
            "-device",
            "isa-debug-exit,iobase=0xf4,iosize=0x04",
        ])
        .arg("-kernel")
        .arg(&images.boot)
        .arg("-initrd")
        .arg(guest)
        .output()
        .expect("QEMU is installed: apt-get install qemu-system-x86")
}
