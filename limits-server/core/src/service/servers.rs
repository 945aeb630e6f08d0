//! What the memory-server and the proc-server ask: no policy of its own.
//!
//! They pass shortages on to clients, so each is shown here as the client concerned may see it: the parent that
//! spawns, or whoever is inside the group that is charged.

use interfaces::accounting::{
    AbandonKill, AddTract, Admitted, Aside, AttachRefusal, AttachRing, BeginKill, Charge,
    ChargeRefusal, ChargeSome, ChargeTask, CheckRights, Confirm, ConfirmRefusal,
    CredentialsRefusal, DetachRefusal, DetachRing, EndRefusal, EndTask, EndThread, FewOf,
    FewTicket, Figures, FinishKill, Freeze, FreezeRefusal, Guarantee, GuaranteeRefusal, IsBelow,
    KillRefusal, LookupRefusal, MoveRefusal, MoveTask, NextGroup, NextUnsettled, NextVictim,
    OwnRecords, OwnUsage, PlaceRefusal, ReadFigures, ReadPlace, Receipt, Release, ReleaseRefusal,
    RestThread, RightsRefusal, Server, SetAside, SetCredentials, Thaw, ThreadTicket, Ticket,
    TicketRefusal, Unsettled, WakeThread, WantsGround, WithdrawTract,
};
use interfaces::limits::Never;
use interfaces::provision::Progress;
use interfaces::short::Few;
use interfaces::{Amounts, Caller, GroupId, ServerName, Shortage, TaskId};

use super::LimitsServer;

impl LimitsServer<'_> {
    /// Charges a group in the name of a server, which remembers it.
    #[inline]
    fn charge_held(&mut self, group: GroupId, amounts: &Amounts) -> Result<(), ChargeRefusal> {
        let answer = self.ledger.charge_held(group, amounts);
        answer.map_err(|refusal| self.told_within(group, refusal))
    }

    /// The same for amounts in their short form.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the way that every page takes")]
    fn charge_few_held(&mut self, group: GroupId, amounts: Few) -> Result<(), ChargeRefusal> {
        let answer = self.ledger.charge_few_held(group, amounts);
        answer.map_err(|refusal| self.told_within(group, refusal))
    }

    /// As much of a refusal as whoever is inside the group may see.
    #[cold]
    fn told_within(&self, group: GroupId, refusal: ChargeRefusal) -> ChargeRefusal {
        match refusal {
            ChargeRefusal::Short(short) => {
                ChargeRefusal::Short(self.ledger.shortage_within(group, short))
            }
            refusal => refusal,
        }
    }

    /// As much of a refusal as the parent may see.
    #[inline]
    fn told_parent(&self, parent: Option<TaskId>, refusal: TicketRefusal) -> TicketRefusal {
        match (refusal, parent) {
            (TicketRefusal::Short(short), Some(parent)) => {
                TicketRefusal::Short(self.shown_to(parent, short))
            }
            (refusal, _) => refusal,
        }
    }

    /// As much of a shortage as a task may see.
    fn shown_to(&self, task: TaskId, short: Shortage) -> Shortage {
        let viewer = self.ledger.viewer(task, false);
        viewer.map_or(short, |viewer| self.ledger.shortage_for(viewer, short))
    }
}

#[expect(
    clippy::inline_always,
    reason = "the way that every page takes; `dispatch_short` is where it is inlined"
)]
impl Server for LimitsServer<'_> {
    fn ticket(&mut self, _: Caller, request: Ticket) -> Result<Admitted, TicketRefusal> {
        let answer = self.ledger.ticket(&request);
        answer.map_err(|refusal| self.told_parent(request.parent, refusal))
    }

    fn few_ticket(&mut self, _: Caller, request: FewTicket) -> Result<Admitted, TicketRefusal> {
        let answer = self.ledger.few_ticket(request);
        answer.map_err(|refusal| self.told_parent(request.parent, refusal))
    }

    fn thread_ticket(
        &mut self,
        _: Caller,
        request: ThreadTicket,
    ) -> Result<Admitted, TicketRefusal> {
        self.ledger
            .thread_ticket(&request)
            .map_err(|refusal| match refusal {
                TicketRefusal::Short(short) => {
                    TicketRefusal::Short(self.shown_to(request.task, short))
                }
                refusal => refusal,
            })
    }

    fn confirm(&mut self, _: Caller, request: Confirm) -> Result<(), ConfirmRefusal> {
        self.ledger.confirm(request.thread)
    }

    fn rest_thread(&mut self, _: Caller, request: RestThread) -> Result<(), EndRefusal> {
        self.ledger.rest_thread(request.thread)
    }

    fn wake_thread(&mut self, _: Caller, request: WakeThread) -> Result<Admitted, TicketRefusal> {
        self.ledger
            .wake_thread(request)
            .map_err(|refusal| match refusal {
                TicketRefusal::Short(short) => {
                    TicketRefusal::Short(self.shown_to(request.task, short))
                }
                refusal => refusal,
            })
    }

    fn end_thread(&mut self, _: Caller, request: EndThread) -> Result<(), EndRefusal> {
        self.ledger.end_thread(request.thread)
    }

    fn end_task(&mut self, _: Caller, request: EndTask) -> Result<Progress, EndRefusal> {
        let progress = self.ledger.let_go_of_some(request.task)?;
        if progress == Progress::Done {
            self.ledger.end_task_as(request.task, request.ending)?;
        }
        Ok(progress)
    }

    #[inline]
    fn charge(&mut self, _: Caller, request: Charge) -> Result<(), ChargeRefusal> {
        self.charge_held(request.group, &request.amounts)
    }

    fn charge_some(&mut self, _: Caller, request: ChargeSome) -> Result<u32, ChargeRefusal> {
        let (group, most) = (request.group, request.most);
        let answer = self.ledger.charge_some_held(group, &request.each, most);
        answer.map_err(|refusal| self.told_within(group, refusal))
    }

    #[inline]
    fn charge_task(&mut self, _: Caller, request: ChargeTask) -> Result<GroupId, ChargeRefusal> {
        let group = self
            .ledger
            .group_of(request.task)
            .ok_or(ChargeRefusal::NotBorn)?;
        self.charge_held(group, &request.amounts)?;
        Ok(group)
    }

    #[inline]
    fn release(&mut self, _: Caller, request: Release) -> Result<(), ReleaseRefusal> {
        self.ledger.release_held(request.group, &request.amounts)
    }

    #[inline(always)]
    fn charge_few(&mut self, _: Caller, request: FewOf<GroupId>) -> Result<(), ChargeRefusal> {
        self.charge_few_held(request.of, request.amounts)
    }

    #[inline(always)]
    fn charge_task_few(
        &mut self,
        _: Caller,
        request: FewOf<TaskId>,
    ) -> Result<GroupId, ChargeRefusal> {
        let group = self
            .ledger
            .group_of(request.of)
            .ok_or(ChargeRefusal::NotBorn)?;
        self.charge_few_held(group, request.amounts)?;
        Ok(group)
    }

    #[inline(always)]
    fn release_few(&mut self, _: Caller, request: FewOf<GroupId>) -> Result<(), ReleaseRefusal> {
        self.ledger.release_few_held(request.of, request.amounts)
    }

    fn move_task(&mut self, _: Caller, request: MoveTask) -> Result<Admitted, MoveRefusal> {
        self.ledger
            .move_task_by(request.task, request.group, request.by)
            .map_err(|refusal| match refusal {
                MoveRefusal::Short(short) => {
                    let by = request.by.unwrap_or(request.task);
                    MoveRefusal::Short(self.shown_to(by, short))
                }
                refusal => refusal,
            })
    }

    fn begin_kill(&mut self, _: Caller, request: BeginKill) -> Result<(), KillRefusal> {
        self.ledger.begin_kill(request.group, request.by)
    }

    fn next_victim(
        &mut self,
        _: Caller,
        request: NextVictim,
    ) -> Result<Option<TaskId>, KillRefusal> {
        self.ledger.next_victim(request.group)
    }

    fn next_group(
        &mut self,
        _: Caller,
        request: NextGroup,
    ) -> Result<Option<GroupId>, LookupRefusal> {
        self.ledger
            .next_group(request.top, request.after)
            .ok_or(LookupRefusal::UnknownGroup)
    }

    fn finish_kill(&mut self, _: Caller, request: FinishKill) -> Result<Receipt, KillRefusal> {
        self.ledger.finish_kill(request.group)
    }

    fn abandon_kill(&mut self, _: Caller, request: AbandonKill) -> Result<Receipt, KillRefusal> {
        self.ledger.abandon_kill(request.group)
    }

    fn own_usage(&mut self, _: Caller, request: OwnUsage) -> Result<Amounts, LookupRefusal> {
        self.ledger
            .own_usage(request.group)
            .ok_or(LookupRefusal::UnknownGroup)
    }

    fn read_figures(&mut self, _: Caller, _: ReadFigures) -> Result<Figures, Never> {
        let alarms = self.ledger.alarms();
        Ok(Figures {
            births_without_ticket: alarms.births_without_ticket,
            bad_releases: alarms.bad_releases,
            protocol_errors: self.protocol_errors,
            groups: u64::from(self.ledger.groups_alive()),
            group_room: self.ledger.group_room(),
        })
    }

    fn is_below(&mut self, _: Caller, request: IsBelow) -> Result<bool, LookupRefusal> {
        self.ledger
            .is_below(request.group, request.task)
            .ok_or(LookupRefusal::UnknownGroup)
    }

    fn set_credentials(
        &mut self,
        _: Caller,
        request: SetCredentials,
    ) -> Result<(), CredentialsRefusal> {
        self.ledger
            .set_credentials(request.task, request.uid, request.gid)
    }

    fn check_rights(&mut self, _: Caller, request: CheckRights) -> Result<(), RightsRefusal> {
        self.ledger
            .check_rights(request.task, request.group, request.rights)
    }

    fn attach_ring(&mut self, caller: Caller, request: AttachRing) -> Result<(), AttachRefusal> {
        if caller != Caller::server(ServerName::Memory) {
            return Err(AttachRefusal::NotYours);
        }
        self.ledger.attach_ring(request)
    }

    fn detach_ring(&mut self, caller: Caller, request: DetachRing) -> Result<(), DetachRefusal> {
        if caller != Caller::server(ServerName::Memory) {
            return Err(DetachRefusal::NotYours);
        }
        self.ledger.detach_ring(request.ring);
        Ok(())
    }

    fn guarantee(&mut self, caller: Caller, request: Guarantee) -> Result<u64, GuaranteeRefusal> {
        if caller != Caller::server(ServerName::Memory) {
            return Err(GuaranteeRefusal::NotYours);
        }
        if let Some((task, operator)) = request.by {
            self.ledger.may_guarantee(task, operator, request.group)?;
        }
        self.ledger
            .set_guarantee(request.group, request.pages)
            .map_err(|refusal| match (refusal, request.by) {
                (GuaranteeRefusal::Short(short), Some((task, _))) => {
                    GuaranteeRefusal::Short(self.shown_to(task, short))
                }
                (refusal, _) => refusal,
            })
    }

    fn set_aside(&mut self, _: Caller, request: SetAside) -> Result<Aside, Never> {
        Ok(self.ledger.set_aside(request.who, request.pages))
    }

    fn wants_ground(&mut self, _: Caller, _: WantsGround) -> Result<bool, Never> {
        Ok(self.ledger.wants_ground())
    }

    fn add_tract(&mut self, caller: Caller, _: AddTract) -> Result<bool, Never> {
        Ok(caller == Caller::server(ServerName::Memory) && self.ledger.add_tract())
    }

    fn withdraw_tract(&mut self, caller: Caller, _: WithdrawTract) -> Result<bool, Never> {
        Ok(caller == Caller::server(ServerName::Memory) && self.ledger.withdraw_tract())
    }

    fn own_records(&mut self, _: Caller, request: OwnRecords) -> Result<Amounts, LookupRefusal> {
        self.ledger
            .own_records(request.group)
            .ok_or(LookupRefusal::UnknownGroup)
    }

    fn freeze(&mut self, _: Caller, request: Freeze) -> Result<u32, FreezeRefusal> {
        self.ledger.freeze(request.group, request.by)
    }

    fn thaw(&mut self, _: Caller, request: Thaw) -> Result<u32, FreezeRefusal> {
        self.ledger.thaw(request.group, request.by)
    }

    fn next_unsettled(&mut self, _: Caller, request: NextUnsettled) -> Result<Unsettled, Never> {
        Ok(self.ledger.next_unsettled(request.group))
    }

    fn read_place(&mut self, _: Caller, request: ReadPlace) -> Result<Admitted, PlaceRefusal> {
        let place = self.ledger.place_of(request.task);
        place.ok_or(PlaceRefusal::UnknownTask)
    }
}
