//! What the adversary asks about tasks and threads.

use client::Server;
use client::interfaces::Call;
use client::interfaces::links::{Accept, HangUp, Offer, ReadLinks, SetAlarm};
use client::interfaces::process::{
    AdoptBand, Arguments, Audit, Children, Clock, EndThread, FindProgram, Fork, Freeze, Inspect,
    JoinThread, Kill, KillGroup, MoveTask, NextGroup, ReadArguments, ReadClock, ReadFigures,
    ReadPool, ReadTask, Sleep, SleepUntil, Spawn, StartThread, Thaw, Wait, WaitFor,
};
use client::interfaces::provision::{ProgramId, ProgramName};

use super::Adversary;
use crate::threads;

/// The stacks of threads that it starts are the last ones; the first is another mode's.
const STACKS: u32 = 3;
/// A thread that is never there.
const NO_THREAD: u32 = 15;

impl Adversary {
    fn order<C: Call>(&mut self, may: bool, request: &C) -> Option<C::Reply> {
        self.oracle.ask(Server::Process, may, request)
    }

    pub fn tasks(&mut self) {
        let (task, group, some) = (self.task(), self.group(), self.some_group());
        let (opened, reads) = (self.oracle.opened(group), self.oracle.reads(some));
        let child = task != self.oracle.me && self.oracle.knows(task);
        // Below a group of its own it would stop or end itself.
        let safe = !opened || self.oracle.at_home();
        match self.below(20) {
            0 => {
                let program = client::process::find_program("assist").unwrap_or(ProgramId(0));
                let mode = if self.below(2) == 0 { "exit 0" } else { "idle" };
                let request = Spawn {
                    program,
                    group: some,
                    arguments: Arguments::cut(mode),
                };
                if let Some(child) = self.oracle.ask_new(Server::Process, reads, &request) {
                    self.oracle.children.add(child);
                }
            }
            1 => {
                let name = ProgramName::cut("suite");
                self.order(true, &FindProgram { name });
            }
            2 => {
                let child = (self.below(2) == 0).then_some(task);
                self.order(true, &WaitFor { child, ns: 1000 });
            }
            3 | 4 => {
                self.order(child, &Kill { task });
            }
            5 if safe => {
                self.order(opened, &KillGroup { group });
            }
            6 => {
                let may = self.oracle.knows(task);
                self.order(may, &ReadTask { task: Some(task) });
            }
            7 => {
                self.order(true, &ReadTask { task: None });
            }
            8 => {
                let after = (self.below(2) == 0).then_some(task);
                self.order(true, &Children { after });
            }
            9 => {
                self.order(true, &ReadArguments {});
            }
            10 => {
                self.order(false, &Audit { group });
                self.order(false, &Inspect { group: some, at: 0 });
            }
            11 => {
                self.order(false, &NextGroup { after: some });
            }
            12 => {
                self.order(false, &ReadFigures {});
            }
            13 => {
                self.order(false, &ReadPool {});
            }
            14 if safe => {
                self.order(opened, &Freeze { group });
            }
            15 if safe => {
                self.order(opened, &Thaw { group });
            }
            16 | 17 => {
                // Itself only out of a group that it has opened.
                let out = child || task == self.oracle.me && !self.oracle.at_home();
                let may = out && opened;
                let moved = self.order(may, &MoveTask { task, group });
                if moved.is_some() && task == self.oracle.me {
                    self.oracle.home = group;
                }
            }
            // Whose child a stranger is not: it would wait for its own.
            18 if !self.oracle.knows(task) => {
                self.order(false, &Wait { child: Some(task) });
            }
            19 if self.below(4) == 0 => self.fork(),
            _ => {}
        }
    }

    /// A child that goes on here is another of the same kind; one is enough.
    fn fork(&mut self) {
        let group = self.some_group();
        let may = self.oracle.reads(group);
        let request = Fork { thread: 0, group };
        match self.oracle.ask_new(Server::Process, may, &request) {
            Some(None) => client::process::exit(0),
            Some(Some(child)) => self.oracle.children.add(child),
            None => {}
        }
    }

    /// What could link it to others. Its children accept nothing, and nobody offers it anything.
    fn links(&mut self) {
        let (task, ns) = (self.task(), 1000);
        match self.below(5) {
            0 => {
                self.order(false, &Offer { to: task, ns });
            }
            1 => {
                let from = (self.below(2) == 0).then_some(task);
                self.order(false, &Accept { from, ns });
            }
            2 => {
                self.order(false, &HangUp { partner: task });
            }
            3 => {
                self.order(true, &ReadLinks {});
            }
            _ => {
                self.order(true, &SetAlarm { ns });
            }
        }
    }

    /// Threads of its own, and time.
    pub fn threads(&mut self) {
        let number = self.small(STACKS).saturating_add(1);
        match self.below(10) {
            8 | 9 => self.links(),
            0 => {
                let (entry, stack_top) = threads::sleeper_on(number);
                let request = StartThread {
                    entry,
                    stack_top,
                    argument: 0,
                };
                // No more than there are stacks: the numbers are the lowest that are free.
                let account = client::process::read_task(None);
                if account.is_ok_and(|account| account.threads <= STACKS) {
                    self.order(true, &request);
                }
            }
            1 => {
                let myself = false;
                self.order(true, &EndThread { number, myself });
            }
            2 => {
                let number = NO_THREAD;
                self.order(false, &JoinThread { number });
            }
            3 => {
                self.order(true, &ReadClock {});
            }
            4 => {
                self.order(true, &Sleep { ns: 1000 });
            }
            5 => {
                let clock = Clock { ns: 0 };
                self.order(true, &SleepUntil { clock });
            }
            6 => {
                self.order(true, &AdoptBand {});
            }
            _ => {}
        }
    }
}
