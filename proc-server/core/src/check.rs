//! The invariants of the tables, as something that can be asked for after every step of a test.

use interfaces::TaskId;
use interfaces::links::SUITORS;

use crate::hands::Hands;
use crate::lifecycle::{Ending, Lifecycle};
use crate::server::ProcServer;
use crate::table::TaskTable;
use crate::task::{QUEUE, SIBLINGS, Task, Thread};
use crate::waiting::{AIMED, Awaits, OWNED, Waiter, Waiters};

/// Which invariant does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(pub &'static str);

type Checked = Result<(), Broken>;

fn must(holds: bool, what: &'static str) -> Checked {
    if holds { Ok(()) } else { Err(Broken(what)) }
}

impl TaskTable<'_> {
    /// Whether every invariant of the table holds.
    pub fn check(&self) -> Checked {
        let [free_tasks, free_threads, ending, resting] = self.lists();
        let tasks = self.task_slots();
        let threads = self.thread_slots();
        let count = |wanted: fn(&Task) -> bool| tasks.iter().filter(|task| wanted(task)).count();
        let taken = count(|task| task.life.is_taken());
        let vacant = count(|task| task.life == Lifecycle::Vacant);
        let dying = count(|task| matches!(task.life, Lifecycle::Ending(_)));
        must(
            taken == self.tasks_taken() as usize,
            "taken tasks are counted",
        )?;
        must(
            free_tasks.places::<Task>(tasks).count() == vacant,
            "vacant tasks are listed",
        )?;
        must(
            ending.places::<Task>(tasks).count() == dying,
            "ending tasks are listed",
        )?;
        let tenants = threads
            .iter()
            .filter(|thread| thread.tenant.is_some())
            .count();
        must(
            tenants == self.threads_taken() as usize,
            "taken threads are counted",
        )?;
        must(
            free_threads.places::<Thread>(threads).count() == threads.len().saturating_sub(tenants),
            "vacant threads are listed",
        )?;
        let rested = count(|task| task.life.is_taken() && task.rested.is_some());
        must(
            resting.places::<Thread>(threads).count() == rested,
            "resting threads are listed",
        )?;
        for place in ending.places::<Task>(tasks) {
            let task = self.id_at(place).and_then(|task| self.get(task));
            must(
                task.is_some_and(|task| matches!(task.life, Lifecycle::Ending(_))),
                "only ending tasks are in the queue of those",
            )?;
        }
        self.check_threads(threads)?;
        (0..u32::try_from(tasks.len()).unwrap_or(u32::MAX))
            .filter_map(|index| self.id_at(index))
            .try_for_each(|task| self.check_family(task))
    }

    fn check_threads(&self, threads: &[Thread]) -> Checked {
        let mut listed = 0_usize;
        for (index, task) in (0_u32..).zip(self.task_slots()) {
            if task.life.is_taken() {
                must(
                    task.first_thread().is_some(),
                    "every task has a first thread",
                )?;
            }
            let numbered = (0_u32..).zip(task.threads);
            let rested = task.rested.map(|(place, number)| (number, Some(place)));
            for (number, place) in numbered.chain(rested) {
                let Some(place) = place else { continue };
                listed = listed.saturating_add(1);
                let tenant = threads.get(place as usize).and_then(|thread| thread.tenant);
                let id = TaskId {
                    index,
                    generation: task.generation,
                };
                must(
                    tenant == Some((id, number)),
                    "a thread knows its task and number",
                )?;
            }
        }
        must(
            listed == self.threads_taken() as usize,
            "every thread is some task's",
        )
    }

    fn check_family(&self, task: TaskId) -> Checked {
        let Some(slot) = self.get(task) else {
            return Ok(());
        };
        let mut children = 0_u32;
        for place in slot.children.places::<Task>(self.task_slots()) {
            children = children.saturating_add(1);
            let child = self
                .id_at(place)
                .filter(|&child| self.parent(child) == Some(task));
            must(
                child.is_some(),
                "who is in a list of children has that parent",
            )?;
        }
        must(children == slot.child_count, "children are counted")?;
        let born = |child: &&Task| {
            child.parent == Some(task)
                && matches!(
                    child.life,
                    Lifecycle::Running | Lifecycle::Ending(Ending::Told(_))
                )
        };
        let all = self.task_slots().iter().filter(born).count();
        must(
            all == children as usize,
            "every child is in its parent's list",
        )?;
        let hook: &crate::list::Hook = crate::list::Listed::<SIBLINGS>::hook_ref(slot);
        let queued: &crate::list::Hook = crate::list::Listed::<QUEUE>::hook_ref(slot);
        must(
            hook.behind() != Some(task.index) && queued.behind() != Some(task.index),
            "nobody is behind itself",
        )
    }
}

impl Waiters<'_> {
    /// Whether every invariant of the waiters holds.
    pub fn check(&self, tasks: &TaskTable<'_>) -> Checked {
        let slots = self.slots();
        let taken = slots.iter().filter(|slot| slot.is_taken()).count();
        must(taken == self.taken() as usize, "taken waiters are counted")?;
        must(
            self.free().places::<Waiter>(slots).count() == slots.len().saturating_sub(taken),
            "free waiters are listed",
        )?;
        let mut owned = 0_usize;
        let mut aimed = 0_usize;
        for slot in tasks.task_slots() {
            let mine = slot.waiters.places::<Waiter>(slots).count();
            must(
                mine == 0 || slot.life.is_running(),
                "only running tasks wait",
            )?;
            must(
                mine <= slot.thread_places().count(),
                "no more waiters than threads",
            )?;
            owned = owned.saturating_add(mine);
            aimed = aimed.saturating_add(slot.aimed.places::<Waiter>(slots).count());
        }
        must(owned == taken, "every waiter is in its owner's list")?;
        let aiming = (0..u32::try_from(slots.len()).unwrap_or(u32::MAX))
            .filter_map(|waiter| self.tenant(waiter))
            .filter(|(_, awaits)| awaits.aim().is_some())
            .count();
        must(
            aimed == aiming,
            "whoever aims at a task is in that task's list",
        )?;
        let _ = (OWNED, AIMED);
        Ok(())
    }
}

impl<H: Hands> ProcServer<'_, H> {
    /// Whether every link stands in both tasks, and alarms are for those who have a bell.
    fn check_links(&self) -> Checked {
        for index in self.tasks.places() {
            let task = self.tasks.id_at(index);
            let Some((task, slot)) = task.and_then(|task| Some((task, self.tasks.get(task)?)))
            else {
                must(
                    !self.has_alarm(index),
                    "an alarm is for somebody who is there",
                )?;
                continue;
            };
            let lives = slot.life.is_running();
            must(
                !self.has_alarm(index) || (lives && slot.has_mailbox),
                "an alarm is for a running task with a bell",
            )?;
            for partner in slot.links.iter().flatten() {
                let theirs = self.tasks.get(*partner);
                must(
                    lives
                        && slot.has_mailbox
                        && theirs.is_some_and(|theirs| {
                            theirs.life.is_running() && theirs.links.contains(&Some(task))
                        }),
                    "a link stands in two running tasks",
                )?;
                must(
                    slot.links
                        .iter()
                        .filter(|&&link| link == Some(*partner))
                        .count()
                        == 1,
                    "two tasks have one link",
                )?;
            }
            must(
                self.waiters.suitors(&self.tasks, task).count() <= SUITORS,
                "so many offer at most",
            )?;
        }
        Ok(())
    }

    /// Whether whoever a job is to answer, if there is one, waits for that job.
    fn check_waiter(&self, waiter: Option<u32>, job: Awaits) -> Checked {
        let tenant = waiter.map(|waiter| self.waiters.tenant(waiter));
        must(
            tenant.is_none_or(|tenant| tenant.is_some_and(|(_, awaits)| awaits == job)),
            "a job's waiter waits for it",
        )
    }

    /// Whether every task that is being built is the child of a fork under way, for which somebody waits.
    fn check_forks(&self) -> Checked {
        let life = |task| self.tasks.get(task).map(Task::life);
        let mut building = 0_usize;
        for (number, job) in self.forks.iter() {
            if job.goes_on() {
                building = building.saturating_add(1);
                must(
                    life(job.child()) == Some(Lifecycle::Building),
                    "a fork's child is being built",
                )?;
                must(job.waiter.is_some(), "somebody waits for a fork")?;
            } else {
                must(
                    life(job.child()) == Some(Lifecycle::Ending(Ending::Silent)),
                    "the child of a broken fork is taken apart",
                )?;
            }
            self.check_waiter(job.waiter, Awaits::Fork(number))?;
        }
        let tasks = self.tasks.task_slots().iter();
        must(
            tasks
                .filter(|task| task.life == Lifecycle::Building)
                .count()
                == building,
            "whoever is being built is being forked",
        )
    }

    /// Whether every invariant of the server's tables holds.
    pub fn check(&self) -> Checked {
        self.tasks.check()?;
        self.waiters.check(&self.tasks)?;
        must(self.deadlines.holds(), "the earliest deadline is first")?;
        for waiter in 0..u32::try_from(self.waiters.slots().len()).unwrap_or(u32::MAX) {
            let awaits = self.waiters.tenant(waiter).map(|(_, awaits)| awaits);
            must(
                !self.deadlines.has(waiter)
                    || matches!(
                        awaits,
                        Some(
                            Awaits::Time | Awaits::Child(_) | Awaits::Offer(_) | Awaits::Accept(_)
                        )
                    ),
                "who has a deadline waits for it",
            )?;
        }
        self.check_links()?;
        let still = |task: &&Task| task.still;
        let tasks = self.tasks.task_slots();
        must(
            tasks.iter().filter(still).count() == self.still as usize,
            "those who stand still are counted",
        )?;
        must(
            tasks
                .iter()
                .all(|task| !task.still || task.life.is_running()),
            "only running tasks stand still",
        )?;
        must(
            self.watching == (self.still > 0 || !self.freezes.is_empty()),
            "the watchman is awake when he is needed",
        )?;
        for (number, job) in self.freezes.iter() {
            self.check_waiter(job.waiter, Awaits::Freeze(number))?;
        }
        self.check_forks()?;
        for (number, job) in self.jobs.iter() {
            self.check_waiter(job.waiter, Awaits::Group(number))?;
        }
        Ok(())
    }
}
