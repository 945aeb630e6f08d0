//! The sections of `system.toml`, each read on its own; how they fit together is checked in `assemble` and `groups`.

use std::ops::RangeInclusive;

use interfaces::limits::LABEL_BYTES;
use interfaces::start::proc_slots;
use interfaces::system::{Heaps, LOWEST_BAND, Room};
use interfaces::{Limit, RESOURCES, Resource, ServerName};

use super::file::{MAX_MEMORY_MIB, Program};
use super::reader::{Located, Reader, Table};
use super::wrong::{Noun, Wrong};

/// The longest name of a band or a program: `interfaces::provision::ProgramName`.
const NAME_BYTES: usize = 31;
/// The kernel has 4,095 address spaces; the root task and the servers take four.
const MAX_TASKS: u64 = 4_091;
/// The largest heap, in MiB: more would not leave a machine of the largest size.
const MAX_HEAP_MIB: u64 = 1_024;
/// The priorities that bands may have: 0 is the idle thread's, 1 and 2 are for what is frozen and for the thread above that,
/// 255 is kept for the root task's own use.
const PRIORITIES: std::ops::RangeInclusive<u64> = LOWEST_BAND as u64..=254;

/// What the file says, in the order in which it says it.
#[derive(Debug)]
pub(super) struct Draft<'t> {
    pub memory: Option<Located<u64>>,
    pub bands: Vec<BandDraft<'t>>,
    pub server_priority: Option<Located<u64>>,
    pub birth_priority: Option<Located<u64>>,
    pub room: Option<Room>,
    pub heaps: Option<HeapDrafts>,
    pub programs: Vec<Located<Program>>,
    pub groups: Vec<GroupDraft<'t>>,
    pub starts: Vec<StartDraft<'t>>,
}

/// The servers' heaps, each with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeapDrafts {
    pub limits: Located<u16>,
    pub memory: Located<u16>,
    pub proc: Located<u16>,
}

impl HeapDrafts {
    /// The heaps without their places.
    pub const fn heaps(&self) -> Heaps {
        Heaps {
            limits: self.limits.value,
            memory: self.memory.value,
            proc: self.proc.value,
        }
    }

    /// The place of one server's.
    pub const fn at(&self, server: ServerName) -> usize {
        match server {
            ServerName::Limits => self.limits.at,
            ServerName::Memory => self.memory.at,
            ServerName::Proc => self.proc.at,
        }
    }
}

#[derive(Debug)]
pub(super) struct BandDraft<'t> {
    pub name: Located<&'t str>,
    pub priority: Option<Located<u64>>,
}

#[derive(Debug)]
pub(super) struct GroupDraft<'t> {
    pub label: Located<&'t str>,
    pub parent: Option<Located<&'t str>>,
    pub band: Option<Located<&'t str>>,
    pub limits: [Located<Limit>; RESOURCES],
    pub soft: [Located<Limit>; RESOURCES],
}

#[derive(Debug)]
pub(super) struct StartDraft<'t> {
    pub program: Option<Located<&'t str>>,
    pub group: Option<Located<&'t str>>,
    pub arguments: Vec<Located<&'t str>>,
    pub operator: bool,
    pub at: usize,
}

impl<'t> Draft<'t> {
    /// Reads every section. What is missing or malformed is in the reader's list of mistakes.
    pub fn read(reader: &mut Reader<'t>, root: Table<'t>) -> Self {
        reader.only(
            root,
            &["machine", "band", "servers", "program", "group", "start"],
        );
        let memory = reader
            .table(root, "machine", "[machine]")
            .and_then(|machine| {
                reader.only(machine, &["memory"]);
                reader.number(machine, "memory", 1..=MAX_MEMORY_MIB)
            });
        let bands = reader.tables(root, "band", "[[band]]");
        if !Reader::has(root, "band") {
            reader.wrong(
                root.at,
                Wrong::MissingSection {
                    heading: "[[band]]",
                },
            );
        }
        let bands = bands
            .into_iter()
            .filter_map(|table| band(reader, table))
            .collect();
        let servers = reader.table(root, "servers", "[servers]");
        let servers = servers
            .map(|table| Servers::read(reader, table))
            .unwrap_or_default();
        let programs = reader.tables(root, "program", "[[program]]");
        let programs = programs
            .into_iter()
            .filter_map(|table| program(reader, table))
            .collect();
        let groups = reader.tables(root, "group", "[[group]]");
        let groups = groups
            .into_iter()
            .filter_map(|table| group(reader, table))
            .collect();
        let starts = reader.tables(root, "start", "[[start]]");
        let starts = starts
            .into_iter()
            .map(|table| start(reader, table))
            .collect();
        Self {
            memory,
            bands,
            server_priority: servers.priority,
            birth_priority: servers.birth,
            room: servers.room,
            heaps: servers.heaps,
            programs,
            groups,
            starts,
        }
    }
}

fn band<'t>(reader: &mut Reader<'t>, table: Table<'t>) -> Option<BandDraft<'t>> {
    reader.only(table, &["name", "priority"]);
    let priority = reader.number(table, "priority", PRIORITIES);
    let name = reader.name(table, "name", NAME_BYTES)?;
    Some(BandDraft { name, priority })
}

fn program<'t>(reader: &mut Reader<'t>, table: Table<'t>) -> Option<Located<Program>> {
    reader.only(table, &["name", "package"]);
    let name = reader.name(table, "name", NAME_BYTES);
    let package = if Reader::has(table, "package") {
        reader.name(table, "package", NAME_BYTES)?.value
    } else {
        Program::PACKAGE
    };
    let name = name?;
    let place = reader.place(name.at);
    Some(name.map(|name| Program {
        name: name.to_owned(),
        package: package.to_owned(),
        place,
    }))
}

fn group<'t>(reader: &mut Reader<'t>, table: Table<'t>) -> Option<GroupDraft<'t>> {
    reader.only(table, &["label", "parent", "band", "limits", "soft"]);
    let label = reader.text(table, "label", LABEL_BYTES);
    let parent = reader.text(table, "parent", LABEL_BYTES);
    let band = reader.text(table, "band", NAME_BYTES);
    let limits = limits(reader, table, "limits");
    let soft = self::limits(reader, table, "soft");
    Some(GroupDraft {
        label: label?,
        parent,
        band,
        limits,
        soft,
    })
}

fn start<'t>(reader: &mut Reader<'t>, table: Table<'t>) -> StartDraft<'t> {
    reader.only(table, &["program", "arguments", "group", "operator"]);
    StartDraft {
        program: reader.text(table, "program", NAME_BYTES),
        group: reader.text(table, "group", LABEL_BYTES),
        arguments: reader.words(table, "arguments"),
        operator: reader.flag(table, "operator"),
        at: table.at,
    }
}

/// A limit for every kind of resource: that of the table, `max` for the others.
fn limits<'t>(
    reader: &mut Reader<'t>,
    group: Table<'t>,
    key: &'static str,
) -> [Located<Limit>; RESOURCES] {
    let none = Located {
        value: Limit::Max,
        at: group.at,
    };
    let mut limits = [none; RESOURCES];
    let Some(table) = reader.optional_table(group, key) else {
        return limits;
    };
    for (name, value) in table.entries() {
        let Some(resource) = Resource::by_name(name.value) else {
            let wrong = Wrong::Unknown {
                noun: Noun::Resource,
                found: name.value.to_owned(),
                known: Resource::ALL.iter().map(ToString::to_string).collect(),
            };
            reader.wrong(name.at, wrong);
            continue;
        };
        let limit = if value.get_ref().as_str() == Some("max") {
            Some(none)
        } else {
            // One less than the largest number, which means `max` on the wire.
            let range = 0..=u64::MAX.saturating_sub(1);
            let number = reader.as_number(name.value, value, range, "a number or \"max\"");
            number.map(|number| number.map(Limit::At))
        };
        if let (Some(place), Some(limit)) = (limits.get_mut(resource.index()), limit) {
            *place = limit;
        }
    }
    limits
}

/// How much may be reserved, in per cent of the memory that there is: from exactly that to a hundred times as much.
const OVERCOMMIT: RangeInclusive<u64> = 100..=10_000;
/// What it is if the file does not say: every reserved page can be had.
const DEFAULT_OVERCOMMIT: u32 = 100;

/// The section `[servers]`.
#[derive(Debug, Default)]
struct Servers {
    priority: Option<Located<u64>>,
    birth: Option<Located<u64>>,
    room: Option<Room>,
    heaps: Option<HeapDrafts>,
}

impl Servers {
    fn read<'t>(reader: &mut Reader<'t>, table: Table<'t>) -> Self {
        reader.only(table, &["priority", "birth", "limits", "memory", "proc"]);
        let priority = reader.number(table, "priority", PRIORITIES);
        let birth = reader.number(table, "birth", PRIORITIES);
        let limits = reader
            .table(table, "limits", "[servers.limits]")
            .and_then(|limits| {
                reader.only(limits, &["heap", "groups", "limited-groups", "labels"]);
                let heap = heap(reader, limits);
                let groups = room(reader, limits, "groups", 1_000_000);
                let limited = room(reader, limits, "limited-groups", 1_000_000);
                let labels = room(reader, limits, "labels", 1_000_000);
                Some((heap?, groups?, limited?, labels?))
            });
        let memory = reader
            .table(table, "memory", "[servers.memory]")
            .and_then(|memory| {
                reader.only(
                    memory,
                    &["heap", "regions", "shared-mappings", "overcommit"],
                );
                let heap = heap(reader, memory);
                let regions = room(reader, memory, "regions", 1_000_000);
                let mappings = room(reader, memory, "shared-mappings", 1_000_000);
                let overcommit = match memory.get("overcommit") {
                    None => Some(DEFAULT_OVERCOMMIT),
                    Some(_) => reader
                        .number(memory, "overcommit", OVERCOMMIT)
                        .and_then(|number| u32::try_from(number.value).ok()),
                };
                Some((heap?, regions?, mappings?, overcommit?))
            });
        let proc = reader
            .table(table, "proc", "[servers.proc]")
            .and_then(|proc| {
                reader.only(proc, &["heap", "tasks", "threads"]);
                let heap = heap(reader, proc);
                let tasks = room(reader, proc, "tasks", MAX_TASKS);
                let threads = room(reader, proc, "threads", proc_slots::MAX_THREADS);
                if let (Some(tasks), Some(threads)) = (tasks, threads)
                    && threads < tasks
                {
                    let (threads, tasks) = (threads.into(), tasks.into());
                    reader.wrong(proc.at, Wrong::FewThreads { threads, tasks });
                }
                Some((heap?, tasks?, threads?))
            });
        let both = limits.zip(memory).zip(proc);
        let (room, heaps) = both
            .map(|((limits, memory), proc)| {
                let room = Room {
                    groups: limits.1,
                    limited_groups: limits.2,
                    labels: limits.3,
                    tasks: proc.1,
                    threads: proc.2,
                    regions: memory.1,
                    shared_mappings: memory.2,
                    overcommit_percent: memory.3,
                };
                let heaps = HeapDrafts {
                    limits: limits.0,
                    memory: memory.0,
                    proc: proc.0,
                };
                (room, heaps)
            })
            .unzip();
        Self {
            priority,
            birth,
            room,
            heaps,
        }
    }
}

/// A server's heap, in MiB; 0 if the file does not say, and it is to be as large as the server needs.
fn heap<'t>(reader: &mut Reader<'t>, server: Table<'t>) -> Option<Located<u16>> {
    if server.get("heap").is_none() {
        let (value, at) = (0, server.at);
        return Some(Located { value, at });
    }
    let heap = reader.number(server, "heap", 2..=MAX_HEAP_MIB)?;
    if !heap.value.is_multiple_of(2) {
        let (key, found) = ("heap".to_owned(), heap.value);
        reader.wrong(heap.at, Wrong::OddHeap { key, found });
        return None;
    }
    let value = u16::try_from(heap.value).ok()?;
    Some(heap.map(|_| value))
}

fn room<'t>(
    reader: &mut Reader<'t>,
    server: Table<'t>,
    key: &'static str,
    most: u64,
) -> Option<u32> {
    let number = reader.number(server, key, 1..=most)?;
    u32::try_from(number.value).ok()
}
