//! What a line asks for.

use core::fmt;

use interfaces::TaskId;

use crate::words::{first_word, one_word, task_id};

/// What `help` prints.
pub const HELP: &str = "\
ls [PATH]                      names in a directory of /cgroup, /limit or /proc
cat PATH                       a file of the trees
echo TEXT > PATH               writes a line to one; without `>`, prints it
mkdir PATH, rmdir PATH         a group below /cgroup
spawn [-g GROUP] PROGRAM ARGS  starts a program and prints its id
run [-g GROUP] PROGRAM ARGS    starts it, waits, and says how it ended
wait ID                        waits for the end of what was spawned here
ps                             the tasks
groups                         the groups as a tree, and how full each is
top                            the same until q; any other key draws it anew, as
                               there is no clock yet
kill ID, kill -g GROUP         ends a task, or a group with its receipt
audit                          compares the ledger with the kernel's objects
pool                           the memory that is left
programs                       what can be spawned
time COMMAND                   how many instructions it takes
halt [0|1]                     ends the machine; 0 says that all went well
A GROUP is an id, a label, or a path below /cgroup. `NAME = COMMAND`, `$NAME`,
`!COMMAND` (is to fail) and `expect TEXT` work as they do in a script. Up and
down: the lines before. Ctrl-C gives a line up, Ctrl-D on an empty one halts.
Not served yet: freeze, thaw, watch, tell, sleep.
";

/// What nothing serves yet, and what each would need.
const NOT_SERVED: [(&str, &str); 5] = [
    ("freeze", "freezing a group"),
    ("thaw", "freezing a group"),
    ("watch", "events of a group"),
    ("tell", "messages between tasks"),
    ("sleep", "a clock"),
];

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "HELP says what each is")]
pub enum Command<'l> {
    Help,
    List {
        path: &'l str,
    },
    Show {
        path: &'l str,
    },
    /// A line, for a file or for the screen.
    Echo {
        text: &'l str,
        path: Option<&'l str>,
    },
    MakeDirectory {
        path: &'l str,
    },
    RemoveDirectory {
        path: &'l str,
    },
    Spawn {
        group: Option<&'l str>,
        program: &'l str,
        arguments: &'l str,
        /// Whether its end is waited for.
        wait: bool,
    },
    Wait {
        task: TaskId,
    },
    Tasks,
    Groups,
    Top,
    KillTask {
        task: TaskId,
    },
    KillGroup {
        group: &'l str,
    },
    Audit,
    Pool,
    Programs,
    Time {
        command: &'l str,
    },
    Halt {
        passed: bool,
    },
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError<'l> {
    /// No command has this name.
    Unknown(&'l str),
    /// The words after it do not fit: so it is used.
    Usage(&'static str),
    /// Nothing serves it yet.
    NotServed(&'static str),
}

impl fmt::Display for CommandError<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(out, "no command `{word}`: see help"),
            Self::Usage(usage) => write!(out, "usage: {usage}"),
            Self::NotServed(what) => write!(out, "not served yet: {what}"),
        }
    }
}

impl<'l> Command<'l> {
    /// What a line asks for.
    pub fn parse(line: &'l str) -> Result<Self, CommandError<'l>> {
        let (word, rest) = first_word(line);
        let one = |usage| one_word(rest).ok_or(CommandError::Usage(usage));
        let none = |command, usage| {
            if rest.is_empty() {
                Ok(command)
            } else {
                Err(CommandError::Usage(usage))
            }
        };
        if let Some((_, what)) = NOT_SERVED.iter().find(|(name, _)| *name == word) {
            return Err(CommandError::NotServed(what));
        }
        match word {
            "help" => none(Self::Help, "help"),
            "ls" if rest.is_empty() => Ok(Self::List { path: "/" }),
            "ls" => one("ls [PATH]").map(|path| Self::List { path }),
            "cat" => one("cat PATH").map(|path| Self::Show { path }),
            "echo" => Self::echo(rest),
            "mkdir" => one("mkdir PATH").map(|path| Self::MakeDirectory { path }),
            "rmdir" => one("rmdir PATH").map(|path| Self::RemoveDirectory { path }),
            "spawn" => Self::spawn(rest, false, "spawn [-g GROUP] PROGRAM ARGS"),
            "run" => Self::spawn(rest, true, "run [-g GROUP] PROGRAM ARGS"),
            "wait" => task_id(rest)
                .map(|task| Self::Wait { task })
                .ok_or(CommandError::Usage("wait ID")),
            "ps" => none(Self::Tasks, "ps"),
            "groups" => none(Self::Groups, "groups"),
            "top" => none(Self::Top, "top"),
            "kill" => Self::kill(rest),
            "audit" => none(Self::Audit, "audit"),
            "pool" => none(Self::Pool, "pool"),
            "programs" => none(Self::Programs, "programs"),
            "time" if !rest.is_empty() => Ok(Self::Time { command: rest }),
            "time" => Err(CommandError::Usage("time COMMAND")),
            "halt" => match rest {
                "" | "0" => Ok(Self::Halt { passed: true }),
                "1" => Ok(Self::Halt { passed: false }),
                _ => Err(CommandError::Usage("halt [0|1]")),
            },
            _ => Err(CommandError::Unknown(word)),
        }
    }

    fn echo(rest: &'l str) -> Result<Self, CommandError<'l>> {
        // The last one counts, so that a text can have others in it.
        let Some((text, path)) = rest.rsplit_once('>') else {
            return Ok(Self::Echo {
                text: rest,
                path: None,
            });
        };
        let path = one_word(path).ok_or(CommandError::Usage("echo TEXT > PATH"))?;
        Ok(Self::Echo {
            text: text.trim_end(),
            path: Some(path),
        })
    }

    fn spawn(rest: &'l str, wait: bool, usage: &'static str) -> Result<Self, CommandError<'l>> {
        let (mut program, mut arguments) = first_word(rest);
        let mut group = None;
        if program == "-g" {
            let (label, after) = first_word(arguments);
            group = Some(label);
            (program, arguments) = first_word(after);
        }
        if program.is_empty() || group == Some("") {
            return Err(CommandError::Usage(usage));
        }
        Ok(Self::Spawn {
            group,
            program,
            arguments,
            wait,
        })
    }

    fn kill(rest: &'l str) -> Result<Self, CommandError<'l>> {
        let usage = CommandError::Usage("kill ID | kill -g GROUP");
        match first_word(rest) {
            ("-g", group) => one_word(group)
                .map(|group| Self::KillGroup { group })
                .ok_or(usage),
            _ => task_id(rest)
                .map(|task| Self::KillTask { task })
                .ok_or(usage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u32, generation: u32) -> TaskId {
        TaskId { index, generation }
    }

    #[test]
    fn commands_and_what_follows_them() {
        for (line, command) in [
            ("ls", Command::List { path: "/" }),
            (" ls  /limit ", Command::List { path: "/limit" }),
            ("ps", Command::Tasks),
            ("wait 7.12", Command::Wait { task: id(7, 12) }),
            ("kill 7", Command::KillTask { task: id(7, 0) }),
            ("kill -g bomb", Command::KillGroup { group: "bomb" }),
            ("time run nap", Command::Time { command: "run nap" }),
            ("halt 1", Command::Halt { passed: false }),
            (
                "echo mproc 20 > /limit/ctl",
                Command::Echo {
                    text: "mproc 20",
                    path: Some("/limit/ctl"),
                },
            ),
            (
                "echo a > b >/c",
                Command::Echo {
                    text: "a > b",
                    path: Some("/c"),
                },
            ),
            (
                "spawn -g 7.2  worker  10 x",
                Command::Spawn {
                    group: Some("7.2"),
                    program: "worker",
                    arguments: "10 x",
                    wait: false,
                },
            ),
            (
                "run nap",
                Command::Spawn {
                    group: None,
                    program: "nap",
                    arguments: "",
                    wait: true,
                },
            ),
        ] {
            assert_eq!(Command::parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_is_told_in_a_line() {
        for (line, told) in [
            ("nonsense", "no command `nonsense`: see help"),
            ("kill", "usage: kill ID | kill -g GROUP"),
            ("kill +7", "usage: kill ID | kill -g GROUP"),
            ("kill -g", "usage: kill ID | kill -g GROUP"),
            ("wait 4294967296", "usage: wait ID"),
            ("wait 7.", "usage: wait ID"),
            ("spawn -g bomb", "usage: spawn [-g GROUP] PROGRAM ARGS"),
            ("echo x >", "usage: echo TEXT > PATH"),
            ("ps all", "usage: ps"),
            ("halt 2", "usage: halt [0|1]"),
            ("freeze 7", "not served yet: freezing a group"),
        ] {
            let error = Command::parse(line).unwrap_err();
            assert_eq!(error.to_string(), told, "{line}");
        }
    }

    #[test]
    fn help_names_every_command_in_eighty_columns() {
        assert!(HELP.lines().all(|line| line.len() <= 80));
        for word in ["ls", "mkdir", "top", "freeze", "halt"] {
            assert!(HELP.contains(word));
        }
    }
}
