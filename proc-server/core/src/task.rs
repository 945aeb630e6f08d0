//! What is remembered of one task and of one thread.

use interfaces::TaskId;
use interfaces::identity::GroupId;
use interfaces::links::LINKS;
use interfaces::process::{Arguments, Ended, FewArguments};
use interfaces::provision::{ProgramId, TASK_THREADS};

use crate::ends::Ends;
use crate::lifecycle::{Ending, Lifecycle};
use crate::list::{Hook, List, Listed};
use crate::waiting::{AIMED, OWNED};

/// The hook for the list of free places and for the queue of those who end.
pub const QUEUE: usize = 0;
/// The hook for the children of one parent.
pub const SIBLINGS: usize = 1;

/// What a task is told when it begins.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// As it came in a message's registers: most tasks that are refused are so before anybody reads it.
    Few(FewArguments),
    /// As text.
    Text(&'a Arguments),
}

impl Said<'_> {
    /// Whether it begins like this.
    pub(crate) fn begins_with(self, text: &str) -> bool {
        match self {
            Self::Few(few) => few.text().as_str().starts_with(text),
            Self::Text(arguments) => arguments.as_str().starts_with(text),
        }
    }

    /// Notes it.
    pub(crate) fn write_to(self, arguments: &mut Arguments) {
        match self {
            Self::Few(few) => *arguments = few.text(),
            Self::Text(text) => arguments.clone_from(text),
        }
    }
}

/// What a task is to be.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Who spawns it; nobody for what is started at boot.
    pub parent: Option<TaskId>,
    /// What it runs.
    pub program: ProgramId,
    /// The group that was asked for; the parent's if none.
    pub group: Option<GroupId>,
    /// Whether its badge has the operator's flag.
    pub operator: bool,
    /// Its arguments.
    pub arguments: Said<'a>,
}

/// How far a task's making has come, so that exactly this much is taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// The limits-server may have a ticket or a birth of it.
    pub ticket: bool,
    /// The memory-server may have objects of it.
    pub objects: bool,
    /// The memory-server was asked for objects: whether it left its slots here empty is to be looked at.
    pub slots: bool,
}

/// A task's place, taken or not.
#[derive(Clone, Debug)]
pub struct Task {
    pub(crate) generation: u32,
    pub(crate) life: Lifecycle,
    pub(crate) parent: Option<TaskId>,
    pub(crate) group: GroupId,
    pub(crate) program: ProgramId,
    pub(crate) arguments: Arguments,
    pub(crate) owed: Owed,
    /// The place of each thread, by its number; the first has number 0.
    pub(crate) threads: [Option<u32>; TASK_THREADS as usize],
    /// The place and the number of one that has ended and whose objects are kept for the next one of that number.
    pub(crate) rested: Option<(u32, u32)>,
    pub(crate) children: List<SIBLINGS>,
    pub(crate) child_count: u32,
    pub(crate) ends: Ends,
    /// Its threads stand still.
    pub(crate) still: bool,
    /// What its own threads wait for.
    pub(crate) waiters: List<OWNED>,
    /// Who waits for something of it: to be gone because they killed it, or to accept what they offer.
    pub(crate) aimed: List<AIMED>,
    /// It has a mailbox.
    pub(crate) has_mailbox: bool,
    /// Its partners, by the number of the slot.
    pub(crate) links: [Option<TaskId>; LINKS],
    pub(crate) queue: Hook,
    pub(crate) siblings: Hook,
}

impl Task {
    /// A place that nobody has ever had.
    #[must_use]
    pub fn vacant() -> Self {
        Self {
            generation: 0,
            life: Lifecycle::Vacant,
            parent: None,
            group: GroupId::ROOT,
            program: ProgramId(0),
            arguments: Arguments::default(),
            owed: Owed::default(),
            threads: [None; TASK_THREADS as usize],
            rested: None,
            children: List::EMPTY,
            child_count: 0,
            ends: Ends::NONE,
            still: false,
            waiters: List::EMPTY,
            aimed: List::EMPTY,
            has_mailbox: false,
            links: [None; LINKS],
            queue: Hook::LOOSE,
            siblings: Hook::LOOSE,
        }
    }

    /// Forgets the tenant before, but for the generation.
    ///
    /// Field by field: most of a place is room for ends, which need not be written to be forgotten.
    pub(crate) fn renew(&mut self, life: Lifecycle) {
        self.life = life;
        self.parent = None;
        self.group = GroupId::ROOT;
        self.program = ProgramId(0);
        self.arguments = Arguments::default();
        self.owed = Owed::default();
        self.threads = [None; TASK_THREADS as usize];
        self.rested = None;
        self.children = List::EMPTY;
        self.child_count = 0;
        self.ends.forget();
        self.still = false;
        self.waiters = List::EMPTY;
        self.aimed = List::EMPTY;
        self.has_mailbox = false;
        self.links = [None; LINKS];
        self.queue = Hook::LOOSE;
        self.siblings = Hook::LOOSE;
    }

    /// Where it stands.
    #[must_use]
    pub const fn life(&self) -> Lifecycle {
        self.life
    }

    /// Whether its threads stand still, because its group is frozen.
    #[must_use]
    pub const fn is_still(&self) -> bool {
        self.still
    }

    /// The group that it was born in, or moved to last by this server.
    #[must_use]
    pub const fn group(&self) -> GroupId {
        self.group
    }

    /// What it runs.
    #[must_use]
    pub const fn program(&self) -> ProgramId {
        self.program
    }

    /// Its arguments.
    #[must_use]
    pub const fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// How many children of its are alive.
    #[must_use]
    pub const fn child_count(&self) -> u32 {
        self.child_count
    }

    /// The ends of its children that it was not told yet.
    #[must_use]
    pub const fn ends(&self) -> &Ends {
        &self.ends
    }

    /// The places of its threads.
    pub fn thread_places(&self) -> impl Iterator<Item = u32> + '_ {
        self.threads.iter().copied().flatten()
    }

    /// The places of its threads, and of the one that rests.
    pub fn all_places(&self) -> impl Iterator<Item = u32> + '_ {
        let rested = self.rested.map(|(place, _)| place);
        self.thread_places().chain(rested)
    }

    /// The place of its first thread, in whose slots its CNode and its root are.
    #[must_use]
    pub fn first_thread(&self) -> Option<u32> {
        self.threads.first().copied().flatten()
    }

    /// What its parent is to be told.
    #[must_use]
    pub fn ended(&self, task: TaskId) -> Option<Ended> {
        match self.life {
            Lifecycle::Ending(Ending::Told(reason)) => Some(Ended { task, reason }),
            _ => None,
        }
    }
}

impl Listed<QUEUE> for Task {
    fn hook(&mut self) -> &mut Hook {
        &mut self.queue
    }
    fn hook_ref(&self) -> &Hook {
        &self.queue
    }
}

impl Listed<SIBLINGS> for Task {
    fn hook(&mut self) -> &mut Hook {
        &mut self.siblings
    }
    fn hook_ref(&self) -> &Hook {
        &self.siblings
    }
}

/// A thread's place. Its number is what its slots and its birth badge are computed from.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// Whose it is: task and number within the task.
    pub(crate) tenant: Option<(TaskId, u32)>,
    /// The slot of this place in the birth CNode holds its birth capability. That stays, whoever has the place.
    pub(crate) birth_minted: bool,
    /// The address of its IPC buffer, once it has one.
    pub(crate) ipc_buffer: u32,
    pub(crate) queue: Hook,
}

impl Thread {
    /// A place that nobody has ever had.
    pub const VACANT: Self = Self {
        tenant: None,
        birth_minted: false,
        ipc_buffer: 0,
        queue: Hook::LOOSE,
    };
}

impl Listed<QUEUE> for Thread {
    fn hook(&mut self) -> &mut Hook {
        &mut self.queue
    }
    fn hook_ref(&self) -> &Hook {
        &self.queue
    }
}
