//! What a watcher is told, in words: a line for each event, and one for each thing that is there already.

use core::fmt;

use interfaces::events::{Ending, Event, Hit, Item, Kind};

/// An event as a line: its kind's name first.
#[derive(Clone, Copy, Debug)]
pub struct News(pub Event);

impl fmt::Display for News {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Born {
                task,
                group,
                parent,
            } => {
                write!(out, "{}: task {task} in group {group}", Kind::Born.name())?;
                optional(out, ", child of task", parent)
            }
            Event::Died {
                task,
                group,
                ending,
            } => write!(
                out,
                "{}: task {task} in group {group} {}",
                Kind::Died.name(),
                End(ending)
            ),
            Event::Arrived { task, group, from } => {
                write!(
                    out,
                    "{}: task {task} in group {group}",
                    Kind::Arrived.name()
                )?;
                optional(out, ", from group", from)
            }
            Event::Left { task, group, to } => {
                write!(out, "{}: task {task} group {group}", Kind::Left.name())?;
                optional(out, ", for group", to)
            }
            Event::Opened { group, parent, by } => {
                write!(
                    out,
                    "{}: group {group} in group {parent}",
                    Kind::Opened.name()
                )?;
                optional(out, ", by task", by)
            }
            Event::Gone { group } => write!(out, "{}: group {group}", Kind::Gone.name()),
            Event::SoftLimit { group, hit } => {
                write!(
                    out,
                    "{}: group {group}: {}",
                    Kind::SoftLimit.name(),
                    Numbers(hit)
                )
            }
            Event::HardLimit { group, hit } => {
                write!(
                    out,
                    "{}: group {group}: {}",
                    Kind::HardLimit.name(),
                    Numbers(hit)
                )
            }
            Event::Frozen { group, depth } => {
                write!(out, "{}: group {group}, {depth} times", Kind::Frozen.name())
            }
            Event::Thawed { group, depth } => write!(
                out,
                "{}: group {group}, {depth} times to go",
                Kind::Thawed.name()
            ),
            Event::Killing { group, by } => {
                write!(out, "{}: group {group}", Kind::Killing.name())?;
                optional(out, ", by task", by)
            }
            Event::Returned {
                group,
                resource,
                held,
                returned,
            } => write!(
                out,
                "{}: group {group}: {returned} of {held} {resource}",
                Kind::Returned.name()
            ),
            Event::Killed { group, .. } => {
                write!(out, "{}: group {group}", Kind::Killed.name())
            }
            Event::Over { group } => write!(out, "{}: group {group}", Kind::Over.name()),
        }
    }
}

/// What is there when a watch begins, as a line.
#[derive(Clone, Copy, Debug)]
pub struct There(pub Item);

impl fmt::Display for There {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Item::Group { group, parent, .. } => {
                write!(out, "there: group {group}")?;
                optional(out, " in group", parent)
            }
            Item::Task { task, group, .. } => write!(out, "there: task {task} in group {group}"),
        }
    }
}

struct End(Ending);

impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ending::NeverRan => out.write_str("never ran"),
            Ending::Exited { code } => write!(out, "exited with code {code}"),
            Ending::Killed { by } => {
                out.write_str("was killed")?;
                optional(out, " by task", by)
            }
            Ending::GroupKilled { group } => {
                out.write_str("was killed")?;
                optional(out, " with group", group)
            }
            Ending::Fault { why, at } => write!(out, "could not go on: {why:?} at {at:#x}"),
        }
    }
}

struct Numbers(Hit);

impl fmt::Display for Numbers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hit {
            resource,
            limit,
            used,
            asked,
        } = self.0;
        write!(out, "{asked} {resource} asked with {used} of {limit} used")
    }
}

fn optional(
    out: &mut fmt::Formatter<'_>,
    what: &str,
    id: Option<impl fmt::Display>,
) -> fmt::Result {
    id.map_or(Ok(()), |id| write!(out, "{what} {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use interfaces::{GroupId, Resource, TaskId};

    const GROUP: GroupId = GroupId {
        index: 7,
        generation: 2,
    };
    const TASK: TaskId = TaskId {
        index: 3,
        generation: 0,
    };

    #[test]
    fn each_event_is_a_line_that_begins_with_its_kind() {
        for (event, line) in [
            (
                Event::Born {
                    task: TASK,
                    group: GROUP,
                    parent: Some(TASK),
                },
                "born: task 3 in group 7.2, child of task 3",
            ),
            (
                Event::Died {
                    task: TASK,
                    group: GROUP,
                    ending: Ending::Exited { code: -1 },
                },
                "died: task 3 in group 7.2 exited with code -1",
            ),
            (
                Event::Died {
                    task: TASK,
                    group: GROUP,
                    ending: Ending::Killed { by: None },
                },
                "died: task 3 in group 7.2 was killed",
            ),
            (
                Event::Opened {
                    group: GROUP,
                    parent: GroupId::ROOT,
                    by: None,
                },
                "opened: group 7.2 in group 1",
            ),
            (Event::Gone { group: GROUP }, "gone: group 7.2"),
            (
                Event::HardLimit {
                    group: GROUP,
                    hit: Hit {
                        resource: Resource::Tasks,
                        limit: 2,
                        used: 2,
                        asked: 1,
                    },
                },
                "hard-limit: group 7.2: 1 tasks asked with 2 of 2 used",
            ),
            (
                Event::Returned {
                    group: GROUP,
                    resource: Resource::Frames,
                    held: 5,
                    returned: 5,
                },
                "returned: group 7.2: 5 of 5 frames",
            ),
            (
                Event::Frozen {
                    group: GROUP,
                    depth: 2,
                },
                "frozen: group 7.2, 2 times",
            ),
        ] {
            assert_eq!(News(event).to_string(), line);
        }
    }

    #[test]
    fn what_is_there_is_a_line_too() {
        let item = Item::Task {
            task: TASK,
            group: GROUP,
            parent: None,
        };
        assert_eq!(There(item).to_string(), "there: task 3 in group 7.2");
    }
}
