//! Running the tools: quietly if they succeed, with their last words if they do not.

use std::process::{Command, Stdio};

use crate::BuildError;

/// How many lines of a failed command's output are shown: the first error of a compiler usually is among them.
const TAIL_LINES: usize = 30;

/// Runs `command` and gives back what it printed to its standard output.
pub(crate) fn run(doing: &str, command: &mut Command) -> Result<Vec<u8>, BuildError> {
    // Python would leave its compiled files beside the scripts, and a user's own settings must not reach the build.
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("PYTHONPATH")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    let program = command.get_program().to_string_lossy().into_owned();
    let described = format!("{doing} ({program})");
    let output = command.output().map_err(|error| BuildError::Command {
        command: described.clone(),
        status: error.to_string(),
        tail: String::new(),
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.trim().is_empty() {
        said = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    Err(BuildError::Command {
        command: described,
        status: output.status.to_string(),
        tail: tail(&said),
    })
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let skipped = lines.len().saturating_sub(TAIL_LINES);
    lines
        .into_iter()
        .skip(skipped)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_was_done_and_what_was_said() {
        let error = run(
            "trying",
            Command::new("sh").args(["-c", "echo first >&2; exit 3"]),
        )
        .expect_err("it exits with 3");
        assert_eq!(
            error.to_string(),
            "trying (sh) failed (exit status: 3):\nfirst"
        );
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        let tail = tail(&lines.join("\n"));
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.ends_with("line 99"));
    }
}
