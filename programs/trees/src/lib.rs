//! The text trees: `/limit`, `/cgroup` and `/proc`, as files that a person can read and write.
//!
//! Servers speak typed calls only. This library turns a path and a text into such calls, made by the caller with the
//! caller's own capabilities: it can do nothing that the caller could not, it keeps nothing between two calls, and
//! no server knows that there are trees. It is generic over [`Servers`], so it is the same over endpoints and, on
//! the host, over loopback. In a program:
//!
//! ```ignore
//! struct Endpoints;
//!
//! impl trees::Servers for Endpoints {
//!     fn limits(&mut self) -> impl Transport {
//!         interfaces_sel4::Endpoint::new(client::Server::Limits.endpoint())
//!     }
//!     fn process(&mut self) -> impl Transport {
//!         interfaces_sel4::Endpoint::new(client::Server::Process.endpoint())
//!     }
//!     fn memory(&mut self) -> impl Transport {
//!         interfaces_sel4::Endpoint::new(client::Server::Memory.endpoint())
//!     }
//! }
//!
//! trees::Trees::new(Endpoints).write("/cgroup/pen/pids.max", b"20\n")?;
//! ```
//!
//! # Invariants
//!
//! - A text is understood whole before anything is asked of a server; bad text changes nothing.
//! - One write that takes several calls takes back what it did if a later one is refused.
//!
//! # Where `/limit` differs from devlimit's manual page, on purpose
//!
//! | devlimit | here | why |
//! |---|---|---|
//! | no limit is 0, and cannot be set again | no limit is `max`, and can; 0 allows nothing | 0 is a number like any other |
//! | group 1 has no limits and counts nothing | it counts everything | nobody is outside the books |
//! | a sub-group copies its parent's limits | it has none of its own; those above bind it, live | lowering the parent's holds at once |
//! | anybody with the file's permission writes a `ctl` | who is above the group, or opened it | nobody inside a group changes it for himself |
//! | every group is in `groups` | the caller's own and those below it (an operator: all) | nobody looks at a neighbour |
//! | `switch` goes anywhere | only to a group below one's own | what one can walk out of is no pen |
//! | a group has an owner, a gid and a mode | it has; they give rights to those who may see the group | rights only add |
//! | `mpage` counts segments at their size | pages reserved (`commit`) | the same, under this system's name |
//! | an id is a small number, used again | place and generation (`7.2`), never used again | a stale id must not name a stranger |
//! | `ctl` is the id in 11 columns and a space | the id and a newline | a line is what every other file is |
//! | one command a write | any number, one a line: all or nothing | half a change is nobody's wish |
//! | numbers by `atoi` (`12x` is 12), words in quotes | digits alone; a label is one word | a text has one meaning or none |
//! | there is none | `commit`: pages that may be promised and that are, on the whole machine, and `overcommit` in per cent | commit is limited for all as well |
//! | a `clone` held open refers to the group | [`Opened`] does, until [`Trees::close`]; after a plain read, until the caller exits | there are no descriptors |
//!
//! # Where `/cgroup` differs from cgroup v2
//!
//! It begins at the caller's own group. A group is listed by its label where that is a good name, but of siblings with
//! the same label only the one that has had it longest, and else by its id; an id is always understood. `pids.*` counts
//! tasks, not threads. `memory.*` counts frames; kernel memory is in `memory.stat` only, and a refused frame is both
//! `max` and `oom` in `memory.events`. `cgroup.procs` takes a task's own id, not 0, which is an id here.
//! Freezes are counted elsewhere; `cgroup.freeze` is 1 while there is one, and 0 takes all of them back. A group of
//! `system.toml` cannot be removed.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod cgroup;
mod error;
mod limit;
mod names;
mod path;
mod process;
mod servers;
pub mod text;
mod tree;
mod walk;

pub use error::{Error, Feature, Refusal};
pub use limit::Opened;
pub use servers::Servers;
pub use text::{BadText, Expected, Mistake};
pub use tree::{Entry, Kind, Trees};
