//! `image/setup` and `image/boot`, with stubs in place of what would change the machine.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A machine on which some programs are missing, some are stubs, and what the stubs were called with is written down.
struct Machine {
    folder: TempDir,
}

/// What apt knows: one mirror, without backports.
const PLAIN_POLICY: &str =
    "echo ' 500 file:/mirror/debian '$VERSION_CODENAME'/main amd64 Packages'";
/// The same with backports.
const BACKPORTS_POLICY: &str =
    "echo ' 500 file:/mirror/debian '$VERSION_CODENAME'/main amd64 Packages'
echo ' 100 file:/mirror/debian '$VERSION_CODENAME'-backports/main amd64 Packages'";

impl Machine {
    fn without(missing: &[&str]) -> Self {
        let machine = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let path = std::env::var_os("PATH").expect("there is a search path");
        let folders = std::env::split_paths(&path).filter_map(|folder| fs::read_dir(folder).ok());
        for entry in folders.flatten() {
            let entry = entry.expect("a folder can be read");
            let name = entry.file_name();
            if !missing.iter().any(|other| *other == name) {
                // The first of a name wins, as in a search path.
                let _ = symlink(entry.path(), machine.folder.path().join(name));
            }
        }
        // What would change the machine never does.
        for name in ["apt-get", "sudo", "tee"] {
            machine.stub(name, "");
        }
        machine.stub("apt-cache", PLAIN_POLICY);
        machine.stub("id", "echo 0");
        machine.stub("dpkg-query", "exit 1");
        machine
    }

    /// Replaces a program by a script that writes down what it was called with.
    fn stub(&self, name: &str, script: &str) {
        let file = self.folder.path().join(name);
        let _ = fs::remove_file(&file);
        let log = self.log();
        let script = format!(
            "#!/bin/bash\n. /etc/os-release\necho {name} \"$@\" >> {}\n{script}\n",
            log.display()
        );
        fs::write(&file, script).expect("writes");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("sets");
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).expect("it was there");
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("called")
    }

    /// How apt and sudo were called.
    fn called(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines = log.lines().filter(|line| {
            line.starts_with("apt-get") || line.starts_with("sudo") || line.starts_with("tee")
        });
        lines.map(ToOwned::to_owned).collect()
    }

    fn run(&self, script: &str, arguments: &[&str]) -> (Output, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut command = Command::new(script);
        command
            .args(arguments)
            .env("PATH", self.folder.path())
            .stdin(std::process::Stdio::null());
        let output = command.output().expect("the script runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output, said)
    }
}

fn backports() -> String {
    let release = fs::read_to_string("/etc/os-release").expect("this is some Linux");
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    format!("{}-backports", codename.unwrap_or_default())
}

#[test]
fn when_everything_is_there_nothing_is_said_or_done() {
    let machine = Machine::without(&[]);
    let (output, said) = machine.run("setup", &[]);
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    assert_eq!(machine.called(), Vec::<String>::new());
}

#[test]
fn what_is_missing_is_installed_with_a_line_for_each() {
    let machine = Machine::without(&["qemu-system-x86_64", "gcc"]);
    let (output, said) = machine.run("setup", &[]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "installing gcc\ninstalling qemu-system-x86\n");
    assert_eq!(
        machine.called(),
        [
            "apt-get -q update",
            "apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends gcc qemu-system-x86",
        ]
    );
}

#[test]
fn beside_a_qemu_utils_from_backports_qemu_comes_from_there() {
    let machine = Machine::without(&["qemu-system-x86_64"]);
    machine.stub(
        "dpkg-query",
        "echo 'installed 1:10.0.2+ds-2+deb13u1~bpo12+1'",
    );
    machine.stub("apt-cache", BACKPORTS_POLICY);
    let (output, said) = machine.run("setup", &[]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(
        said,
        format!("installing qemu-system-x86/{}\n", backports())
    );
    assert!(
        !machine.called().iter().any(|call| call.starts_with("tee")),
        "apt knows the suite already"
    );
}

#[test]
fn a_suite_that_apt_does_not_know_is_added() {
    let machine = Machine::without(&["qemu-system-x86_64"]);
    machine.stub(
        "dpkg-query",
        "echo 'installed 1:10.0.2+ds-2+deb13u1~bpo12+1'",
    );
    machine.stub("tee", "exec /bin/cat");
    let (output, said) = machine.run("setup", &[]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(
        machine.called().first().map(String::as_str),
        Some("tee /etc/apt/sources.list.d/hurdle-backports.list")
    );
}

#[test]
fn who_may_not_install_is_told_the_one_line_to_run() {
    let machine = Machine::without(&["qemu-system-x86_64"]);
    machine.stub("id", "echo 1000");
    machine.stub(
        "dpkg-query",
        "echo 'installed 1:10.0.2+ds-2+deb13u1~bpo12+1'",
    );
    machine.remove("sudo");
    let (output, said) = machine.run("setup", &[]);
    assert_eq!(output.status.code(), Some(1));
    let suite = backports();
    assert_eq!(
        said,
        format!(
            "not installed: qemu-system-x86\nrun this as root, then try again:\n    echo 'deb file:/mirror/debian {suite} \
             main' > /etc/apt/sources.list.d/hurdle-backports.list && apt-get update && apt-get -q -y -o \
             DPkg::Lock::Timeout=300 install --no-install-recommends qemu-system-x86/{suite}\n"
        )
    );
    assert_eq!(machine.called(), Vec::<String>::new());
}

#[test]
fn with_sudo_apt_runs_through_it() {
    let machine = Machine::without(&["qemu-system-x86_64"]);
    machine.stub("id", "echo 1000");
    let (output, said) = machine.run("setup", &[]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let called = machine.called();
    assert!(
        called.contains(&"sudo apt-get -q update".to_owned()),
        "{called:?}"
    );
    assert!(
        called
            .iter()
            .any(|call| call.starts_with("sudo env DEBIAN_FRONTEND=noninteractive apt-get ")),
        "{called:?}"
    );
}

#[test]
fn a_failed_installation_shows_what_apt_said() {
    let machine = Machine::without(&["qemu-system-x86_64"]);
    machine.stub(
        "apt-get",
        "[ $2 = update ] || { echo 'E: no such package' >&2; exit 100; }",
    );
    let (output, said) = machine.run("setup", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.ends_with("apt-get install failed:\nE: no such package\n"),
        "{said}"
    );
}

#[test]
fn a_missing_toolchain_is_installed_by_name() {
    let machine = Machine::without(&[]);
    machine.stub("rustup", "case $1 in component) exit 1 ;; esac");
    let (output, said) = machine.run("setup", &[]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said, "installing Rust 1.95.0\n");
    let log = fs::read_to_string(machine.log()).expect("rustup was called");
    assert!(
        log.contains(
            "rustup toolchain install 1.95.0 --no-self-update --profile minimal -c clippy -c rustfmt -t \
             x86_64-unknown-none\n"
        ),
        "{log}"
    );
}

#[test]
fn help_installs_nothing() {
    let machine = Machine::without(&["qemu-system-x86_64", "gcc"]);
    let (output, said) = machine.run("boot", &["--timeout", "5", "--help"]);
    assert_eq!((output.status.code(), said.as_str()), (Some(0), ""));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: image/boot [OPTIONS]"));
    assert_eq!(machine.called(), Vec::<String>::new());
}
