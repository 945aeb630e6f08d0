//! Builds both kernels for real. Slow (some seconds), and needs the tools; a machine that builds images has them.

use sel4_kernel::{Profile, build};

#[test]
fn both_kernels_build_once_and_then_no_more() {
    let out = std::env::temp_dir().join(format!("sel4-kernel-test-{}", std::process::id()));
    for profile in Profile::ALL {
        let mut steps = 0;
        let first = build(profile, &out, &mut |_| steps += 1).expect("it builds");
        assert!(first.rebuilt);
        assert_eq!(steps, 3);
        let boot = std::fs::read(&first.boot).expect("it was written");
        assert_eq!(
            boot.get(..5),
            Some(b"\x7fELF\x01".as_slice()),
            "a multiboot loader takes 32-bit images only"
        );

        let again = build(profile, &out, &mut |_| steps += 1).expect("it is there");
        assert!(!again.rebuilt);
        assert_eq!(steps, 3);
    }
    std::fs::remove_dir_all(&out).expect("it was ours");
}
