//! Everything that can be wrong with a `system.toml`: what was found, what was expected, the remedy.

use std::fmt;

use interfaces::ServerName;

/// What names stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// A `[[band]]`.
    Band,
    /// A `[[group]]`.
    Group,
    /// A `[[program]]`.
    Program,
    /// A kind of resource.
    Resource,
}

impl Noun {
    /// How one more of it is declared.
    const fn declaration(self) -> &'static str {
        match self {
            Self::Band => "a [[band]] of that name",
            Self::Group => "a [[group]] of that label",
            Self::Program => "a [[program]] of that name",
            Self::Resource => "a kind of resource in interfaces/src/amounts.rs",
        }
    }
}

impl fmt::Display for Noun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Band => "band",
            Self::Group => "group",
            Self::Program => "program",
            Self::Resource => "kind of resource",
        })
    }
}

/// What is wrong. Displayed as what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the names and numbers of the message below"
)]
pub enum Wrong {
    /// It is not TOML.
    Syntax { message: String },
    /// A key that nobody reads.
    UnknownKey {
        key: String,
        table: &'static str,
        known: &'static [&'static str],
    },
    /// A key that must be there.
    MissingField {
        key: &'static str,
        table: &'static str,
    },
    /// A section that must be there.
    MissingSection { heading: &'static str },
    /// A value of another type.
    WrongType {
        key: String,
        found: &'static str,
        expected: &'static str,
    },
    /// A number below zero.
    Negative { key: String, found: String },
    /// A number above what fits.
    TooLarge {
        key: String,
        found: String,
        most: u64,
    },
    /// A number below what makes sense.
    TooSmall { key: String, found: u64, least: u64 },
    /// A heap that is not a whole number of large frames.
    OddHeap { key: String, found: u64 },
    /// A heap that does not hold what its server makes of it.
    SmallHeap {
        server: ServerName,
        found: u64,
        least: u64,
        memory_mib: u32,
    },
    /// Text with nothing in it.
    EmptyText { key: String },
    /// Text that does not fit.
    LongText {
        key: String,
        bytes: usize,
        most: usize,
    },
    /// A name with characters that names do not have.
    BadName { key: String, found: String },
    /// A word of arguments that is not one word.
    BadWord { found: String },
    /// The same name twice.
    Duplicate {
        noun: Noun,
        name: String,
        first: usize,
    },
    /// The group that is always there was declared.
    RootDeclared,
    /// A name that stands for nothing.
    Unknown {
        noun: Noun,
        found: String,
        known: Vec<String>,
    },
    /// Groups that are each above the other.
    Cycle { labels: Vec<String> },
    /// More of something than the guest has room for.
    TooMany { noun: &'static str, most: usize },
    /// Bands that do not get lower.
    BandOrder {
        name: String,
        priority: u64,
        above: String,
        above_priority: u64,
    },
    /// Servers that are not in the top band.
    ServerPriority { found: u64, top: String, best: u64 },
    /// Newborns that do not stand above the servers.
    BirthPriority { found: u64, servers: u64 },
    /// Fewer threads than tasks.
    FewThreads { threads: u64, tasks: u64 },
    /// A machine that cannot hold the system.
    LittleMemory { found: u64, least: u64 },
}

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { message } => write!(out, "this is not TOML: {message}"),
            Self::UnknownKey { key, table, .. } => write!(out, "{table} has no key `{key}`"),
            Self::MissingField { key, table } => write!(out, "{table} lacks `{key}`"),
            Self::MissingSection { heading } => write!(out, "there is no {heading}"),
            Self::WrongType { key, found, .. } => write!(out, "`{key}` is of type {found}"),
            Self::Negative { key, found } | Self::TooLarge { key, found, .. } => {
                write!(out, "`{key}` is {found}")
            }
            Self::TooSmall { key, found, .. } | Self::OddHeap { key, found } => {
                write!(out, "`{key}` is {found}")
            }
            Self::SmallHeap { server, found, .. } => {
                write!(out, "the {server}'s `heap` is {found}")
            }
            Self::EmptyText { key } => write!(out, "`{key}` is empty"),
            Self::LongText { key, bytes, .. } => write!(out, "`{key}` has {bytes} bytes"),
            Self::BadName { key, found } => write!(out, "`{key}` is {found:?}"),
            Self::BadWord { found } => write!(out, "{found:?} is not one word"),
            Self::Duplicate { noun, name, first } => {
                write!(out, "{noun} `{name}` was declared already, in line {first}")
            }
            Self::RootDeclared => out.write_str("group `root` is always there"),
            Self::Unknown { noun, found, .. } => write!(out, "there is no {noun} `{found}`"),
            Self::Cycle { labels } => {
                write!(
                    out,
                    "these groups are below each other: {}",
                    labels.join(" < ")
                )
            }
            Self::TooMany { noun, .. } => write!(out, "one {noun} too many"),
            Self::BandOrder {
                name,
                priority,
                above,
                above_priority,
            } => write!(
                out,
                "band `{name}` has priority {priority} and stands after `{above}` with {above_priority}"
            ),
            Self::ServerPriority { found, .. } => write!(out, "the servers' `priority` is {found}"),
            Self::BirthPriority { found, .. } => write!(out, "`birth` is {found}"),
            Self::FewThreads { threads, tasks } => {
                write!(out, "`threads` is {threads} and `tasks` is {tasks}")
            }
            Self::LittleMemory { found, .. } => write!(out, "`memory` is {found} MiB"),
        }
    }
}

impl Wrong {
    /// What should have stood there.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Syntax { .. } => "a file as image/system.toml is one".into(),
            Self::UnknownKey { known, .. } => format!("one of {}", known.join(", ")),
            Self::MissingField { key, .. } => format!("`{key} = …`"),
            Self::MissingSection { heading } => format!("the section {heading}"),
            Self::WrongType { expected, .. } => (*expected).into(),
            Self::Negative { .. } => "a number that is not below zero".into(),
            Self::TooLarge { most, .. } => format!("{most} at most"),
            Self::TooSmall { least, .. } => format!("{least} at least"),
            Self::OddHeap { .. } => {
                "an even number of MiB: heaps are mapped 2 MiB at a time".into()
            }
            Self::SmallHeap {
                least, memory_mib, ..
            } => format!(
                "{least} at least, for the room that it is to have on a machine of {memory_mib} MiB"
            ),
            Self::EmptyText { .. } => "a name".into(),
            Self::LongText { most, .. } => format!("{most} bytes at most"),
            Self::BadName { .. } => "a to z, 0 to 9 and `-`, beginning with a letter".into(),
            Self::BadWord { .. } => "words without white space in them, one string for each".into(),
            Self::Duplicate { noun, .. } => format!("each {noun} once"),
            Self::RootDeclared => "groups below it".into(),
            Self::Unknown { known, .. } if known.is_empty() => "nothing: none is declared".into(),
            Self::Unknown { known, .. } => format!("one of {}", known.join(", ")),
            Self::Cycle { .. } => "parents that lead up to `root`".into(),
            Self::TooMany { most, .. } => format!("{most} at most"),
            Self::BandOrder { above_priority, .. } => {
                format!("the best band first, so less than {above_priority}")
            }
            Self::ServerPriority { top, best, .. } => {
                format!("that of the top band, `{top}`: {best}")
            }
            Self::BirthPriority { servers, .. } => {
                format!(
                    "more than the servers' {servers}, so that the kernel tells of each birth at once"
                )
            }
            Self::FewThreads { .. } => "at least one thread for each task".into(),
            Self::LittleMemory { least, .. } => {
                format!(
                    "{least} MiB at least, for the kernel, the root task and the servers' heaps"
                )
            }
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Syntax { .. } => "correct the line, or what was left open before it".into(),
            Self::UnknownKey { .. } => "correct or remove the key".into(),
            Self::MissingField { .. } | Self::MissingSection { .. } => {
                "add it; image/system.toml shows how".into()
            }
            Self::WrongType { .. } | Self::Negative { .. } | Self::OddHeap { .. } => {
                "correct the value".into()
            }
            Self::TooLarge { .. } => "lower it".into(),
            Self::TooSmall { .. } => "raise it".into(),
            Self::SmallHeap { server, least, .. } => {
                let less = match server {
                    ServerName::Memory => "a smaller machine or less room",
                    _ => "less room",
                };
                format!("write `heap = {least}`, or give it {less}")
            }
            Self::EmptyText { .. } => "write a name".into(),
            Self::LongText { .. } => "shorten it".into(),
            Self::BadName { .. } => "choose another name".into(),
            Self::BadWord { .. } => "split the string".into(),
            Self::Duplicate { .. } => "rename or remove one of them".into(),
            Self::RootDeclared => "remove the declaration, or give the group another label".into(),
            Self::Unknown { noun, .. } => {
                format!("correct the name, or add {}", noun.declaration())
            }
            Self::Cycle { .. } => "give one of them another `parent`".into(),
            Self::TooMany { .. } => {
                "remove one, or raise the number in interfaces/src/system.rs".into()
            }
            Self::BandOrder { .. } => "lower the priority, or move the band up".into(),
            Self::ServerPriority { best, .. } => format!("write `priority = {best}`"),
            Self::BirthPriority { .. } => "raise `birth`".into(),
            Self::FewThreads { .. } => "raise `threads` or lower `tasks`".into(),
            Self::LittleMemory { .. } => "raise `memory`, or make the heaps smaller".into(),
        }
    }
}
