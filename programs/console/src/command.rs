//! What a line asks for.

use core::fmt;

use interfaces::limits::Rights;
use interfaces::{Limit, Resource, TaskId};

use crate::words::{duration, first_word, limit, number, one_word, task_id};

/// What `help` prints.
pub const HELP: &str = "\
ls [-l] [PATH]                 names in a directory of /cgroup, /limit or /proc
cat PATH                       a file of the trees
echo TEXT > PATH               writes a line to one; without `>`, prints it
mkdir PATH, rmdir PATH         a group below /cgroup
spawn [-g GROUP] PROGRAM ARGS  starts a program and prints its id
run [-g GROUP] PROGRAM ARGS    starts it, waits, and says how it ended
wait ID                        waits for the end of what was spawned here
tell ID WORDS                  tells a puppet what to do; `tell ID help`
ps, groups                     the tasks; the groups, and how full each is
top [TIMES]                    the groups, once a second, until a key
limit GROUP RESOURCE VALUE|max [soft]
move ID GROUP                  moves a task
freeze GROUP, thaw GROUP       stops everything in a group; lets it go on
kill ID, kill -g GROUP         ends a task, or a group with its receipt
watch GROUP, news, unwatch     what happens there; what has happened since
rights GROUP, whoami           who may do what; who this console is
grant ID GROUP RIGHT+RIGHT, revoke ID GROUP RIGHT+RIGHT|all
chmod MODE GROUP, chown UID:GID GROUP
audit                          compares the ledger with the kernel's objects
find LABEL, pool, programs     a group; the memory left; what can be spawned
time COMMAND, clock, sleep N   instructions it takes; now; N is 2, 0.5, 20ms
halt [0|1]                     ends the machine; 0 says that all went well
A GROUP is an id, a label, or a path below /cgroup. `NAME = COMMAND`, `$NAME`,
`!COMMAND` (is to fail) and `expect TEXT` as in a script. Ctrl-C: back here.
";

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "HELP says what each is")]
pub enum Command<'l> {
    Help,
    List {
        path: &'l str,
        /// Whether owner and mode of each group are shown.
        long: bool,
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
    Tell {
        task: TaskId,
        words: &'l str,
    },
    Tasks,
    Groups,
    /// So many times; until a key if none.
    Top {
        times: Option<u32>,
    },
    Limit {
        group: &'l str,
        resource: Resource,
        limit: Limit,
        soft: bool,
    },
    Move {
        task: TaskId,
        group: &'l str,
    },
    Freeze {
        group: &'l str,
    },
    Thaw {
        group: &'l str,
    },
    Watch {
        group: &'l str,
    },
    News,
    Unwatch,
    Rights {
        group: &'l str,
    },
    /// Rights of a task on a group, handed on or taken back.
    Grant {
        task: TaskId,
        group: &'l str,
        rights: Rights,
        back: bool,
    },
    Mode {
        mode: u16,
        group: &'l str,
    },
    Owner {
        uid: u32,
        gid: u32,
        group: &'l str,
    },
    WhoAmI,
    Find {
        label: &'l str,
    },
    Clock,
    Sleep {
        ns: u64,
    },
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
    /// No resource has this name.
    UnknownResource(&'l str),
}

impl fmt::Display for CommandError<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(out, "no command `{word}`: see help"),
            Self::Usage(usage) => write!(out, "usage: {usage}"),
            Self::UnknownResource(word) => {
                write!(out, "no resource `{word}`: see /proc/curproc/limit")
            }
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
        match word {
            "help" => none(Self::Help, "help"),
            "ls" => Self::list(rest).ok_or(CommandError::Usage("ls [-l] [PATH]")),
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
            "top" if rest.is_empty() => Ok(Self::Top { times: None }),
            "top" => one("top [TIMES]")
                .and_then(|times| number(times).ok_or(CommandError::Usage("top [TIMES]")))
                .map(|times| Self::Top { times: Some(times) }),
            "tell" => Self::tell(rest).ok_or(CommandError::Usage("tell ID WORDS")),
            "limit" => Self::limit(rest),
            "move" => Self::move_task(rest).ok_or(CommandError::Usage("move ID GROUP")),
            "freeze" => one("freeze GROUP").map(|group| Self::Freeze { group }),
            "thaw" => one("thaw GROUP").map(|group| Self::Thaw { group }),
            "watch" => one("watch GROUP").map(|group| Self::Watch { group }),
            "news" => none(Self::News, "news"),
            "unwatch" => none(Self::Unwatch, "unwatch"),
            "rights" => one("rights GROUP").map(|group| Self::Rights { group }),
            "grant" => Self::grant(rest, false).ok_or(CommandError::Usage(
                "grant ID GROUP RIGHT+RIGHT (see rights)",
            )),
            "revoke" => Self::grant(rest, true)
                .ok_or(CommandError::Usage("revoke ID GROUP RIGHT+RIGHT|all")),
            "chmod" => Self::mode(rest).ok_or(CommandError::Usage("chmod MODE GROUP")),
            "chown" => Self::owner(rest).ok_or(CommandError::Usage("chown UID:GID GROUP")),
            "whoami" => none(Self::WhoAmI, "whoami"),
            "find" => one("find LABEL").map(|label| Self::Find { label }),
            "clock" => none(Self::Clock, "clock"),
            "sleep" => one_word(rest)
                .and_then(duration)
                .map(|ns| Self::Sleep { ns })
                .ok_or(CommandError::Usage("sleep SECONDS (2, 0.5, 20ms, 300us)")),
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

    fn list(rest: &'l str) -> Option<Self> {
        let (first, after) = first_word(rest);
        let (long, path) = match first {
            "-l" => (true, after),
            _ => (false, rest),
        };
        let path = match path {
            "" => "/",
            path => one_word(path)?,
        };
        Some(Self::List { path, long })
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

    fn tell(rest: &'l str) -> Option<Self> {
        let (task, words) = first_word(rest);
        let task = one_word(task).and_then(task_id)?;
        (!words.is_empty()).then_some(Self::Tell { task, words })
    }

    fn move_task(rest: &'l str) -> Option<Self> {
        let (task, group) = first_word(rest);
        Some(Self::Move {
            task: one_word(task).and_then(task_id)?,
            group: one_word(group)?,
        })
    }

    fn grant(rest: &'l str, back: bool) -> Option<Self> {
        let (task, rest) = first_word(rest);
        let (group, list) = first_word(rest);
        let named = one_word(list)?.split('+').map(Rights::by_name);
        Some(Self::Grant {
            task: task_id(task).filter(|_| !task.is_empty())?,
            group,
            rights: named.reduce(|all, one| Some(all?.union(one?)))??,
            back,
        })
    }

    fn mode(rest: &'l str) -> Option<Self> {
        let (mode, group) = first_word(rest);
        let digits = mode.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self::Mode {
            mode: u16::from_str_radix(mode, 8).ok().filter(|_| digits)?,
            group: one_word(group)?,
        })
    }

    fn owner(rest: &'l str) -> Option<Self> {
        let (owner, group) = first_word(rest);
        let (uid, gid) = owner.split_once(':')?;
        Some(Self::Owner {
            uid: number(uid)?,
            gid: number(gid)?,
            group: one_word(group)?,
        })
    }

    fn limit(rest: &'l str) -> Result<Self, CommandError<'l>> {
        let usage = CommandError::Usage("limit GROUP RESOURCE VALUE|max [soft]");
        let (group, rest) = first_word(rest);
        let (resource, rest) = first_word(rest);
        let (value, soft) = first_word(rest);
        if value.is_empty() || !matches!(soft, "" | "soft") {
            return Err(usage);
        }
        Ok(Self::Limit {
            group,
            resource: Resource::by_name(resource).ok_or(CommandError::UnknownResource(resource))?,
            limit: limit(value).ok_or(usage)?,
            soft: soft == "soft",
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
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn commands_and_what_follows_them() {
        for (line, command) in [
            (
                "ls",
                Command::List {
                    path: "/",
                    long: false,
                },
            ),
            (
                " ls  -l /limit ",
                Command::List {
                    path: "/limit",
                    long: true,
                },
            ),
            ("ps", Command::Tasks),
            ("top", Command::Top { times: None }),
            ("top 3", Command::Top { times: Some(3) }),
            ("freeze pen", Command::Freeze { group: "pen" }),
            (
                "grant 7 pen see+kill",
                Command::Grant {
                    task: id(7, 0),
                    group: "pen",
                    rights: Rights::SEE.union(Rights::KILL),
                    back: false,
                },
            ),
            (
                "chmod 0640 pen",
                Command::Mode {
                    mode: 0o640,
                    group: "pen",
                },
            ),
            (
                "chown 7:8 pen",
                Command::Owner {
                    uid: 7,
                    gid: 8,
                    group: "pen",
                },
            ),
            ("sleep 20ms", Command::Sleep { ns: 20_000_000 }),
            (
                "tell 7.1 region  5",
                Command::Tell {
                    task: id(7, 1),
                    words: "region  5",
                },
            ),
            (
                "move 7 pen",
                Command::Move {
                    task: id(7, 0),
                    group: "pen",
                },
            ),
            (
                "limit pen frames max soft",
                Command::Limit {
                    group: "pen",
                    resource: Resource::Frames,
                    limit: Limit::Max,
                    soft: true,
                },
            ),
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
            ("freeze", "usage: freeze GROUP"),
            ("tell 7", "usage: tell ID WORDS"),
            (
                "grant 7 pen fly",
                "usage: grant ID GROUP RIGHT+RIGHT (see rights)",
            ),
            (
                "grant 7 pen",
                "usage: grant ID GROUP RIGHT+RIGHT (see rights)",
            ),
            ("revoke 7 all", "usage: revoke ID GROUP RIGHT+RIGHT|all"),
            ("chmod 778 pen", "usage: chmod MODE GROUP"),
            ("chmod 7", "usage: chmod MODE GROUP"),
            ("chown 1 pen", "usage: chown UID:GID GROUP"),
            ("chown :1 pen", "usage: chown UID:GID GROUP"),
            ("tell x help", "usage: tell ID WORDS"),
            ("top x", "usage: top [TIMES]"),
            ("move 7", "usage: move ID GROUP"),
            ("sleep -1", "usage: sleep SECONDS (2, 0.5, 20ms, 300us)"),
            (
                "limit pen tasks x",
                "usage: limit GROUP RESOURCE VALUE|max [soft]",
            ),
            (
                "limit pen goats 1",
                "no resource `goats`: see /proc/curproc/limit",
            ),
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
