//! What every case starts from, and the way back to it.

use core::fmt;

use client::interfaces::limits::Account;
use client::interfaces::process::{ExitReason, SpawnRefusal};
use client::interfaces::provision::{PoolFigures, ProgramId};
use client::interfaces::{Amounts, CallError, GroupId, Resource, TaskId};
use client::{limits, memory, process, truth};

use crate::failure::Failure;
use crate::ledger;

/// The most children that a case may leave.
const LEFT_CHILDREN: usize = 4096;
/// Where the cases map regions: where there is room, and at addresses that they name.
const WARM_REGIONS: [Option<u32>; 4] = [
    None,
    Some(0x2ff0_0000),
    Some(0x3000_0000),
    Some(0x4000_0000),
];
/// How much of the suite's stack is touched before the first case.
const WARM_STACK: u64 = 96 * 1024;

/// What every case starts from.
pub struct World {
    /// The suite's own group; its band is above that of most assistants.
    pub own: GroupId,
    /// The suite's task.
    pub task: TaskId,
    /// A group below, whose tasks run only when the suite waits.
    pub low: GroupId,
    /// A group below, whose tasks run beside the servers.
    pub top: GroupId,
    /// The assistants' program.
    pub assist: ProgramId,
    usage: Amounts,
    pool: PoolFigures,
    /// Errors of the memory-server's own that a case has provoked.
    alarms: u64,
}

/// Touches everything that the suite will ever use, so that no case sees it charged for the suite's own pages.
pub fn warm_up() {
    let image = sel4_root_task::image();
    let here = 0_u8;
    let top = (&raw const here) as u64;
    let stack = (top.saturating_sub(WARM_STACK)..top).rev();
    for byte in (image.start..image.end)
        .step_by(4096)
        .chain(stack.step_by(4096))
    {
        // SAFETY: the bytes are in the suite's own image, or in the part of its stack that nothing uses now; they
        // are read and thrown away.
        unsafe { (byte as *const u8).read_volatile() };
    }
}

/// As many pages and slots are free as before.
#[track_caller]
pub fn nothing_lost(before: &PoolFigures) -> Result<(), Failure> {
    let now = process::pool()?;
    equal!(
        "free pages and slots",
        (now.free, now.free_slots),
        (before.free, before.free_slots)
    );
    Ok(())
}

/// A group is charged for what it holds, exactly. Returns that.
#[track_caller]
pub fn balanced(group: GroupId) -> Result<Amounts, Failure> {
    let found = process::audit(group)?;
    equal!(group, found.held, found.ledger);
    Ok(found.held)
}

#[expect(
    clippy::unused_self,
    reason = "a case asks the world, whatever of it the answer needs"
)]
impl World {
    /// Looks around.
    pub fn new() -> Result<Self, Failure> {
        let membership = limits::who_am_i()?;
        let below = limits::list_children(None, None)?;
        let labelled = |label| {
            below
                .items
                .iter()
                .copied()
                .find(|&group| {
                    limits::read_account(Some(group))
                        .is_ok_and(|account| account.label.as_str() == label)
                })
                .ok_or_else(|| Failure::new(format_args!("no group {label} below the suite's")))
        };
        let mut world = Self {
            own: membership.group,
            task: membership.task,
            low: labelled("low")?,
            top: labelled("top")?,
            assist: process::find_program("assist")?,
            usage: Amounts::NONE,
            pool: process::pool()?,
            alarms: 0,
        };
        // Tables that the suite's own mappings need stay for as long as it lives.
        for address in WARM_REGIONS {
            let region = memory::create_region(1)?;
            let at = memory::map(region, address, memory::Access::ReadWrite)?;
            // SAFETY: the page was just mapped, and nothing else is in there.
            unsafe { (u64::from(at) as *mut u8).write_volatile(1) };
            memory::destroy_region(region)?;
        }
        // One assistant, so that whatever the servers set up once is there before anything is compared.
        world.run(None, format_args!("exit 0"))?;
        memory::tidy()?;
        world.usage = world.account(world.own)?.usage;
        world.pool = process::pool()?;
        Ok(world)
    }

    /// Opens a group below the suite's, in its band.
    #[track_caller]
    pub fn group(&self) -> Result<GroupId, Failure> {
        Ok(limits::open_group(Some(self.own))?)
    }

    /// Opens a group whose tasks run only when the suite waits.
    #[track_caller]
    pub fn low_group(&self) -> Result<GroupId, Failure> {
        Ok(limits::open_group(Some(self.low))?)
    }

    /// Reads an account.
    #[track_caller]
    pub fn account(&self, group: GroupId) -> Result<Account, Failure> {
        Ok(limits::read_account(Some(group))?)
    }

    /// What a group uses of one kind.
    #[track_caller]
    pub fn usage(&self, group: GroupId, resource: Resource) -> Result<u64, Failure> {
        Ok(limits::read_resource(Some(group), resource)?.usage)
    }

    /// Starts an assistant.
    pub fn spawn(
        &self,
        group: Option<GroupId>,
        mode: fmt::Arguments<'_>,
    ) -> Result<TaskId, CallError<SpawnRefusal>> {
        // Modes are short; a longer one would be cut, and the assistant say so.
        process::spawn_with(self.assist, group, mode)
    }

    /// Starts an assistant that must start.
    #[track_caller]
    pub fn start(
        &self,
        group: Option<GroupId>,
        mode: fmt::Arguments<'_>,
    ) -> Result<TaskId, Failure> {
        Ok(self.spawn(group, mode)?)
    }

    /// Waits for the end of a child.
    #[track_caller]
    pub fn end_of(&self, child: TaskId) -> Result<ExitReason, Failure> {
        let ended = process::wait(Some(child))?;
        equal!("who ended", ended.task, child);
        Ok(ended.reason)
    }

    /// Runs an assistant to its end.
    #[track_caller]
    pub fn run(
        &self,
        group: Option<GroupId>,
        mode: fmt::Arguments<'_>,
    ) -> Result<ExitReason, Failure> {
        let child = self.start(group, mode)?;
        self.end_of(child)
    }

    /// Runs an assistant that must be content.
    #[track_caller]
    pub fn content(&self, group: Option<GroupId>, mode: fmt::Arguments<'_>) -> Result<(), Failure> {
        let reason = self.run(group, mode)?;
        if reason == (ExitReason::Exited { code: 0 }) {
            Ok(())
        } else {
            Err(Failure::new(format_args!("assist {mode}: {reason:?}")))
        }
    }

    /// Lets others of the suite's priority run until something is so.
    #[track_caller]
    pub fn until(
        &self,
        what: &str,
        mut so: impl FnMut() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        for _ in 0..1_000_000 {
            if so()? {
                return Ok(());
            }
            client::yield_now();
        }
        Err(Failure::new(format_args!("it never came to: {what}")))
    }

    /// Ends every task and closes every group that a case left, and checks that nothing else is left of it.
    pub fn take_down(&mut self) -> Result<(), Failure> {
        self.end_tasks()?;
        self.close_groups()?;
        self.audit()?;
        // Room for groups that the case opened.
        memory::tidy()?;
        let (usage, pool) = (self.account(self.own)?.usage, process::pool()?);
        let before = (
            core::mem::replace(&mut self.usage, usage),
            core::mem::replace(&mut self.pool, pool),
        );
        equal!("the suite's usage after the case", usage, before.0);
        equal!("free pages after the case", pool.free, before.1.free);
        equal!(
            "free slots after the case",
            pool.free_slots,
            before.1.free_slots
        );
        equal!("regions after the case", pool.regions, before.1.regions);
        equal!("the memory-server's alarms", pool.alarms, self.alarms);
        Ok(())
    }

    /// What the memory-server has counted as errors of its own so far was provoked.
    pub fn excuse_alarms(&mut self) -> Result<(), Failure> {
        self.alarms = process::pool()?.alarms;
        Ok(())
    }

    fn end_tasks(&self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = limits::list_children(None, after)?;
            for &group in &page.items {
                if self.usage(group, Resource::Tasks)? != 0 {
                    let receipt = process::kill_group(group)?;
                    equal!("the receipt's return", receipt.returned, receipt.held);
                }
            }
            after = page.items.last().copied();
            if !page.more {
                break;
            }
        }
        for &child in &process::children(None)?.items {
            process::kill(child)?;
        }
        for _ in 0..LEFT_CHILDREN {
            if process::wait(None).is_err() {
                return Ok(());
            }
        }
        fail!("children never end")
    }

    /// Removes every group that is left, from the bottom up.
    fn close_groups(&self) -> Result<(), Failure> {
        for top in [self.own, self.low, self.top] {
            self.remove_below(top)?;
        }
        Ok(())
    }

    /// Removes every group below one, from the bottom up, whoever opened it; nothing else may be in them.
    pub fn remove_below(&self, top: GroupId) -> Result<(), Failure> {
        let mut here = top;
        loop {
            let Ok(below) = limits::list_children(Some(here), None) else {
                // It went with the last group below it.
                here = top;
                continue;
            };
            let mut left = below.items.iter();
            match left.find(|&&group| group != self.low && group != self.top) {
                Some(&child) => here = child,
                None if here == top => return Ok(()),
                None => {
                    let above = self.account(here)?.parent;
                    limits::remove_group(here)?;
                    here = above.unwrap_or(top);
                }
            }
        }
    }

    /// Every group has what it is charged for, and the kernel bears out every record.
    pub fn audit(&self) -> Result<(), Failure> {
        ledger::each_group(|group| {
            let found = truth::audit(group)?;
            ensure!(found.is_equal(), "audit of group {group}: {found}");
            Ok(())
        })?;
        let all = truth::inspect()?;
        ensure!(all.wrong.is_none(), "audit of everything: {all}");
        Ok(())
    }
}
