//! The short forms of what clients ask the proc-server all day.
//!
//! | what | words |
//! |---|---|
//! | a spawn | the program, and the length of the arguments above its eight bits; the group, all bits set for none; the arguments' bytes, the first lowest, and zero behind the last |
//! | arguments | their length; their bytes likewise |
//! | an exit | the code, as a number without a sign |
//! | a wait | the child, all bits set for any; and how long |
//! | a thread | entry, and the end of the stack 32 bits higher; the argument |
//! | the end of a thread | its number, and 1 above it if it is the calling one |
//! | a task, a group, a number of nanoseconds | itself |

use serde::{Deserialize, Serialize};

use super::{
    Arguments, Clock, EndThread, Exit, Freeze, JoinThread, Kill, KillGroup, MoveRefusal, MoveTask,
    ReadArguments, ReadClock, Sleep, SleepUntil, Spawn, SpawnRefusal, StartThread, Thaw,
    ThreadRefusal, Wait, WaitFor,
};
use crate::identity::GroupId;
use crate::provision::ProgramId;
use crate::short::{
    Short, WORDS, brief, few_call, group_of, group_word, of_nothing, pair, some_group_of,
    some_group_word, some_task_of, some_task_word, task_of, task_word, unpair,
};

/// The most bytes of arguments that have a short form.
pub const FEW_ARGUMENT_BYTES: usize = 16;

/// The highest bit of each byte: set in no byte of ASCII.
const BEYOND_ASCII: u64 = 0x8080_8080_8080_8080;

/// Arguments that have a short form, as they stand in it: text, but not laid out as such before somebody wants to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FewArguments {
    /// At most [`FEW_ARGUMENT_BYTES`].
    length: u8,
    /// UTF-8, and zero behind the last byte.
    bytes: [u64; 2],
}

impl FewArguments {
    /// No arguments.
    pub const NONE: Self = Self {
        length: 0,
        bytes: [0; 2],
    };

    /// The arguments in their short form, if they fit it.
    #[inline]
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let length = u8::try_from(text.len()).ok()?;
        let mut bytes = [0; FEW_ARGUMENT_BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let bytes = halves(u128::from_le_bytes(bytes));
        Some(Self { length, bytes })
    }

    /// The arguments as text.
    #[must_use]
    pub fn text(self) -> Arguments {
        let bytes = both(self.bytes).to_le_bytes();
        bytes
            .get(..self.length.into())
            .and_then(|text| core::str::from_utf8(text).ok())
            .and_then(Arguments::try_new)
            .unwrap_or_default()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
const fn halves(both: u128) -> [u64; 2] {
    [both as u64, (both >> u64::BITS) as u64]
}

/// The reverse of [`halves`].
const fn both([low, high]: [u64; 2]) -> u128 {
    low as u128 | ((high as u128) << u64::BITS)
}

/// Whether there are so many bytes of text, and none behind them.
#[inline]
fn is_text(length: u8, [low, high]: [u64; 2]) -> bool {
    let bits = u32::from(length).wrapping_mul(u8::BITS);
    let nothing_behind = match bits {
        0 => low | high == 0,
        1..64 => low >> bits | high == 0,
        64 => high == 0,
        65..128 => high >> bits.wrapping_sub(u64::BITS) == 0,
        128 => true,
        _ => false,
    };
    nothing_behind && ((low | high) & BEYOND_ASCII == 0 || is_wide_text(length, [low, high]))
}

/// The same for text beyond ASCII.
#[cold]
#[inline(never)]
fn is_wide_text(length: u8, bytes: [u64; 2]) -> bool {
    let bytes = both(bytes).to_le_bytes();
    let text = bytes.get(..length.into());
    text.is_some_and(|text| core::str::from_utf8(text).is_ok())
}

impl Short for FewArguments {
    const LENGTH: usize = 3;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let [low, high] = self.bytes;
        Some([self.length.into(), low, high, 0])
    }

    #[inline]
    fn from_words([length, low, high, _]: [u64; WORDS]) -> Option<Self> {
        let (length, bytes) = (u8::try_from(length).ok()?, [low, high]);
        is_text(length, bytes).then_some(Self { length, bytes })
    }
}

impl Short for Arguments {
    const LENGTH: usize = FewArguments::LENGTH;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        FewArguments::of(self.as_str())?.to_words()
    }

    #[inline]
    fn from_words(words: [u64; WORDS]) -> Option<Self> {
        FewArguments::from_words(words).map(FewArguments::text)
    }
}

/// A [`Spawn`] in its short form: as a request it is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Spawn", try_from = "Spawn")]
pub struct FewSpawn {
    /// The program.
    pub program: ProgramId,
    /// The child's group: the caller's own if none, or one below it.
    pub group: Option<GroupId>,
    /// Its arguments.
    pub arguments: FewArguments,
}

impl Spawn {
    /// The same in its short form, if its arguments fit it.
    #[inline]
    #[must_use]
    pub fn few(&self) -> Option<FewSpawn> {
        Some(FewSpawn {
            program: self.program,
            group: self.group,
            arguments: FewArguments::of(self.arguments.as_str())?,
        })
    }
}

impl From<FewSpawn> for Spawn {
    fn from(few: FewSpawn) -> Self {
        Self {
            program: few.program,
            group: few.group,
            arguments: few.arguments.text(),
        }
    }
}

few_call! {
    FewSpawn = Spawn;
}

impl Short for FewSpawn {
    const LENGTH: usize = 4;

    #[inline]
    fn to_words(&self) -> Option<[u64; WORDS]> {
        let [length, low, high, _] = self.arguments.to_words()?;
        let first = u64::from(self.program.0) | (length << u8::BITS);
        Some([first, some_group_word(self.group), low, high])
    }

    #[inline]
    fn from_words([first, group, low, high]: [u64; WORDS]) -> Option<Self> {
        let [program, ..] = first.to_le_bytes();
        Some(Self {
            program: ProgramId(program),
            group: some_group_of(group),
            arguments: FewArguments::from_words([first >> u8::BITS, low, high, 0])?,
        })
    }
}

brief! {
    SpawnRefusal Ticket;
    ThreadRefusal Ticket;
    MoveRefusal Short;
}

/// What is so many words, each with its own meaning.
macro_rules! of_words {
    ($($kind:ty = $length:literal, $to:expr, $from:expr;)+) => {
        $(impl Short for $kind {
            const LENGTH: usize = $length;

            #[inline]
            fn to_words(&self) -> Option<[u64; WORDS]> {
                let to: fn(&Self) -> Option<[u64; $length]> = $to;
                let mut words = [0; WORDS];
                for (place, word) in words.iter_mut().zip(to(self)?) {
                    *place = word;
                }
                Some(words)
            }

            #[inline]
            fn from_words(words: [u64; WORDS]) -> Option<Self> {
                let from: fn([u64; $length]) -> Option<Self> = $from;
                from(*words.first_chunk()?)
            }
        })+
    };
}

of_words! {
    Exit = 1,
        |it| Some([u64::from(it.code.cast_unsigned())]),
        |[code]| Some(Self { code: u32::try_from(code).ok()?.cast_signed() });
    Wait = 1,
        |it| Some([some_task_word(it.child)?]),
        |[child]| Some(Self { child: some_task_of(child) });
    WaitFor = 2,
        |it| Some([some_task_word(it.child)?, it.ns]),
        |[child, ns]| Some(Self { child: some_task_of(child), ns });
    Kill = 1,
        |it| Some([task_word(it.task)]),
        |[task]| Some(Self { task: task_of(task) });
    KillGroup = 1,
        |it| Some([group_word(it.group)]),
        |[group]| Some(Self { group: group_of(group) });
    Freeze = 1,
        |it| Some([group_word(it.group)]),
        |[group]| Some(Self { group: group_of(group) });
    Thaw = 1,
        |it| Some([group_word(it.group)]),
        |[group]| Some(Self { group: group_of(group) });
    MoveTask = 2,
        |it| Some([task_word(it.task), group_word(it.group)]),
        |[task, group]| Some(Self { task: task_of(task), group: group_of(group) });
    StartThread = 2,
        |it| Some([pair(it.entry, it.stack_top), it.argument]),
        |[both, argument]| {
            let (entry, stack_top) = unpair(both);
            Some(Self { entry, stack_top, argument })
        };
    EndThread = 1,
        |it| Some([pair(it.number, u32::from(it.myself))]),
        |[both]| {
            let (number, myself) = unpair(both);
            let myself = match myself {
                0 => false,
                1 => true,
                _ => return None,
            };
            Some(Self { number, myself })
        };
    JoinThread = 1,
        |it| Some([u64::from(it.number)]),
        |[number]| Some(Self { number: u32::try_from(number).ok()? });
    Sleep = 1,
        |it| Some([it.ns]),
        |[ns]| Some(Self { ns });
    SleepUntil = 1,
        |it| Some([it.clock.ns]),
        |[ns]| Some(Self { clock: Clock { ns } });
    Clock = 1,
        |it| Some([it.ns]),
        |[ns]| Some(Self { ns });
}

of_nothing! {
    ReadArguments = ReadArguments {};
    ReadClock = ReadClock {};
}
