//! What a puppet is told to do.

use core::fmt;

use interfaces::{GroupId, Limit, Resource, TaskId};

use super::hands::Peer;
use crate::words::{any_number, first_word, group_id, limit, number, one_word, task_id};

/// The most bytes that `raw` sends.
pub const RAW_BYTES: usize = 64;

/// A group, as it was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'l> {
    /// The puppet's own (`.`).
    Own,
    /// By its id.
    Id(GroupId),
    /// By its label.
    Label(&'l str),
}

impl<'l> Named<'l> {
    fn of(word: &'l str) -> Option<Self> {
        match (word, group_id(word)) {
            ("" | "-g", _) => None,
            (".", _) => Some(Self::Own),
            (_, Some(group)) => Some(Self::Id(group)),
            // A misspelt id is not a label.
            _ if word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.') =>
            {
                None
            }
            _ => Some(Self::Label(word)),
        }
    }
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the puppet's help says what each is")]
pub enum Order<'l> {
    Help,
    Spawn {
        group: Option<Named<'l>>,
        program: &'l str,
        arguments: &'l str,
    },
    Thread,
    Region {
        pages: u32,
    },
    /// The first `count` pages, or all.
    Touch {
        region: usize,
        count: Option<u32>,
    },
    Free {
        region: usize,
    },
    Open {
        label: &'l str,
    },
    Enter {
        group: Named<'l>,
    },
    Limit {
        group: Named<'l>,
        resource: Resource,
        limit: Limit,
        soft: bool,
    },
    Read {
        group: Named<'l>,
    },
    KillTask {
        task: TaskId,
    },
    KillGroup {
        group: Named<'l>,
    },
    Wait {
        task: TaskId,
    },
    Exit {
        code: i32,
    },
    Spin,
    Fault,
    Raw {
        server: Peer,
        label: u64,
        bytes: heapless::Vec<u8, RAW_BYTES>,
    },
    Slots,
}

/// Why a line is no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderError<'l> {
    /// No order has this name.
    Unknown(&'l str),
    /// The words after it do not fit: so it is used.
    Usage(&'static str),
    /// No resource has this name.
    UnknownResource(&'l str),
}

impl fmt::Display for OrderError<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown("") => out.write_str("told nothing: see help"),
            Self::Unknown(word) => write!(out, "no order `{word}`: see help"),
            Self::Usage(usage) => write!(out, "usage: {usage}"),
            Self::UnknownResource(word) => {
                write!(out, "no resource `{word}`: there are")?;
                let mut separator = " ";
                for resource in Resource::ALL {
                    write!(out, "{separator}{resource}")?;
                    separator = ", ";
                }
                Ok(())
            }
        }
    }
}

impl<'l> Order<'l> {
    /// What a line says.
    ///
    /// # Errors
    ///
    /// [`OrderError`] if it is not exactly an order.
    pub fn parse(line: &'l str) -> Result<Self, OrderError<'l>> {
        let (word, rest) = first_word(line);
        match word {
            "help" => none(rest, Self::Help, "help"),
            "spawn" => Self::spawn(rest).ok_or(OrderError::Usage("spawn [-g GROUP] PROGRAM ARGS")),
            "thread" => none(rest, Self::Thread, "thread"),
            "region" => one_word(rest)
                .and_then(number)
                .map(|pages| Self::Region { pages })
                .ok_or(OrderError::Usage("region PAGES")),
            "touch" => Self::touch(rest).ok_or(OrderError::Usage("touch REGION [N]")),
            "free" => one_word(rest)
                .and_then(number)
                .map(|region| Self::Free { region })
                .ok_or(OrderError::Usage("free REGION")),
            "open" => one_word(rest)
                .map(|label| Self::Open { label })
                .ok_or(OrderError::Usage("open LABEL")),
            "enter" => one_word(rest)
                .and_then(Named::of)
                .map(|group| Self::Enter { group })
                .ok_or(OrderError::Usage("enter GROUP")),
            "limit" => Self::limit(rest),
            "read" if rest.is_empty() => Ok(Self::Read { group: Named::Own }),
            "read" => one_word(rest)
                .and_then(Named::of)
                .map(|group| Self::Read { group })
                .ok_or(OrderError::Usage("read [GROUP]")),
            "kill" => Self::kill(rest).ok_or(OrderError::Usage("kill TASK | kill [-g] GROUP")),
            "wait" => one_word(rest)
                .and_then(task_id)
                .map(|task| Self::Wait { task })
                .ok_or(OrderError::Usage("wait TASK")),
            "exit" if rest.is_empty() => Ok(Self::Exit { code: 0 }),
            "exit" => one_word(rest)
                .and_then(|code| code.parse().ok())
                .map(|code| Self::Exit { code })
                .ok_or(OrderError::Usage("exit [CODE]")),
            "spin" => none(rest, Self::Spin, "spin"),
            "fault" => none(rest, Self::Fault, "fault"),
            "raw" => Self::raw(rest).ok_or(OrderError::Usage(
                "raw proc|memory|limits|console LABEL BYTES (two hexadecimal digits each)",
            )),
            "slots" => none(rest, Self::Slots, "slots"),
            _ => Err(OrderError::Unknown(word)),
        }
    }

    fn spawn(rest: &'l str) -> Option<Self> {
        let (mut program, mut arguments) = first_word(rest);
        let mut group = None;
        if program == "-g" {
            let (name, after) = first_word(arguments);
            group = Some(Named::of(name)?);
            (program, arguments) = first_word(after);
        }
        (!program.is_empty()).then_some(Self::Spawn {
            group,
            program,
            arguments,
        })
    }

    fn touch(rest: &'l str) -> Option<Self> {
        let (region, count) = first_word(rest);
        let region = one_word(region).and_then(number)?;
        let count = match count {
            "" => None,
            count => Some(number(count)?),
        };
        Some(Self::Touch { region, count })
    }

    fn limit(rest: &'l str) -> Result<Self, OrderError<'l>> {
        const USAGE: OrderError<'static> =
            OrderError::Usage("limit GROUP RESOURCE VALUE|max [soft]");
        let (group, rest) = first_word(rest);
        let (resource, rest) = first_word(rest);
        let (value, soft) = first_word(rest);
        let group = Named::of(group).ok_or(USAGE)?;
        if value.is_empty() || !matches!(soft, "" | "soft") {
            return Err(USAGE);
        }
        let resource = Resource::by_name(resource).ok_or(OrderError::UnknownResource(resource))?;
        Ok(Self::Limit {
            group,
            resource,
            limit: limit(value).ok_or(USAGE)?,
            soft: soft == "soft",
        })
    }

    fn kill(rest: &'l str) -> Option<Self> {
        let (word, after) = first_word(rest);
        if word == "-g" {
            let group = Named::of(one_word(after)?)?;
            return Some(Self::KillGroup { group });
        }
        let word = one_word(rest)?;
        match task_id(word) {
            Some(task) => Some(Self::KillTask { task }),
            None => Named::of(word).map(|group| Self::KillGroup { group }),
        }
    }

    fn raw(rest: &'l str) -> Option<Self> {
        let (server, rest) = first_word(rest);
        let (label, rest) = first_word(rest);
        let mut bytes = heapless::Vec::new();
        for word in rest.split(' ').filter(|word| !word.is_empty()) {
            let digits = word.bytes().all(|byte| byte.is_ascii_hexdigit());
            let byte = u8::from_str_radix(word, 16).ok().filter(|_| digits)?;
            bytes.push(byte).ok()?;
        }
        Some(Self::Raw {
            server: Peer::by_name(server)?,
            label: any_number(label).filter(|_| !label.is_empty())?,
            bytes,
        })
    }
}

fn none<'l>(
    rest: &str,
    order: Order<'l>,
    usage: &'static str,
) -> Result<Order<'l>, OrderError<'l>> {
    if rest.is_empty() {
        Ok(order)
    } else {
        Err(OrderError::Usage(usage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(index: u32) -> GroupId {
        GroupId {
            index,
            generation: 0,
        }
    }

    fn task(index: u32, generation: u32) -> TaskId {
        TaskId { index, generation }
    }

    #[test]
    fn every_order_of_the_issue() {
        for (line, order) in [
            ("help", Order::Help),
            (
                "spawn worker 10 x",
                Order::Spawn {
                    group: None,
                    program: "worker",
                    arguments: "10 x",
                },
            ),
            (
                "spawn -g pen bomb",
                Order::Spawn {
                    group: Some(Named::Label("pen")),
                    program: "bomb",
                    arguments: "",
                },
            ),
            ("thread", Order::Thread),
            ("region 5", Order::Region { pages: 5 }),
            (
                "touch 0",
                Order::Touch {
                    region: 0,
                    count: None,
                },
            ),
            (
                "touch 1 3",
                Order::Touch {
                    region: 1,
                    count: Some(3),
                },
            ),
            ("free 1", Order::Free { region: 1 }),
            ("open pen", Order::Open { label: "pen" }),
            (
                "enter 7",
                Order::Enter {
                    group: Named::Id(group(7)),
                },
            ),
            (
                "limit . tasks max",
                Order::Limit {
                    group: Named::Own,
                    resource: Resource::Tasks,
                    limit: Limit::Max,
                    soft: false,
                },
            ),
            (
                "limit pen kernel-memory 12 soft",
                Order::Limit {
                    group: Named::Label("pen"),
                    resource: Resource::KernelMemory,
                    limit: Limit::At(12),
                    soft: true,
                },
            ),
            ("read", Order::Read { group: Named::Own }),
            (
                "read 7",
                Order::Read {
                    group: Named::Id(group(7)),
                },
            ),
            ("kill 7.3", Order::KillTask { task: task(7, 3) }),
            (
                "kill pen",
                Order::KillGroup {
                    group: Named::Label("pen"),
                },
            ),
            (
                "kill -g 7",
                Order::KillGroup {
                    group: Named::Id(group(7)),
                },
            ),
            ("wait 7", Order::Wait { task: task(7, 0) }),
            ("exit", Order::Exit { code: 0 }),
            ("exit -3", Order::Exit { code: -3 }),
            ("spin", Order::Spin),
            ("fault", Order::Fault),
            (
                "raw limits 0x10100 01 fF",
                Order::Raw {
                    server: Peer::Limits,
                    label: 0x1_0100,
                    bytes: heapless::Vec::from_slice(&[1, 255]).unwrap(),
                },
            ),
            ("slots", Order::Slots),
        ] {
            assert_eq!(Order::parse(line), Ok(order), "{line}");
        }
    }

    #[test]
    fn what_is_no_order_is_told_in_a_line() {
        for (line, told) in [
            ("", "told nothing: see help"),
            ("dance", "no order `dance`: see help"),
            ("spawn", "usage: spawn [-g GROUP] PROGRAM ARGS"),
            ("spawn -g", "usage: spawn [-g GROUP] PROGRAM ARGS"),
            ("spawn -g pen", "usage: spawn [-g GROUP] PROGRAM ARGS"),
            ("spawn -g 7. nap", "usage: spawn [-g GROUP] PROGRAM ARGS"),
            ("thread 1", "usage: thread"),
            ("region", "usage: region PAGES"),
            ("region -1", "usage: region PAGES"),
            ("region 4294967296", "usage: region PAGES"),
            ("touch", "usage: touch REGION [N]"),
            ("touch 0 1 2", "usage: touch REGION [N]"),
            ("open a b", "usage: open LABEL"),
            ("enter", "usage: enter GROUP"),
            (
                "limit pen tasks",
                "usage: limit GROUP RESOURCE VALUE|max [soft]",
            ),
            (
                "limit pen tasks -1",
                "usage: limit GROUP RESOURCE VALUE|max [soft]",
            ),
            (
                "limit pen tasks 18446744073709551616",
                "usage: limit GROUP RESOURCE VALUE|max [soft]",
            ),
            (
                "limit pen tasks 1 hard",
                "usage: limit GROUP RESOURCE VALUE|max [soft]",
            ),
            ("kill", "usage: kill TASK | kill [-g] GROUP"),
            ("kill 7 8", "usage: kill TASK | kill [-g] GROUP"),
            ("kill -g", "usage: kill TASK | kill [-g] GROUP"),
            ("kill 7..", "usage: kill TASK | kill [-g] GROUP"),
            ("wait pen", "usage: wait TASK"),
            ("exit x", "usage: exit [CODE]"),
        ] {
            let error = Order::parse(line).unwrap_err();
            assert_eq!(error.to_string(), told, "{line}");
        }
        let error = Order::parse("limit pen goats 1").unwrap_err().to_string();
        assert!(
            error.starts_with("no resource `goats`: there are groups, tasks,"),
            "{error}"
        );
        let long = format!("raw proc 1{}", " 00".repeat(RAW_BYTES + 1));
        for bad in [
            "raw nobody 1",
            "raw proc",
            "raw proc 1 +1",
            "raw proc 1 100",
            &long,
        ] {
            let error = Order::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("usage: raw proc|"), "{bad}: {error}");
        }
    }
}
