//! The limits-server as far as the proc-server can tell: a few groups, tickets, and what each was charged.

use std::collections::{BTreeMap, BTreeSet};

use interfaces::accounting::*;
use interfaces::identity::Caller;
use interfaces::limits::Never;
use interfaces::provision::Progress;
use interfaces::{Amounts, GroupId, Resource, Shortage, TaskId};

use super::{Event, GROUPS, Tcb, World, group};

#[derive(Debug)]
struct Birth {
    task: TaskId,
    born: bool,
    confirmed: bool,
    amounts: Amounts,
}

#[derive(Debug, Default)]
pub struct Limits {
    parents: BTreeMap<GroupId, Option<GroupId>>,
    tasks: BTreeMap<TaskId, GroupId>,
    threads: BTreeMap<u32, Birth>,
    killing: BTreeMap<GroupId, Amounts>,
    /// The most tasks directly in a group.
    pub most: BTreeMap<GroupId, u64>,
    /// How often each group is frozen.
    pub frozen: BTreeMap<GroupId, u32>,
    /// The tasks that the proc-server was told to let stand still.
    pub still: BTreeSet<TaskId>,
    /// A group that says that it is not empty, however empty it is.
    pub stubborn: bool,
}

impl Limits {
    pub fn new() -> Self {
        let parents = GROUPS
            .iter()
            .map(|&(index, parent)| (group(index), parent.map(group)))
            .collect();
        Self {
            parents,
            ..Self::default()
        }
    }

    pub fn charged(&self) -> BTreeMap<GroupId, Amounts> {
        let mut charged = BTreeMap::new();
        for birth in self.threads.values() {
            let sum: &mut Amounts = charged.entry(self.tasks[&birth.task]).or_default();
            *sum = sum.checked_add(&birth.amounts).unwrap();
        }
        charged
    }

    pub fn tickets(&self) -> usize {
        self.threads.len()
    }

    pub fn group_of(&self, task: TaskId) -> Option<GroupId> {
        self.tasks.get(&task).copied()
    }

    pub fn is_killing(&self, group: GroupId) -> bool {
        self.up(group)
            .any(|above| self.killing.contains_key(&above))
    }

    /// Whether it is this group that is being killed, and not one above.
    pub fn is_killed(&self, group: GroupId) -> bool {
        self.killing.contains_key(&group)
    }

    pub fn birth_notice(&mut self, thread: u32) -> bool {
        self.threads
            .get_mut(&thread)
            .map(|birth| birth.born = true)
            .is_some()
    }

    pub fn is_confirmed(&self, thread: u32) -> bool {
        self.threads
            .get(&thread)
            .is_some_and(|birth| birth.confirmed)
    }

    pub fn has_no_ticket(&self, thread: u32) -> bool {
        !self.threads.contains_key(&thread)
    }

    pub fn up(&self, from: GroupId) -> impl Iterator<Item = GroupId> + '_ {
        std::iter::successors(Some(from), |below| self.parents.get(below).copied()?)
    }

    pub fn below(&self, group: GroupId, top: GroupId) -> bool {
        self.up(group).any(|above| above == top)
    }

    pub fn is_frozen(&self, group: GroupId) -> bool {
        self.up(group)
            .any(|above| self.frozen.get(&above).is_some_and(|&times| times > 0))
    }

    fn may_freeze(
        &mut self,
        group: GroupId,
        by: Option<TaskId>,
    ) -> Result<&mut u32, FreezeRefusal> {
        let by = by.and_then(|by| self.group_of(by));
        let by = by.ok_or(FreezeRefusal::UnknownGroup)?;
        if !self.parents.contains_key(&group) || !self.below(group, by) {
            return Err(FreezeRefusal::UnknownGroup);
        }
        if group == by {
            return Err(FreezeRefusal::NotYours);
        }
        Ok(self.frozen.entry(group).or_default())
    }

    fn total(&self, top: GroupId) -> Amounts {
        self.charged()
            .into_iter()
            .filter(|&(group, _)| self.below(group, top))
            .fold(Amounts::NONE, |sum, (_, own)| {
                sum.checked_add(&own).unwrap()
            })
    }
}

impl Server for World {
    fn few_ticket(&mut self, who: Caller, request: FewTicket) -> Result<Admitted, TicketRefusal> {
        self.ticket(who, request.into())
    }

    fn ticket(&mut self, _: Caller, request: Ticket) -> Result<Admitted, TicketRefusal> {
        let limits = &mut self.limits;
        let parents = match request.parent {
            None => group(1),
            Some(parent) => limits.group_of(parent).ok_or(TicketRefusal::UnknownTask)?,
        };
        let group = request.group.unwrap_or(parents);
        if !limits.parents.contains_key(&group) || !limits.below(group, parents) {
            return Err(TicketRefusal::UnknownGroup);
        }
        if limits.is_killing(group) {
            return Err(TicketRefusal::Killing);
        }
        if limits.threads.contains_key(&request.thread) || limits.tasks.contains_key(&request.task)
        {
            return Err(TicketRefusal::BadPlace);
        }
        let used = limits.tasks.values().filter(|&&of| of == group).count() as u64;
        let limit = limits.most.get(&group).copied().unwrap_or(u64::MAX);
        if used >= limit {
            return Err(TicketRefusal::Short(Shortage {
                resource: Resource::Tasks,
                group: Some(group),
                limit,
                used,
                asked: 1,
            }));
        }
        limits.tasks.insert(request.task, group);
        limits.threads.insert(
            request.thread,
            Birth {
                task: request.task,
                born: false,
                confirmed: false,
                amounts: request.amounts,
            },
        );
        let frozen = limits.is_frozen(group);
        if frozen {
            limits.still.insert(request.task);
        }
        Ok(Admitted {
            group,
            band: 2,
            frozen,
        })
    }

    fn thread_ticket(
        &mut self,
        _: Caller,
        request: ThreadTicket,
    ) -> Result<Admitted, TicketRefusal> {
        let limits = &mut self.limits;
        let group = limits
            .group_of(request.task)
            .ok_or(TicketRefusal::UnknownTask)?;
        if limits.is_killing(group) {
            return Err(TicketRefusal::Killing);
        }
        if limits.threads.contains_key(&request.thread) {
            return Err(TicketRefusal::BadPlace);
        }
        limits.threads.insert(
            request.thread,
            Birth {
                task: request.task,
                born: false,
                confirmed: false,
                amounts: request.amounts,
            },
        );
        Ok(Admitted {
            group,
            band: 2,
            frozen: limits.is_frozen(group),
        })
    }

    fn confirm(&mut self, _: Caller, request: Confirm) -> Result<(), ConfirmRefusal> {
        let birth = self.limits.threads.get_mut(&request.thread);
        let birth = birth.ok_or(ConfirmRefusal::NoTicket)?;
        if !birth.born {
            return Err(ConfirmRefusal::NotBorn);
        }
        birth.confirmed = true;
        Ok(())
    }

    fn rest_thread(&mut self, _: Caller, request: RestThread) -> Result<(), EndRefusal> {
        let birth = self.limits.threads.get_mut(&request.thread);
        let birth = birth.filter(|birth| birth.confirmed);
        let birth = birth.ok_or(EndRefusal::Unknown)?;
        assert_eq!(self.tcbs.get(&request.thread), Some(&Tcb::Stopped));
        (birth.born, birth.confirmed) = (false, false);
        birth.amounts = birth.amounts.with(Resource::Threads, 0);
        Ok(())
    }

    fn wake_thread(&mut self, _: Caller, request: WakeThread) -> Result<Admitted, TicketRefusal> {
        let limits = &mut self.limits;
        let group = limits.group_of(request.task);
        let group = group.ok_or(TicketRefusal::UnknownTask)?;
        let birth = limits.threads.get(&request.thread);
        let rests = |birth: &&Birth| birth.amounts.get(Resource::Threads) == 0;
        let birth = birth.filter(rests).ok_or(TicketRefusal::BadPlace)?;
        assert_eq!(birth.task, request.task);
        if limits.is_killing(group) {
            return Err(TicketRefusal::Killing);
        }
        if let Some(birth) = limits.threads.get_mut(&request.thread) {
            birth.amounts = birth.amounts.with(Resource::Threads, 1);
        }
        Ok(Admitted {
            group,
            band: 2,
            frozen: limits.is_frozen(group),
        })
    }

    fn end_thread(&mut self, _: Caller, request: EndThread) -> Result<(), EndRefusal> {
        let gone = self.limits.threads.remove(&request.thread);
        gone.map(|_| ()).ok_or(EndRefusal::Unknown)
    }

    fn end_task(&mut self, _: Caller, request: EndTask) -> Result<Progress, EndRefusal> {
        let task = request.task;
        if !self.limits.tasks.contains_key(&task) {
            return Err(EndRefusal::Unknown);
        }
        assert!(
            !self.memory.tasks.contains_key(&task),
            "a task's memory is back before its ticket"
        );
        self.limits.tasks.remove(&task);
        self.limits.still.remove(&task);
        self.limits.threads.retain(|_, birth| birth.task != task);
        self.events.push(Event::Uncharged(task));
        Ok(Progress::Done)
    }

    fn charge(&mut self, _: Caller, _: Charge) -> Result<(), ChargeRefusal> {
        unreachable!("the proc-server charges nothing by itself")
    }

    fn charge_some(&mut self, _: Caller, _: ChargeSome) -> Result<u32, ChargeRefusal> {
        panic!("the memory-server's alone")
    }

    fn charge_task(&mut self, _: Caller, request: ChargeTask) -> Result<GroupId, ChargeRefusal> {
        assert!(request.amounts.is_none(), "it only asks where a task is");
        let group = self.limits.group_of(request.task);
        let group = group.ok_or(ChargeRefusal::NotBorn)?;
        if self.limits.is_killing(group) {
            return Err(ChargeRefusal::Killing);
        }
        Ok(group)
    }

    fn charge_few(&mut self, _: Caller, _: FewOf<GroupId>) -> Result<(), ChargeRefusal> {
        unreachable!("the proc-server charges nothing by itself")
    }

    fn charge_task_few(
        &mut self,
        caller: Caller,
        request: FewOf<TaskId>,
    ) -> Result<GroupId, ChargeRefusal> {
        let request = ChargeTask {
            task: request.of,
            amounts: request.amounts.amounts(),
        };
        self.charge_task(caller, request)
    }

    fn release_few(&mut self, _: Caller, _: FewOf<GroupId>) -> Result<(), ReleaseRefusal> {
        unreachable!("the proc-server charges nothing by itself")
    }

    fn release(&mut self, _: Caller, _: Release) -> Result<(), ReleaseRefusal> {
        unreachable!("the proc-server charges nothing by itself")
    }

    fn move_task(&mut self, _: Caller, request: MoveTask) -> Result<Admitted, MoveRefusal> {
        let limits = &mut self.limits;
        let MoveTask { task, group, by } = request;
        let source = limits.group_of(task).ok_or(MoveRefusal::UnknownTask)?;
        let by = by.and_then(|by| limits.group_of(by));
        let by = by.ok_or(MoveRefusal::UnknownTask)?;
        if !limits.parents.contains_key(&group) {
            return Err(MoveRefusal::UnknownGroup);
        }
        if [source, group].contains(&by) || !limits.below(source, by) || !limits.below(group, by) {
            return Err(MoveRefusal::NotYours);
        }
        if limits.is_killing(source) || limits.is_killing(group) {
            return Err(MoveRefusal::Killing);
        }
        let still = limits.still.contains(&task);
        if [source, group]
            .iter()
            .any(|&place| limits.is_frozen(place) != still)
        {
            return Err(MoveRefusal::Frozen);
        }
        limits.tasks.insert(task, group);
        Ok(Admitted {
            group,
            band: 3,
            frozen: still,
        })
    }

    fn freeze(&mut self, _: Caller, request: Freeze) -> Result<u32, FreezeRefusal> {
        let times = self.limits.may_freeze(request.group, request.by)?;
        *times += 1;
        Ok(*times)
    }

    fn thaw(&mut self, _: Caller, request: Thaw) -> Result<u32, FreezeRefusal> {
        let times = self.limits.may_freeze(request.group, request.by)?;
        *times = times.checked_sub(1).ok_or(FreezeRefusal::NotFrozen)?;
        Ok(*times)
    }

    fn next_unsettled(&mut self, _: Caller, request: NextUnsettled) -> Result<Unsettled, Never> {
        let limits = &mut self.limits;
        let found = limits.tasks.iter().find(|&(task, &of)| {
            limits.below(of, request.group) && limits.still.contains(task) != limits.is_frozen(of)
        });
        let Some((&task, &of)) = found else {
            return Ok(Unsettled::Done);
        };
        let frozen = limits.is_frozen(of);
        if frozen {
            limits.still.insert(task);
        } else {
            limits.still.remove(&task);
        }
        Ok(Unsettled::Task(Placed {
            task,
            band: 2,
            frozen,
        }))
    }

    fn read_place(&mut self, _: Caller, request: ReadPlace) -> Result<Admitted, PlaceRefusal> {
        let group = self.limits.group_of(request.task);
        let group = group.ok_or(PlaceRefusal::UnknownTask)?;
        Ok(Admitted {
            group,
            band: 3,
            frozen: self.limits.is_frozen(group),
        })
    }

    fn begin_kill(&mut self, _: Caller, request: BeginKill) -> Result<(), KillRefusal> {
        let limits = &mut self.limits;
        let group = request.group;
        let by = request.by.and_then(|by| limits.group_of(by));
        let by = by.ok_or(KillRefusal::NotYours)?;
        if !limits.parents.contains_key(&group) || !limits.below(group, by) {
            return Err(KillRefusal::UnknownGroup);
        }
        if group == by {
            return Err(KillRefusal::NotYours);
        }
        if limits.is_killing(group) {
            return Err(KillRefusal::AlreadyKilling);
        }
        let held = limits.total(group);
        limits.killing.insert(group, held);
        Ok(())
    }

    fn next_victim(
        &mut self,
        _: Caller,
        request: NextVictim,
    ) -> Result<Option<TaskId>, KillRefusal> {
        let limits = &self.limits;
        if !limits.killing.contains_key(&request.group) {
            return Err(KillRefusal::NotKilling);
        }
        let mut inside = limits.tasks.iter();
        Ok(inside
            .find(|&(_, &of)| limits.below(of, request.group))
            .map(|(&task, _)| task))
    }

    fn next_group(
        &mut self,
        _: Caller,
        request: NextGroup,
    ) -> Result<Option<GroupId>, LookupRefusal> {
        let all: BTreeSet<GroupId> = self.limits.parents.keys().copied().collect();
        Ok(all
            .into_iter()
            .find(|&group| request.after.is_none_or(|after| group > after)))
    }

    fn finish_kill(&mut self, _: Caller, request: FinishKill) -> Result<Receipt, KillRefusal> {
        let limits = &mut self.limits;
        if !limits.killing.contains_key(&request.group) {
            return Err(KillRefusal::NotKilling);
        }
        if limits.stubborn || !limits.total(request.group).is_none() {
            return Err(KillRefusal::NotEmpty);
        }
        let held = limits.killing.remove(&request.group).unwrap();
        Ok(Receipt {
            held,
            returned: held,
        })
    }

    fn abandon_kill(&mut self, _: Caller, request: AbandonKill) -> Result<Receipt, KillRefusal> {
        let held = self.limits.killing.remove(&request.group);
        let held = held.ok_or(KillRefusal::NotKilling)?;
        Ok(Receipt {
            held,
            returned: Amounts::NONE,
        })
    }

    fn own_usage(&mut self, _: Caller, request: OwnUsage) -> Result<Amounts, LookupRefusal> {
        if !self.limits.parents.contains_key(&request.group) {
            return Err(LookupRefusal::UnknownGroup);
        }
        let own = self.limits.charged().get(&request.group).copied();
        let records = self.own_records(
            super::Caller::server(interfaces::ServerName::Proc),
            OwnRecords {
                group: request.group,
            },
        )?;
        Ok(own.unwrap_or_default().checked_add(&records).unwrap())
    }

    fn read_figures(&mut self, _: Caller, _: ReadFigures) -> Result<Figures, Never> {
        unreachable!("the proc-server does not ask")
    }

    fn is_below(&mut self, _: Caller, request: IsBelow) -> Result<bool, LookupRefusal> {
        let limits = &self.limits;
        if !limits.parents.contains_key(&request.group) {
            return Err(LookupRefusal::UnknownGroup);
        }
        let top = limits.group_of(request.task);
        Ok(top.is_some_and(|top| top != request.group && limits.below(request.group, top)))
    }

    fn set_credentials(&mut self, _: Caller, _: SetCredentials) -> Result<(), CredentialsRefusal> {
        Ok(())
    }

    fn check_rights(&mut self, _: Caller, request: CheckRights) -> Result<(), RightsRefusal> {
        let below = self.is_below(
            Caller::server(interfaces::ServerName::Proc),
            IsBelow {
                group: request.group,
                task: request.task,
            },
        );
        match below {
            Ok(true) => Ok(()),
            Ok(false) => Err(RightsRefusal::NotYours),
            Err(LookupRefusal::UnknownGroup) => Err(RightsRefusal::UnknownGroup),
        }
    }

    fn attach_ring(&mut self, _: Caller, _: AttachRing) -> Result<(), AttachRefusal> {
        unreachable!("the memory-server's to ask")
    }

    fn detach_ring(&mut self, _: Caller, _: DetachRing) -> Result<(), DetachRefusal> {
        unreachable!("the memory-server's to ask")
    }

    fn guarantee(&mut self, _: Caller, _: Guarantee) -> Result<u64, GuaranteeRefusal> {
        unreachable!("the memory-server's to ask")
    }

    fn set_aside(&mut self, _: Caller, _: SetAside) -> Result<Aside, Never> {
        unreachable!("the memory-server's to ask")
    }

    fn wants_ground(&mut self, _: Caller, _: WantsGround) -> Result<bool, Never> {
        unreachable!("the memory-server's to ask")
    }

    fn add_tract(&mut self, _: Caller, _: AddTract) -> Result<bool, Never> {
        unreachable!("the memory-server's to ask")
    }

    fn withdraw_tract(&mut self, _: Caller, _: WithdrawTract) -> Result<bool, Never> {
        unreachable!("the memory-server's to ask")
    }

    fn own_records(&mut self, _: Caller, request: OwnRecords) -> Result<Amounts, LookupRefusal> {
        let children = self.limits.parents.values();
        let children = children
            .filter(|&&parent| parent == Some(request.group))
            .count() as u64;
        Ok(Amounts::of(Resource::Groups, children).with(Resource::KernelMemory, children * 256))
    }
}
