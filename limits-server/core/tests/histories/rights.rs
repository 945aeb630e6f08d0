//! The part of the model that knows who may do what, and what outlives its opener: lists, and no index into them.

use std::collections::{BTreeMap, BTreeSet};

use interfaces::accounting::{MoveRefusal, RightsRefusal};
use interfaces::limits::{
    Cause, GrantRefusal, Owner, RemoveRefusal, RevokeRefusal, Rights, TombstoneRefusal,
};
use interfaces::{Amounts, GroupId, Limit, Resource, TaskId};
use limits_core::{ENTRY_BYTES, Viewer};
use proptest::prelude::*;

use super::{Answer, Model, Pair, ROOM, Refusal, same};

/// One step. Numbers choose among everything that was ever there, as in the other steps.
#[derive(Clone, Debug)]
pub enum Step {
    Grant {
        group: usize,
        giver: usize,
        task: usize,
        rights: Rights,
    },
    Revoke {
        group: usize,
        task: usize,
        rights: Rights,
        giver: Option<usize>,
    },
    SetHeld {
        group: usize,
        held: bool,
    },
    Remove {
        group: usize,
    },
    Own {
        group: usize,
        uid: u32,
        mode: u16,
    },
    Credentials {
        task: usize,
        uid: u32,
    },
    ResetPeaks {
        group: usize,
    },
    SetSoft {
        group: usize,
        kind: Resource,
        limit: Limit,
    },
    MoveBy {
        task: usize,
        group: usize,
        by: usize,
    },
}

pub fn step() -> impl Strategy<Value = Step> {
    let which = || 0..64_usize;
    let rights = || (0..1024_u16).prop_map(rights_of);
    prop_oneof![
        4 => (which(), which(), which(), rights())
            .prop_map(|(group, giver, task, rights)| Step::Grant { group, giver, task, rights }),
        2 => (which(), which(), rights(), prop::option::of(which()))
            .prop_map(|(group, task, rights, giver)| Step::Revoke { group, task, rights, giver }),
        2 => (which(), any::<bool>()).prop_map(|(group, held)| Step::SetHeld { group, held }),
        1 => which().prop_map(|group| Step::Remove { group }),
        2 => (which(), 0..3_u32, 0..0o1002_u16).prop_map(|(group, uid, mode)| Step::Own { group, uid, mode }),
        1 => (which(), 0..3_u32).prop_map(|(task, uid)| Step::Credentials { task, uid }),
        1 => which().prop_map(|group| Step::ResetPeaks { group }),
        3 => (which(), super::kind(), super::limit())
            .prop_map(|(group, kind, limit)| Step::SetSoft { group, kind, limit }),
        3 => (which(), which(), which()).prop_map(|(task, group, by)| Step::MoveBy { task, group, by }),
    ]
}

fn rights_of(bits: u16) -> Rights {
    let held = (0..)
        .zip(Rights::NAMES)
        .filter(|(bit, _)| bits & (1 << bit) != 0);
    held.fold(Rights::NONE, |sum, (_, (right, _))| sum.union(right))
}

#[derive(Clone)]
struct Entry {
    group: GroupId,
    task: TaskId,
    giver: TaskId,
    rights: Rights,
}

/// Who was given what, and whose everything is.
#[derive(Clone, Default)]
pub struct Book {
    entries: Vec<Entry>,
    /// What openers have given up.
    given_up: BTreeMap<GroupId, Rights>,
    owners: BTreeMap<GroupId, (u32, u16)>,
    credentials: BTreeMap<TaskId, u32>,
    held: BTreeSet<GroupId>,
    pub(super) soft: BTreeMap<(GroupId, Resource), u64>,
    crossings: BTreeMap<(GroupId, Resource), u64>,
    /// What was known of each group when it was last there.
    last: BTreeMap<GroupId, (Amounts, Amounts)>,
    /// Kinds of which more was charged than a number holds.
    endless: BTreeSet<Resource>,
    /// Groups that have vanished, in that order as far as the model knows it.
    vanished: BTreeSet<GroupId>,
}

impl Book {
    pub fn cost(&self, group: GroupId) -> u64 {
        ENTRY_BYTES * self.of(group)
    }

    /// Notes which soft limits an admitted charge crosses.
    pub fn cross(&mut self, group: GroupId, usage: &Amounts, amounts: &Amounts) {
        for (kind, asked) in amounts.present() {
            let soft = self.soft.get(&(group, kind)).copied().unwrap_or(u64::MAX);
            let used = usage.get(kind);
            if used <= soft && u128::from(used) + u128::from(asked) > u128::from(soft) {
                *self.crossings.entry((group, kind)).or_default() += 1;
            }
        }
    }

    fn of(&self, group: GroupId) -> u64 {
        self.entries
            .iter()
            .filter(|entry| entry.group == group)
            .count() as u64
    }

    pub fn holds(&self, group: GroupId) -> bool {
        self.held.contains(&group)
    }

    /// No total is below what it must be.
    fn at_least(&self, group: GroupId, total: &Amounts, least: &Amounts) {
        for (kind, least) in least.iter() {
            let sum = total.get(kind);
            assert!(
                sum >= least || self.endless.contains(&kind),
                "{kind} of {group}: {sum} < {least}"
            );
        }
    }

    pub fn let_go(&mut self, group: GroupId) -> bool {
        self.held.remove(&group)
    }

    pub fn vanish(&mut self, group: GroupId) {
        self.entries.retain(|entry| entry.group != group);
        self.held.remove(&group);
        self.vanished.insert(group);
    }

    pub fn end(&mut self, task: TaskId) {
        self.entries.retain(|entry| entry.task != task);
    }

    pub fn open(&mut self, group: GroupId, opener: Option<TaskId>) {
        let uid = opener.and_then(|task| self.credentials.get(&task).copied());
        self.owners.insert(group, (uid.unwrap_or_default(), 0));
    }

    pub fn birth(&mut self, task: TaskId, parent: Option<TaskId>) {
        let uid = parent.and_then(|parent| self.credentials.get(&parent).copied());
        self.credentials.insert(task, uid.unwrap_or_default());
    }
}

impl Model {
    /// Every right that a born task has on a group that is there.
    pub fn rights(&self, task: TaskId, group: GroupId) -> Rights {
        let home = self.born(task).unwrap();
        if group != home && self.within(group, home) {
            return Rights::ALL;
        }
        let mut rights = if group == home {
            Rights::MEMBER
        } else {
            Rights::NONE
        };
        for above in self.path(group) {
            if self.groups[&above].opener == Some(task) {
                let lost = self.book.given_up.get(&above).copied().unwrap_or_default();
                rights = rights.union(Rights::ALL.without(lost));
            }
            let held = self.book.entries.iter();
            let held = held.filter(|entry| entry.group == above && entry.task == task);
            rights = held.fold(rights, |sum, entry| sum.union(entry.rights));
        }
        if rights.contains(Rights::SEE) {
            let (uid, mode) = self.book.owners.get(&group).copied().unwrap_or_default();
            // The gid is always 0 here.
            let class = if self.book.credentials[&task] == uid {
                mode >> 6
            } else {
                mode >> 3
            };
            rights = rights.union(Rights::of_mode(class & 7));
        }
        rights
    }

    fn grant(
        &mut self,
        group: GroupId,
        giver: TaskId,
        task: TaskId,
        rights: Rights,
    ) -> Result<(), GrantRefusal> {
        let parent = self
            .groups
            .get(&group)
            .ok_or(GrantRefusal::UnknownGroup)?
            .parent;
        self.born(task).ok_or(GrantRefusal::UnknownTask)?;
        if rights.is_none() {
            return Ok(());
        }
        let same =
            |entry: &&mut Entry| (entry.group, entry.task, entry.giver) == (group, task, giver);
        if let Some(entry) = self.book.entries.iter_mut().find(same) {
            entry.rights = entry.rights.union(rights);
            return Ok(());
        }
        if self.book.entries.len() == ROOM.entries {
            return Err(GrantRefusal::LedgerFull);
        }
        if let Some(parent) = parent {
            self.charge(parent, &Amounts::of(Resource::KernelMemory, ENTRY_BYTES))?;
        }
        self.book.entries.push(Entry {
            group,
            task,
            giver,
            rights,
        });
        Ok(())
    }

    fn revoke(
        &mut self,
        group: GroupId,
        task: TaskId,
        rights: Rights,
        giver: Option<TaskId>,
    ) -> Result<(), RevokeRefusal> {
        let opener = self
            .groups
            .get(&group)
            .ok_or(RevokeRefusal::UnknownGroup)?
            .opener;
        self.born(task).ok_or(RevokeRefusal::NotYours)?;
        let mut found = false;
        if giver.is_none() && opener == Some(task) {
            let lost = self.book.given_up.entry(group).or_default();
            *lost = lost.union(rights);
            found = true;
        }
        for entry in &mut self.book.entries {
            let by = giver.is_none_or(|giver| giver == entry.giver);
            if entry.group == group && entry.task == task && by {
                entry.rights = entry.rights.without(rights);
                found = true;
            }
        }
        self.book.entries.retain(|entry| !entry.rights.is_none());
        found.then_some(()).ok_or(RevokeRefusal::NotYours)
    }

    fn remove(&mut self, id: GroupId) -> Result<(), RemoveRefusal> {
        let group = self.groups.get(&id).ok_or(RemoveRefusal::UnknownGroup)?;
        if group.permanent || group.killing.is_some() {
            return Err(RemoveRefusal::Busy);
        }
        let used = self.groups.values().any(|other| other.parent == Some(id))
            || self.tasks.values().any(|task| task.group == id)
            || self.threads.values().any(|thread| thread.payer == id)
            || !self.usage(id).is_none();
        if used {
            return Err(RemoveRefusal::NotEmpty);
        }
        self.groups.get_mut(&id).unwrap().opener = None;
        self.book.held.remove(&id);
        Ok(())
    }

    fn move_by(
        &mut self,
        task: TaskId,
        group: GroupId,
        by: TaskId,
    ) -> Result<GroupId, MoveRefusal> {
        self.born(by).ok_or(MoveRefusal::UnknownTask)?;
        let source = self.born(task).ok_or(MoveRefusal::UnknownTask)?;
        self.needs(by, source, Rights::MOVE_OUT)
            .map_err(|refusal| match refusal {
                RightsRefusal::UnknownGroup => MoveRefusal::UnknownTask,
                RightsRefusal::NotYours => MoveRefusal::NotYours,
            })?;
        self.needs(by, group, Rights::MOVE_IN)
            .map_err(|refusal| match refusal {
                RightsRefusal::UnknownGroup => MoveRefusal::UnknownGroup,
                RightsRefusal::NotYours => MoveRefusal::NotYours,
            })?;
        self.move_task(task, group)
    }

    /// Whether a born task has a right on a group, which need not be there.
    pub fn needs(&self, task: TaskId, group: GroupId, right: Rights) -> Result<(), RightsRefusal> {
        if !self.groups.contains_key(&group) {
            return Err(RightsRefusal::UnknownGroup);
        }
        let held = self.rights(task, group);
        if held.contains(right) {
            Ok(())
        } else if held.contains(Rights::SEE) {
            Err(RightsRefusal::NotYours)
        } else {
            Err(RightsRefusal::UnknownGroup)
        }
    }
}

impl Refusal for RevokeRefusal {}
impl Refusal for RemoveRefusal {}

impl Pair {
    pub fn answer_about_rights(&mut self, step: &Step) -> Answer {
        match *step {
            Step::Grant {
                group,
                giver,
                task,
                rights,
            } => {
                let (group, giver, task) = (self.group(group), self.task(giver), self.task(task));
                same(
                    self.ledger.grant(group, giver, task, rights),
                    self.model.grant(group, giver, task, rights),
                )
            }
            Step::Revoke {
                group,
                task,
                rights,
                giver,
            } => {
                let (group, task) = (self.group(group), self.task(task));
                let giver = giver.map(|giver| self.task(giver));
                same(
                    self.ledger.revoke(group, task, rights, giver),
                    self.model.revoke(group, task, rights, giver),
                )
            }
            Step::SetHeld { group, held } => {
                let group = self.group(group);
                let there = self.model.groups.contains_key(&group);
                if there && held {
                    self.model.book.held.insert(group);
                } else {
                    self.model.book.held.remove(&group);
                }
                let answer = self.ledger.set_held(group, held);
                assert_eq!(answer.is_ok(), there);
                Answer::Yes
            }
            Step::Remove { group } => {
                let group = self.group(group);
                same(self.ledger.remove_group(group), self.model.remove(group))
            }
            Step::Own { group, uid, mode } => {
                let group = self.group(group);
                let there = self.model.groups.contains_key(&group);
                let well = there && mode <= 0o777;
                assert_eq!(self.ledger.set_mode(group, mode).is_ok(), well);
                if well {
                    self.ledger.set_owner(group, uid, 0).unwrap();
                    self.model.book.owners.insert(group, (uid, mode));
                    let owner = self.ledger.owner(group).unwrap();
                    assert_eq!(owner, Owner { uid, gid: 0, mode });
                }
                Answer::Yes
            }
            Step::Credentials { task, uid } => {
                let task = self.task(task);
                let there = self.model.tasks.contains_key(&task);
                assert_eq!(self.ledger.set_credentials(task, uid, 0).is_ok(), there);
                if there {
                    self.model.book.credentials.insert(task, uid);
                }
                Answer::Yes
            }
            Step::ResetPeaks { group } => {
                let group = self.group(group);
                if self.model.groups.contains_key(&group) {
                    self.ledger.reset_peaks(group).unwrap();
                    let now = self.model.usage(group);
                    self.model.groups.get_mut(&group).unwrap().peak = now;
                }
                Answer::Yes
            }
            Step::SetSoft { group, kind, limit } => {
                let group = self.group(group);
                let room = self.model.make_room_for_limits(group, limit);
                let expected = room.map(|_| ());
                if expected.is_ok() {
                    self.model.book.soft.insert((group, kind), limit.bound());
                }
                same(self.ledger.set_soft_limit(group, kind, limit), expected)
            }
            Step::MoveBy { task, group, by } => {
                let (task, group, by) = (self.task(task), self.group(group), self.task(by));
                let moved = self.ledger.move_task_by(task, group, Some(by));
                same(
                    moved.map(|admitted| admitted.group),
                    self.model.move_by(task, group, by),
                )
            }
        }
    }

    /// Everybody's rights on every group; totals that never run backwards; and what is remembered.
    pub fn compare_rights(&mut self) {
        let born: Vec<_> = self
            .model
            .tasks
            .iter()
            .filter(|(_, task)| task.born)
            .collect();
        for &(&task, _) in &born {
            let viewer = self.ledger.viewer(task, false).unwrap();
            for &group in self.model.groups.keys() {
                let expected = self.model.rights(task, group);
                assert_eq!(
                    self.ledger.rights(viewer, group),
                    expected,
                    "{task} on {group}"
                );
                assert_eq!(
                    self.ledger.may_see(viewer, group),
                    expected.contains(Rights::SEE)
                );
            }
        }
        let root = self.ledger.totals(GroupId::ROOT).unwrap().charged;
        let peak = self.ledger.account(GroupId::ROOT).unwrap().peak;
        for (kind, sum) in root.iter() {
            // No machine gets there; a history that does has no total any more. (It may have wrapped in this step.)
            if sum.max(peak.get(kind)) >= 1 << 60 {
                self.model.book.endless.insert(kind);
            }
        }
        for (&id, group) in &self.model.groups {
            let totals = self.ledger.totals(id).unwrap();
            for (kind, crossings) in totals.crossings.iter() {
                let expected = self.model.book.crossings.get(&(id, kind));
                assert_eq!(
                    crossings,
                    expected.copied().unwrap_or_default(),
                    "{kind} of {id}"
                );
            }
            let charged = totals.charged;
            let before = self
                .model
                .book
                .last
                .get(&id)
                .map_or(Amounts::NONE, |last| last.0);
            self.model.book.at_least(id, &charged, &before);
            self.model.book.at_least(id, &charged, &group.peak);
            self.model.book.last.insert(id, (charged, group.peak));
        }
        self.compare_tombstones();
    }

    fn compare_tombstones(&mut self) {
        let everybody = Viewer {
            task: TaskId {
                index: 0,
                generation: 98,
            },
            home: GroupId::ROOT,
            operator: true,
        };
        let mut remembered = 0;
        for &id in &self.model.book.vanished {
            match self.ledger.tombstone(everybody, id) {
                Ok(stone) => {
                    remembered += 1;
                    let (charged, peak) = self.model.book.last[&id];
                    // It may have vanished in a step that charged it before.
                    self.model.book.at_least(id, &stone.charged, &charged);
                    self.model.book.at_least(id, &stone.peak, &peak);
                    assert!(stone.label.is_empty() || stone.label.as_str() == "label");
                    assert!(
                        !matches!(stone.cause, Cause::Killed { by: Some(_) }) || stone.group == id
                    );
                }
                Err(refusal) => assert_eq!(refusal, TombstoneRefusal::Unknown),
            }
        }
        assert_eq!(
            remembered,
            self.model.book.vanished.len().min(super::common::TOMBS)
        );
    }
}
