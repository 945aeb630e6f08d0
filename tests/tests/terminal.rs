//! The console at a real terminal of 80 columns and 24 lines: `image/boot` in a tmux of its own, and what it shows.
//!
//! Ignored where there is no tmux.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use image::workspace::Workspace;
use libtest_mimic::{Arguments, Failed, Trial};

/// How long the system may take to be built and to run its demonstration.
const BOOT: Duration = Duration::from_mins(15);
/// How long anything else may take.
const ANSWER: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.quiet = false;
    let there = Command::new("tmux").arg("-V").output().is_ok();
    let trial = Trial::test(
        "terminal::top_is_live_and_control_c_comes_back_to_the_prompt",
        top_and_control_c,
    );
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(!there)]).exit_code()
}

/// A terminal with the system in it. Gone with its value.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn open() -> Result<Self, Failed> {
        let terminal = Self {
            socket: format!("hurdle-{}", std::process::id()),
        };
        let boot = Workspace::here().root().join("image/boot");
        let command = format!("{}; sleep 60", quoted(&boot));
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "-s",
            "t",
            &command,
        ])?;
        Ok(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String, Failed> {
        let output = Command::new("tmux")
            .args(["-L", &self.socket])
            .args(arguments)
            // As if a person typed it, without what Cargo tells its tests.
            .env_remove("CARGO_MANIFEST_DIR")
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("tmux: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn screen(&self) -> Result<String, Failed> {
        self.tmux(&["capture-pane", "-p", "-t", "t"])
    }

    fn press(&self, keys: &[&str]) -> Result<(), Failed> {
        self.tmux(&[&["send-keys", "-t", "t"], keys].concat())
            .map(|_| ())
    }

    /// The screen once it is as it should be.
    fn until(
        &self,
        what: &str,
        patience: Duration,
        good: impl Fn(&str) -> bool,
    ) -> Result<String, Failed> {
        let begun = Instant::now();
        loop {
            let screen = self.screen()?;
            if good(&screen) {
                return Ok(screen);
            }
            if begun.elapsed() > patience {
                return Err(format!("never: {what}; the screen is\n{screen}").into());
            }
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

fn last_line(screen: &str) -> &str {
    let mut lines = screen.lines().filter(|line| !line.trim().is_empty());
    lines.next_back().unwrap_or_default().trim_end()
}

fn top_and_control_c() -> Result<(), Failed> {
    let terminal = Terminal::open()?;
    let prompt = |screen: &str| last_line(screen) == "hurdle>";
    terminal.until("a prompt", BOOT, prompt)?;

    terminal.press(&["top", "Enter"])?;
    let first = terminal.until("top", ANSWER, |screen| {
        last_line(screen) == "any key ends this"
    })?;
    let lines: Vec<&str> = first.lines().collect();
    let title = lines.first().copied().unwrap_or_default();
    if !(title.starts_with("hurdle ") && title.ends_with("pages free")) {
        return Err(format!("the title is not in the first line:\n{first}").into());
    }
    let head = lines.get(1).copied().unwrap_or_default();
    if !head.starts_with("group ") || !lines.iter().any(|line| line.starts_with("root ")) {
        return Err(format!("the table is not below it:\n{first}").into());
    }
    // What is too wide would stand in two lines, so that a group's would not begin with its name.
    let rows = lines
        .iter()
        .skip(2)
        .take_while(|line| !line.starts_with("any key"));
    for row in rows {
        let words = row.split_whitespace().count();
        if words < 5 || row.chars().count() > 80 {
            return Err(format!("not a row of the table: {row:?}\n{first}").into());
        }
    }
    let shown = title.to_owned();
    terminal.until("a second picture, by itself", ANSWER, |screen| {
        screen
            .lines()
            .next()
            .is_some_and(|line| line.starts_with("hurdle ") && line != shown.as_str())
    })?;
    terminal.press(&["q"])?;
    terminal.until("the prompt after top", ANSWER, prompt)?;

    terminal.press(&["run puppet spin", "Enter"])?;
    terminal.until("a program that never ends", ANSWER, |screen| {
        screen.contains("spins")
    })?;
    terminal.press(&["C-c"])?;
    terminal.until("the prompt after Ctrl-C", ANSWER, |screen| {
        screen.contains("interrupted: ") && prompt(screen)
    })?;
    terminal.press(&["halt", "Enter"])
}
