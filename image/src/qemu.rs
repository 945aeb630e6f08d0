//! The machine: QEMU's command line, and a run of it whose console is read line by line.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::build::Image;

/// The port of the device through which the guest ends the machine, `interfaces` and root task agreeing.
const DEBUG_EXIT_PORT: &str = "0xf4";
/// A processor with what the kernel needs, without what QEMU would warn that it does not emulate.
const PROCESSOR: &str = "Haswell-noTSX,+fsgsbase,-pcid,-invpcid,-tsc-deadline";
/// What the guest writes there if all went well.
pub const PASSED: u8 = 0x10;
/// What it writes there if not.
pub const FAILED: u8 = 0x11;
/// The longest console line that is kept whole; a longer one is cut into several, so that no guest fills our memory.
const LINE_BYTES: u64 = 8192;
/// How many lines may wait to be looked at; then the guest waits too.
const WAITING_LINES: usize = 1024;
/// How often a conversation looks whether it is to stop.
const STOP_LOOK: Duration = Duration::from_millis(100);
/// How long the machine may take to go once it was told to, or once its console is closed.
const GRACE: Duration = Duration::from_secs(5);

/// A machine to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The kernel.
    pub kernel: PathBuf,
    /// The root task.
    pub root_task: PathBuf,
    /// Memory, in MiB.
    pub memory_mib: u32,
    /// Whether guest time counts instructions: the same in every run, and slower than the host's time.
    pub icount: bool,
    /// Whether it waits for gdb, on port 1234.
    pub gdb: bool,
}

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The guest ended it and said that all went well.
    Passed,
    /// The guest ended it and said that it did not.
    Failed,
    /// QEMU ended with this status, which the guest did not choose: a crash, a reset, a wrong argument.
    Unexpected(i32),
    /// A signal ended QEMU.
    Signal(i32),
    /// The time was up, and it was ended from here.
    TimedOut(Duration),
    /// QEMU closed the console and did not end, and was ended from here.
    Stuck,
    /// Whoever sat before it ended it from here.
    Stopped,
}

/// Why a machine could not be run.
#[derive(Debug, Error)]
pub enum RunError {
    /// QEMU could not be started.
    #[error("cannot run {}: {error}\n  remedy:   run image/boot, which installs what is missing", qemu.display())]
    Start {
        /// The program.
        qemu: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// It could not be waited for, or ended.
    #[error("cannot wait for QEMU: {0}")]
    Wait(io::Error),
}

impl Machine {
    /// The machine of an image.
    #[must_use]
    pub fn of(image: &Image) -> Self {
        Self {
            kernel: image.kernel.clone(),
            root_task: image.root_task.clone(),
            memory_mib: image.memory_mib,
            icount: false,
            gdb: false,
        }
    }

    /// The command that boots it.
    #[must_use]
    pub fn command(&self, qemu: &Path) -> Command {
        let mut command = Command::new(qemu);
        command
            .args(["-cpu", PROCESSOR, "-m"])
            .arg(format!("{}M", self.memory_mib));
        // The console is the serial line and nothing else; a reset ends the machine and so is no silent loop.
        command.args([
            "-display",
            "none",
            "-monitor",
            "none",
            "-serial",
            "stdio",
            "-nic",
            "none",
            "-no-reboot",
        ]);
        command.arg("-device").arg(format!(
            "isa-debug-exit,iobase={DEBUG_EXIT_PORT},iosize=0x04"
        ));
        if self.icount {
            command.args(["-icount", "shift=0,sleep=off"]);
        }
        if self.gdb {
            command.args(["-s", "-S"]);
        }
        command
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.root_task);
        command
    }

    /// Boots it and hands every console line, without its end, to `on_line`, until it ends or the time is up.
    ///
    /// `input` goes to the serial line, as it comes.
    pub fn run(
        &self,
        qemu: &Path,
        limit: Duration,
        input: Input,
        on_line: &mut dyn FnMut(&str),
    ) -> Result<Ending, RunError> {
        let feed: Option<Feed> = match input {
            Input::None => None,
            Input::Lines => Some(Box::new(relay_input)),
        };
        let run = Run::start(self.command(qemu), feed, read_line)?;
        run.follow(limit, None, &mut |line| on_line(&line))
    }

    /// The same for a conversation: what is printed comes as it comes, in pieces of any length, and `input` goes to the
    /// serial line. Ends the machine when `stop` is set.
    pub fn converse(
        &self,
        qemu: &Path,
        limit: Duration,
        input: Receiver<Vec<u8>>,
        stop: &AtomicBool,
        on_bytes: &mut dyn FnMut(Vec<u8>),
    ) -> Result<Ending, RunError> {
        let feed: Feed = Box::new(move |mut console| {
            for bytes in input {
                if console
                    .write_all(&bytes)
                    .and_then(|()| console.flush())
                    .is_err()
                {
                    break;
                }
            }
        });
        let run = Run::start(self.command(qemu), Some(feed), read_some)?;
        run.follow(limit, Some(stop), on_bytes)
    }
}

/// Who feeds the guest's console.
type Feed = Box<dyn FnOnce(ChildStdin) + Send>;

/// Where the guest's input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// From nowhere.
    None,
    /// From our standard input, whole lines. QEMU does not get the terminal itself: it would change its settings, and
    /// leave them so when it is killed.
    Lines,
}

/// A running QEMU. Whatever happens to us, dropping it ends it: it is our own child, by its handle.
struct Run<T> {
    child: Child,
    printed: Receiver<T>,
}

impl<T: Send + 'static> Run<T> {
    fn start(
        mut command: Command,
        feed: Option<Feed>,
        read: fn(&mut BufReader<ChildStdout>) -> Option<T>,
    ) -> Result<Self, RunError> {
        command
            .stdin(if feed.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command.spawn().map_err(|error| RunError::Start {
            qemu: command.get_program().into(),
            error,
        })?;
        if let (Some(console), Some(feed)) = (child.stdin.take(), feed) {
            thread::spawn(move || feed(console));
        }
        let (sender, printed) = mpsc::sync_channel(WAITING_LINES);
        if let Some(console) = child.stdout.take() {
            thread::spawn(move || {
                let mut console = BufReader::new(console);
                while let Some(read) = read(&mut console) {
                    if sender.send(read).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, printed })
    }

    /// Hands on what is printed until the machine ends, the time is up, or it is to stop.
    fn follow(
        mut self,
        limit: Duration,
        stop: Option<&AtomicBool>,
        on_printed: &mut dyn FnMut(T),
    ) -> Result<Ending, RunError> {
        let deadline = Instant::now().checked_add(limit);
        loop {
            if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                self.kill()?;
                return Ok(Ending::Stopped);
            }
            let left = deadline.map_or(Duration::MAX, |end| {
                end.saturating_duration_since(Instant::now())
            });
            let next = match (left, stop) {
                // A guest that never stops printing has no silence to be found out by.
                (Duration::ZERO, _) => Err(RecvTimeoutError::Timeout),
                (left, None) => self.printed.recv_timeout(left),
                (left, Some(_)) => match self.printed.recv_timeout(left.min(STOP_LOOK)) {
                    Err(RecvTimeoutError::Timeout) => continue,
                    next => next,
                },
            };
            match next {
                Ok(printed) => on_printed(printed),
                Err(RecvTimeoutError::Timeout) => {
                    self.kill()?;
                    // What it still said before it went.
                    while let Ok(printed) = self.printed.recv_timeout(GRACE) {
                        on_printed(printed);
                    }
                    return Ok(Ending::TimedOut(limit));
                }
                Err(RecvTimeoutError::Disconnected) => return self.ended(),
            }
        }
    }

    /// How it ended, once its console is closed.
    fn ended(&mut self) -> Result<Ending, RunError> {
        let began = Instant::now();
        while began.elapsed() < GRACE {
            if let Some(status) = self.child.try_wait().map_err(RunError::Wait)? {
                return Ok(Ending::of(status));
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill()?;
        Ok(Ending::Stuck)
    }
}

impl<T> Run<T> {
    fn kill(&mut self) -> Result<(), RunError> {
        self.child.kill().map_err(RunError::Wait)?;
        self.child.wait().map_err(RunError::Wait)?;
        Ok(())
    }
}

impl<T> Drop for Run<T> {
    fn drop(&mut self) {
        // It has ended already, or it cannot be helped.
        let _ = self.kill();
    }
}

/// One line, without its end; none at the end of the console.
fn read_line(console: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut bytes = Vec::new();
    let read = console
        .by_ref()
        .take(LINE_BYTES)
        .read_until(b'\n', &mut bytes);
    // A console that cannot be read has ended; how, QEMU's status says.
    if read.is_err() || bytes.is_empty() {
        return None;
    }
    let line = String::from_utf8_lossy(&bytes);
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Whatever has been printed, as bytes; none at the end of the console.
fn read_some(console: &mut BufReader<ChildStdout>) -> Option<Vec<u8>> {
    let bytes = console.fill_buf().ok()?.to_vec();
    console.consume(bytes.len());
    (!bytes.is_empty()).then_some(bytes)
}

fn relay_input(mut console: ChildStdin) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if writeln!(console, "{line}")
            .and_then(|()| console.flush())
            .is_err()
        {
            break;
        }
    }
}

impl Ending {
    /// What QEMU's exit status says. The device makes `code << 1 | 1` of the guest's code, so that no code is 0.
    #[must_use]
    pub fn of(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match (status.code(), status.signal()) {
            (Some(code), _) if code == status_of(PASSED) => Self::Passed,
            (Some(code), _) if code == status_of(FAILED) => Self::Failed,
            (Some(code), _) => Self::Unexpected(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

const fn status_of(code: u8) -> i32 {
    (code as i32) << 1 | 1
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => out.write_str("the guest said that all went well"),
            Self::Failed => out.write_str("the guest said that something went wrong"),
            Self::Unexpected(code) => write!(
                out,
                "QEMU ended with status {code}, without a word of the guest"
            ),
            Self::Signal(signal) => write!(out, "signal {signal} ended QEMU"),
            Self::Stopped => out.write_str("it was ended from the keyboard"),
            Self::Stuck => out.write_str("QEMU closed the console and did not end"),
            Self::TimedOut(limit) => {
                write!(out, "the guest did not end within {} s", limit.as_secs())
            }
        }
    }
}

/// A command as one would type it.
#[must_use]
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,+=:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;

    /// A script that behaves like a machine.
    fn run(script: &str, limit: Duration) -> (Ending, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let qemu = folder.path().join("qemu");
        std::fs::write(&qemu, format!("#!/bin/sh\n{script}\n")).expect("writes");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&qemu, mode).expect("sets");
        let mut lines = Vec::new();
        let ending = machine().run(&qemu, limit, Input::None, &mut |line| {
            lines.push(line.to_owned());
        });
        (ending.expect("runs"), lines)
    }

    fn machine() -> Machine {
        Machine {
            kernel: "kernel32.elf".into(),
            root_task: "my root.elf".into(),
            memory_mib: 512,
            icount: true,
            gdb: false,
        }
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn only_the_device_with_the_right_code_passes() {
        for (code, ending) in [
            (33, Ending::Passed),
            (35, Ending::Failed),
            (0, Ending::Unexpected(0)),
            (1, Ending::Unexpected(1)),
            (32, Ending::Unexpected(32)),
            (37, Ending::Unexpected(37)),
        ] {
            assert_eq!(Ending::of(ExitStatus::from_raw(code << 8)), ending);
        }
        assert_eq!(Ending::of(ExitStatus::from_raw(9)), Ending::Signal(9));
    }

    #[test]
    fn lines_are_relayed_without_their_ends_and_the_status_is_read() {
        let (ending, lines) = run("printf 'one\\r\\ntwo\\n\\nlast'; exit 33", LONG);
        assert_eq!(lines, ["one", "two", "", "last"]);
        assert_eq!(ending, Ending::Passed);
    }

    #[test]
    fn silence_is_ended_when_the_time_is_up() {
        let limit = Duration::from_millis(200);
        let (ending, lines) = run("echo hello; exec sleep 1000", limit);
        assert_eq!(ending, Ending::TimedOut(limit));
        assert_eq!(lines, ["hello"]);
    }

    #[test]
    fn endless_talk_is_ended_when_the_time_is_up() {
        let limit = Duration::from_millis(200);
        let (ending, lines) = run("exec yes", limit);
        assert_eq!(ending, Ending::TimedOut(limit));
        assert!(lines.iter().all(|line| line == "y"));
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let (ending, lines) = run("head -c 20000 /dev/zero | tr '\\0' x; exit 35", LONG);
        assert_eq!(ending, Ending::Failed);
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [8192, 8192, 3616]
        );
    }

    #[test]
    fn a_machine_that_is_not_there_is_said_with_the_remedy() {
        let error = machine().run(Path::new("/no/such/qemu"), LONG, Input::None, &mut |_| ());
        let text = error.expect_err("it is not there").to_string();
        assert!(text.starts_with("cannot run /no/such/qemu: "), "{text}");
        assert!(text.contains("image/boot"), "{text}");
    }

    #[test]
    fn the_command_is_shown_as_one_would_type_it() {
        assert_eq!(
            shown(&machine().command(Path::new("qemu-system-x86_64"))),
            "qemu-system-x86_64 -cpu Haswell-noTSX,+fsgsbase,-pcid,-invpcid,-tsc-deadline -m 512M -display none -monitor none -serial stdio -nic none \
             -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=0x04 -icount shift=0,sleep=off -kernel kernel32.elf \
             -initrd 'my root.elf'"
        );
    }
}
