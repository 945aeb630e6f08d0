//! How the sections fit together: names resolved, order checked, and the guest's description put together.

use interfaces::process::{ARGUMENT_BYTES, Arguments};
use interfaces::provision::ProgramName;
use interfaces::system::{
    BANDS, Band, GROUPS, Group, Heaps, Mode, PROGRAMS, STARTS, StartProgram, System,
};

use super::file::{Program, SPARE_MIB};
use super::groups;
use super::heaps;
use super::mistake::Noted;
use super::reader::{Located, Reader};
use super::sections::{BandDraft, Draft, StartDraft};
use super::wrong::{Noun, Wrong};

/// The guest's description and what the host needs besides; nothing if something that was needed is missing.
pub(super) fn assemble(
    reader: &mut Reader<'_>,
    draft: Draft<'_>,
) -> Option<(System, Vec<Program>, u32)> {
    let bands = bands(reader, &draft.bands);
    priorities(reader, &draft);
    let groups = groups::groups(reader, &draft.groups, &draft.bands);
    let programs = programs(reader, &draft.programs);
    let mut starts = heapless::Vec::new();
    for start in &draft.starts {
        if let Some(start_program) = self::start(reader, start, &draft.programs, &groups)
            && starts.push(start_program).is_err()
        {
            reader.wrong(
                start.at,
                Wrong::TooMany {
                    noun: "start",
                    most: STARTS,
                },
            );
        }
    }
    if !draft.starts.iter().any(|start| start.operator) {
        let at = draft.starts.first().map_or(0, |start| start.at);
        reader.note(at, Noted::NobodyEnds);
    }
    memory(reader, &draft);
    let priority = |number: Option<Located<u64>>| u8::try_from(number?.value).ok();
    let system = System {
        mode: Mode::Run,
        bands,
        server_priority: priority(draft.server_priority)?,
        birth_priority: priority(draft.birth_priority)?,
        room: draft.room?,
        heaps: heaps_of(&draft)?,
        groups,
        programs,
        starts,
    };
    let programs = draft
        .programs
        .into_iter()
        .map(|program| program.value)
        .collect();
    let memory = u32::try_from(draft.memory?.value).ok()?;
    Some((system, programs, memory))
}

/// The servers' heaps, those that the file leaves out as large as they must be.
fn heaps_of(draft: &Draft<'_>) -> Option<Heaps> {
    let heaps = draft.heaps?.heaps();
    let memory = draft
        .memory
        .and_then(|memory| u32::try_from(memory.value).ok());
    Some(match (draft.room, memory) {
        (Some(room), Some(memory)) => heaps::filled(heaps, &room, memory),
        _ => heaps,
    })
}

/// Checks that the machine holds the heaps, and the heaps what their servers make of them.
fn memory(reader: &mut Reader<'_>, draft: &Draft<'_>) {
    let (Some(memory), Some(heaps)) = (draft.memory, draft.heaps) else {
        return;
    };
    let Some(all) = heaps_of(draft) else {
        return;
    };
    let least = least_memory(all);
    if memory.value < least {
        let found = memory.value;
        reader.wrong(memory.at, Wrong::LittleMemory { found, least });
    }
    let (Some(room), Ok(mib)) = (draft.room, u32::try_from(memory.value)) else {
        return;
    };
    for (server, wrong) in heaps::check(all, &room, mib) {
        if let Some(wrong) = wrong {
            reader.wrong(heaps.at(server), wrong);
        }
    }
}

/// The smallest machine, in MiB, that holds servers with such heaps.
pub(super) fn least_memory(heaps: Heaps) -> u64 {
    let heaps = [heaps.limits, heaps.memory, heaps.proc];
    heaps
        .into_iter()
        .map(u64::from)
        .fold(SPARE_MIB, u64::saturating_add)
}

/// Complains about every name that was declared before.
pub(super) fn unique<'n>(
    reader: &mut Reader<'_>,
    noun: Noun,
    names: impl Iterator<Item = Located<&'n str>>,
) {
    let mut seen: Vec<Located<&str>> = Vec::new();
    for name in names {
        match seen.iter().find(|other| other.value == name.value) {
            Some(other) => {
                let first = reader.line(other.at);
                let wrong = Wrong::Duplicate {
                    noun,
                    name: name.value.to_owned(),
                    first,
                };
                reader.wrong(name.at, wrong);
            }
            None => seen.push(name),
        }
    }
}

fn bands(reader: &mut Reader<'_>, drafts: &[BandDraft<'_>]) -> heapless::Vec<Band, BANDS> {
    unique(reader, Noun::Band, drafts.iter().map(|draft| draft.name));
    for pair in drafts.windows(2) {
        let [above, below] = pair else { continue };
        if let (Some(higher), Some(lower)) = (above.priority, below.priority)
            && lower.value >= higher.value
        {
            let wrong = Wrong::BandOrder {
                name: below.name.value.to_owned(),
                priority: lower.value,
                above: above.name.value.to_owned(),
                above_priority: higher.value,
            };
            reader.wrong(lower.at, wrong);
        }
    }
    let mut bands = heapless::Vec::new();
    for draft in drafts {
        let priority = draft
            .priority
            .and_then(|priority| u8::try_from(priority.value).ok());
        let band = Band {
            name: ProgramName::cut(draft.name.value),
            priority: priority.unwrap_or(0),
        };
        if bands.push(band).is_err() {
            reader.wrong(
                draft.name.at,
                Wrong::TooMany {
                    noun: "band",
                    most: BANDS,
                },
            );
        }
    }
    bands
}

/// Checks that the servers stand with the top band and newborns above them.
fn priorities(reader: &mut Reader<'_>, draft: &Draft<'_>) {
    let Some(servers) = draft.server_priority else {
        return;
    };
    if let Some(top) = draft.bands.first()
        && let Some(best) = top.priority
        && best.value != servers.value
    {
        let top = top.name.value.to_owned();
        let wrong = Wrong::ServerPriority {
            found: servers.value,
            top,
            best: best.value,
        };
        reader.wrong(servers.at, wrong);
    }
    if let Some(birth) = draft.birth_priority
        && birth.value <= servers.value
    {
        let wrong = Wrong::BirthPriority {
            found: birth.value,
            servers: servers.value,
        };
        reader.wrong(birth.at, wrong);
    }
}

fn programs(
    reader: &mut Reader<'_>,
    drafts: &[Located<Program>],
) -> heapless::Vec<ProgramName, PROGRAMS> {
    let names = drafts.iter().map(|draft| Located {
        value: draft.value.name.as_str(),
        at: draft.at,
    });
    unique(reader, Noun::Program, names);
    let mut programs = heapless::Vec::new();
    for draft in drafts {
        if programs.push(ProgramName::cut(&draft.value.name)).is_err() {
            reader.wrong(
                draft.at,
                Wrong::TooMany {
                    noun: "program",
                    most: PROGRAMS,
                },
            );
        }
    }
    programs
}

fn start(
    reader: &mut Reader<'_>,
    draft: &StartDraft<'_>,
    programs: &[Located<Program>],
    groups: &heapless::Vec<Group, GROUPS>,
) -> Option<StartProgram> {
    let programs: Vec<&str> = programs
        .iter()
        .map(|program| program.value.name.as_str())
        .collect();
    let labels: Vec<&str> = groups.iter().map(|group| group.label.as_str()).collect();
    let program = resolve(reader, Noun::Program, draft.program, &programs);
    let group = resolve(reader, Noun::Group, draft.group, &labels);
    let words: Vec<&str> = draft.arguments.iter().map(|word| word.value).collect();
    let words = words.join(" ");
    let arguments = Arguments::try_new(&words);
    if arguments.is_none() {
        let (key, bytes, most) = ("arguments".to_owned(), words.len(), ARGUMENT_BYTES);
        let at = draft.arguments.first().map_or(draft.at, |word| word.at);
        reader.wrong(at, Wrong::LongText { key, bytes, most });
    }
    Some(StartProgram {
        program: program?,
        group: group?,
        operator: draft.operator,
        arguments: arguments?,
    })
}

/// The place of a name in a list.
fn resolve(
    reader: &mut Reader<'_>,
    noun: Noun,
    name: Option<Located<&str>>,
    known: &[&str],
) -> Option<u8> {
    let name = name?;
    let found = known.iter().position(|&other| other == name.value);
    if found.is_none() {
        let known = known.iter().map(|&other| other.to_owned()).collect();
        let found = name.value.to_owned();
        reader.wrong(name.at, Wrong::Unknown { noun, found, known });
    }
    u8::try_from(found?).ok()
}
