//! The bytes of every request, reply and refusal, pinned in `wire.pinned`.
//!
//! A change to a pinned line is a change of the interface: raise its version and say so in CHANGELOG.md, then
//! write the file anew with `HURDLE_PIN=1 cargo test -p interfaces --test wire`.

#![expect(
    clippy::too_many_lines,
    reason = "a table of every message is as long as there are messages"
)]

use std::fmt::Write as _;
use std::slice;

use interfaces::accounting::{self, ChargeRefusal, KillRefusal, TicketRefusal};
use interfaces::decode::decode;
use interfaces::encode::encode;
use interfaces::injection;
use interfaces::limits::{self, GroupState, Page, ResourceAccount};
use interfaces::memory::{self, Access, RegionId};
use interfaces::process::{self, ExitReason};
use interfaces::provision::{self, Cause, CloneSpaceRefusal, CreateRefusal, ProgramId};
use interfaces::short::Words;
use interfaces::truth;
use interfaces::{Amounts, Call, GroupId, Limit, Resource, Shortage, TaskId, Text, console};

const GROUP: GroupId = GroupId {
    index: 300,
    generation: 2,
};
const TASK: TaskId = TaskId {
    index: 70,
    generation: 1,
};
const REGION: RegionId = RegionId {
    index: 9,
    generation: 3,
};
const SHORT: Shortage = Shortage {
    resource: Resource::Frames,
    group: Some(GROUP),
    limit: 256,
    used: 256,
    asked: 1,
};

fn amounts() -> Amounts {
    Amounts::of(Resource::Tasks, 1).with(Resource::Frames, 300)
}

/// A slice in which everything was right, and one for each kind of thing that can be wrong.
fn verified() -> Vec<truth::Verified> {
    use truth::{Sort, Thing, Verified, Wrong};
    let things = [
        Thing::FreeBlock,
        Thing::UsedPage,
        Thing::FreeSlot,
        Thing::Frame,
        Thing::Copy,
        Thing::IpcBuffer,
        Thing::IpcBufferCopy,
        Thing::Table,
        Thing::Root,
        Thing::RootCopy,
        Thing::Thread,
        Thing::CNode,
        Thing::ClientSlot,
        Thing::Mailbox,
        Thing::RingPage,
        Thing::RingCopy,
        Thing::Notification,
        Thing::Ground,
        Thing::ReplySlot,
    ];
    let sorts = [
        Sort::Nothing,
        Sort::Something,
        Sort::Untyped { unused: 4096 },
        Sort::Frame {
            address: 0x7000,
            mapped: true,
        },
        Sort::FrameThere { address: 0x24_0000 },
        Sort::Table {
            level: 1,
            mapped: false,
        },
        Sort::Root,
        Sort::Thread,
        Sort::CNode,
        Sort::Port,
        Sort::Other,
    ];
    let right = Verified {
        next: Some(1 << 32),
        checked: 12,
        held: amounts(),
        wrong: None,
    };
    let wrong = (0..).zip(things).zip(sorts.into_iter().cycle());
    let wrong = wrong.map(|((number, thing), record)| Verified {
        next: None,
        wrong: Some(Wrong {
            thing,
            number,
            task: Some(TASK),
            group: None,
            record,
            kernel: Sort::Nothing,
        }),
        ..right
    });
    core::iter::once(right).chain(wrong).collect()
}

struct Pins {
    text: String,
    requests: usize,
}

impl Pins {
    fn bytes(&mut self, what: &str, value: &impl serde::Serialize) {
        let mut buffer = [0; interfaces::call::MESSAGE_BYTES];
        let bytes = encode(value, &mut buffer).expect("a message fits");
        let hex = buffer
            .iter()
            .take(bytes)
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        writeln!(self.text, "{what} {hex}").expect("a string takes everything");
    }

    fn words(&mut self, what: &str, short: Words) {
        let words = short.words.iter().take(short.length);
        let hex = words.fold(String::new(), |hex, word| hex + &format!(" {word:x}"));
        writeln!(self.text, "{what}{hex}").expect("a string takes everything");
    }

    /// Pins an answer in plain words.
    fn plain<C: Call>(
        &mut self,
        reply: &C::Reply,
        lay_out: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) {
        let mut bytes = [0; interfaces::call::MESSAGE_BYTES];
        let length = lay_out(&mut bytes).expect("it fits");
        let words: Vec<u64> = bytes
            .chunks(8)
            .take(length)
            .map(|word| u64::from_le_bytes(word.try_into().expect("eight")))
            .collect();
        let hex = words
            .iter()
            .fold(String::new(), |hex, word| hex + &format!(" {word:x}"));
        let name = format!(
            "{}.{}.{} {}",
            C::LABEL.interface(),
            C::LABEL.version(),
            C::LABEL.operation(),
            C::NAME
        );
        writeln!(self.text, "{name} plain reply{hex}").expect("a string takes everything");
        let back = C::read_plain(length, |place| {
            words.get(place).copied().expect("it is there")
        })
        .expect("comes back");
        assert_eq!(format!("{back:?}"), format!("{reply:?}"));
    }

    /// Pins one operation: a request, what comes back, and each refusal.
    fn operation<C: Call + PartialEq + std::fmt::Debug>(
        &mut self,
        request: &C,
        replies: &[C::Reply],
        refusals: &[C::Refusal],
    ) {
        let label = C::LABEL;
        let name = format!(
            "{}.{}.{} {}",
            label.interface(),
            label.version(),
            label.operation(),
            C::NAME
        );
        self.bytes(&format!("{name} request"), request);
        self.requests = self.requests.saturating_add(1);
        let mut buffer = [0; interfaces::call::MESSAGE_BYTES];
        let bytes = encode(request, &mut buffer).expect("a request fits");
        let (back, rest) =
            decode::<C>(buffer.get(..bytes).expect("it fitted")).expect("comes back");
        assert_eq!((&back, rest), (request, &[][..]));
        if let Some(short) = request.shorten() {
            self.words(&format!("{name} short request"), short);
        }
        for reply in replies {
            self.bytes(&format!("{name} reply"), &Ok::<_, &C::Refusal>(reply));
            if let Some(short) = C::shorten_reply(reply) {
                self.words(&format!("{name} short reply"), short);
                let back = C::lengthen_reply(short).expect("comes back");
                assert_eq!(format!("{back:?}"), format!("{reply:?}"));
            }
        }
        for refusal in refusals {
            self.bytes(&format!("{name} refusal"), &Err::<&C::Reply, _>(refusal));
            if let Some(short) = C::shorten_refusal(refusal) {
                self.words(&format!("{name} short refusal"), short);
                let back = C::lengthen_refusal(short).expect("comes back");
                assert_eq!(format!("{back:?}"), format!("{refusal:?}"));
            }
        }
    }
}

fn limits_pins(pins: &mut Pins) {
    use limits::{
        CloseGroupRefusal, EnterRefusal, OpenGroupRefusal, ReadRefusal, SetRefusal, WouldFitRefusal,
    };
    let group = Some(GROUP);
    let label = Text::try_new("bomb").expect("short");
    let set = [
        SetRefusal::UnknownGroup,
        SetRefusal::NotYours,
        SetRefusal::BadLabel,
        SetRefusal::LedgerFull,
        SetRefusal::Short(SHORT),
    ];
    let read = || vec![ReadRefusal::UnknownGroup, ReadRefusal::Stale];
    pins.operation(
        &limits::OpenGroup { parent: group },
        &[GROUP],
        &[
            OpenGroupRefusal::UnknownGroup,
            OpenGroupRefusal::Killing,
            OpenGroupRefusal::Short(SHORT),
            OpenGroupRefusal::LedgerFull,
            OpenGroupRefusal::NoRoomYet,
            OpenGroupRefusal::NotYours,
        ],
    );
    pins.operation(
        &limits::CloseGroup { group: GROUP },
        &[()],
        &[CloseGroupRefusal::UnknownGroup, CloseGroupRefusal::NotYours],
    );
    pins.operation(
        &limits::SetLimit {
            group: GROUP,
            resource: Resource::Tasks,
            limit: Limit::At(20),
        },
        &[()],
        &set,
    );
    pins.operation(
        &limits::SetSoftLimit {
            group: GROUP,
            resource: Resource::Frames,
            limit: Limit::Max,
        },
        &[()],
        &set,
    );
    pins.operation(
        &limits::SetLabel {
            group: GROUP,
            label: label.clone(),
        },
        &[()],
        &set,
    );
    let account = limits::Account {
        group: GROUP,
        parent: Some(GroupId::ROOT),
        label,
        state: GroupState::Live,
        band: 3,
        tasks_here: 19,
        children: 2,
        usage: amounts(),
        peak: amounts(),
        limit: [Limit::Max; interfaces::RESOURCES],
        refusals: Amounts::of(Resource::Tasks, 5),
    };
    let request = limits::ReadAccount { group: None };
    pins.operation(&request, slice::from_ref(&account), &read());
    let numbers = amounts();
    let view = limits::AccountView {
        group: account.group,
        parent: account.parent,
        label: account.label.as_str(),
        state: account.state,
        band: account.band,
        tasks_here: account.tasks_here,
        children: account.children,
        usage: numbers.as_array(),
        past_peak: numbers.as_array(),
        bounds: Some((
            &[u64::MAX; interfaces::RESOURCES],
            account.refusals.as_array(),
        )),
    };
    assert_eq!(view.account(), account);
    pins.plain::<limits::ReadAccount>(&view.account(), |into| view.lay_out(into));
    let resource = ResourceAccount {
        usage: 300,
        peak: 301,
        limit: Limit::At(400),
        soft: Limit::Max,
        refusals: 7,
    };
    pins.operation(
        &limits::ReadResource {
            group,
            resource: Resource::Commit,
        },
        &[resource],
        &read(),
    );
    pins.operation(
        &limits::ReadUsage { group },
        &[account.usage, Amounts::of(Resource::KernelMemory, 1 << 40)],
        &read(),
    );
    pins.operation(
        &limits::ListChildren { group, after: None },
        &[Page {
            items: [GROUP].into_iter().collect(),
            more: true,
        }],
        &read(),
    );
    pins.operation(
        &limits::ListTasks {
            group,
            after: Some(TASK),
        },
        &[Page {
            items: [TASK].into_iter().collect(),
            more: false,
        }],
        &read(),
    );
    pins.operation(
        &limits::EffectiveLimit {
            group,
            resource: Resource::KernelMemory,
        },
        &[limits::Effective {
            left: Limit::At(3),
            limit: Limit::At(20),
            group,
        }],
        &read(),
    );
    pins.operation(
        &limits::WouldFit {
            group,
            amounts: amounts(),
        },
        &[()],
        &[
            WouldFitRefusal::UnknownGroup,
            WouldFitRefusal::Killing,
            WouldFitRefusal::Short(SHORT),
        ],
    );
    pins.operation(&limits::Ping {}, &[()], &[]);
    pins.operation(
        &limits::WhoAmI {},
        &[limits::Membership {
            task: TASK,
            group: GROUP,
        }],
        &[],
    );
    pins.operation(
        &limits::Enter { group: GROUP },
        &[()],
        &[
            EnterRefusal::UnknownGroup,
            EnterRefusal::Killing,
            EnterRefusal::Short(SHORT),
            EnterRefusal::Frozen,
        ],
    );
    pins.operation(
        &limits::ReadFreeze { group: Some(GROUP) },
        &[limits::Freeze {
            times: 2,
            frozen: true,
        }],
        &[ReadRefusal::UnknownGroup],
    );
}

fn rights_pins(pins: &mut Pins) {
    use limits::{GrantRefusal, OwnRefusal, ReadRefusal, RevokeRefusal, Rights};
    let (group, task) = (GROUP, TASK);
    let rights = Rights::SEE.union(Rights::MOVE_OUT);
    let read = [ReadRefusal::UnknownGroup];
    let revoke = [RevokeRefusal::UnknownGroup, RevokeRefusal::NotYours];
    let own = [
        OwnRefusal::UnknownGroup,
        OwnRefusal::NotYours,
        OwnRefusal::BadMode,
    ];
    pins.operation(
        &limits::Grant {
            group,
            task,
            rights,
        },
        &[()],
        &[
            GrantRefusal::UnknownGroup,
            GrantRefusal::UnknownTask,
            GrantRefusal::NotYours,
            GrantRefusal::TooMany,
            GrantRefusal::LedgerFull,
            GrantRefusal::Short(SHORT),
            GrantRefusal::Killing,
        ],
    );
    let taken = limits::Revoke {
        group,
        task,
        rights,
    };
    pins.operation(&taken, &[()], &revoke);
    pins.operation(&limits::GiveUp { group, rights }, &[()], &revoke);
    let held = |giver| limits::Holding {
        task,
        rights,
        giver,
    };
    pins.operation(
        &limits::ListRights { group: Some(group) },
        &[[held(None), held(Some(task))].into_iter().collect()],
        &read,
    );
    pins.operation(
        &limits::MyRights { group: None },
        &[rights, Rights::ALL],
        &read,
    );
    let owner = limits::SetOwner {
        group,
        uid: 1000,
        gid: 50,
    };
    pins.operation(&owner, &[()], &own);
    pins.operation(&limits::SetMode { group, mode: 0o750 }, &[()], &own);
    let owner = limits::Owner {
        uid: 1000,
        gid: 50,
        mode: 0o440,
    };
    pins.operation(&limits::ReadOwner { group: None }, &[owner], &read);
}

fn lasting_pins(pins: &mut Pins) {
    use limits::{
        Cause, FindGroupRefusal, ReadRefusal, RemoveRefusal, SetRefusal, TombstonePage,
        TombstoneRefusal,
    };
    let (group, task) = (GROUP, TASK);
    let label: limits::LabelText = Text::try_new("bomb").expect("short");
    let set = [SetRefusal::UnknownGroup, SetRefusal::NotYours];
    let read = [ReadRefusal::UnknownGroup];
    pins.operation(&limits::ResetPeaks { group }, &[()], &set);
    pins.operation(&limits::ResetRefusals { group }, &[()], &set);
    pins.operation(&limits::Hold { group }, &[()], &set);
    pins.operation(&limits::Unhold { group }, &[()], &set);
    pins.operation(
        &limits::RemoveGroup { group },
        &[()],
        &[
            RemoveRefusal::UnknownGroup,
            RemoveRefusal::NotYours,
            RemoveRefusal::NotEmpty,
            RemoveRefusal::Busy,
        ],
    );
    pins.operation(
        &limits::FindChild {
            parent: None,
            label: label.clone(),
        },
        &[group],
        &[FindGroupRefusal::UnknownGroup, FindGroupRefusal::NotFound],
    );
    let stone = |cause| limits::Tombstone {
        group,
        parent: GroupId::ROOT,
        label: label.clone(),
        cause,
        peak: amounts(),
        charged: amounts(),
        refusals: amounts(),
        refusals_in_all: 12,
    };
    pins.operation(
        &limits::ReadTombstone { group },
        &[
            stone(Cause::Closed),
            stone(Cause::Emptied),
            stone(Cause::Killed { by: Some(task) }),
        ],
        &[TombstoneRefusal::Unknown, TombstoneRefusal::Alive],
    );
    let page = TombstonePage {
        items: [group].into_iter().collect(),
        next: Some(17),
    };
    pins.operation(
        &limits::ListTombstones {
            group: None,
            after: 1,
        },
        &[page],
        &read,
    );
    let totals = limits::Totals {
        charged: amounts(),
        refusals: 12,
        crossings: amounts(),
    };
    pins.operation(&limits::ReadTotals { group: None }, &[totals], &read);
}

fn accounting_pins(pins: &mut Pins) {
    use accounting::{ConfirmRefusal, EndRefusal, LookupRefusal, MoveRefusal, ReleaseRefusal};
    let ticket = [
        TicketRefusal::UnknownGroup,
        TicketRefusal::UnknownTask,
        TicketRefusal::Killing,
        TicketRefusal::Short(SHORT),
        TicketRefusal::BadPlace,
    ];
    let charge = [
        ChargeRefusal::UnknownGroup,
        ChargeRefusal::NotBorn,
        ChargeRefusal::Killing,
        ChargeRefusal::Short(SHORT),
    ];
    let end = [EndRefusal::Unknown, EndRefusal::FirstThread];
    let kill = [
        KillRefusal::UnknownGroup,
        KillRefusal::NotYours,
        KillRefusal::NotKilling,
        KillRefusal::AlreadyKilling,
        KillRefusal::NotEmpty,
    ];
    let admitted = accounting::Admitted {
        group: GROUP,
        band: 3,
        frozen: false,
    };
    pins.operation(
        &accounting::Ticket {
            thread: 70,
            task: TASK,
            parent: Some(TASK),
            group: None,
            amounts: provision::TASK_KIT,
        },
        &[admitted],
        &ticket,
    );
    pins.operation(
        &accounting::ThreadTicket {
            thread: 71,
            task: TASK,
            amounts: provision::THREAD_KIT,
        },
        &[admitted],
        &ticket,
    );
    pins.operation(
        &accounting::Confirm { thread: 70 },
        &[()],
        &[ConfirmRefusal::NoTicket, ConfirmRefusal::NotBorn],
    );
    pins.operation(&accounting::EndThread { thread: 71 }, &[()], &end);
    pins.operation(&accounting::RestThread { thread: 71 }, &[()], &end);
    pins.operation(
        &accounting::WakeThread {
            thread: 71,
            task: TASK,
        },
        &[admitted],
        &ticket,
    );
    let progress = [provision::Progress::More, provision::Progress::Done];
    pins.operation(
        &accounting::EndTask {
            task: TASK,
            ending: interfaces::events::Ending::Exited { code: -1 },
        },
        &progress,
        &end,
    );
    pins.operation(
        &accounting::Charge {
            group: GROUP,
            amounts: amounts(),
        },
        &[()],
        &charge,
    );
    pins.operation(
        &accounting::ChargeTask {
            task: TASK,
            amounts: Amounts::NONE,
        },
        &[GROUP],
        &charge,
    );
    pins.operation(
        &accounting::ChargeSome {
            group: GROUP,
            each: amounts(),
            most: 8,
        },
        &[5],
        &charge,
    );
    pins.operation(
        &accounting::Release {
            group: GROUP,
            amounts: amounts(),
        },
        &[()],
        &[
            ReleaseRefusal::UnknownGroup,
            ReleaseRefusal::MoreThanCharged,
        ],
    );
    pins.operation(
        &accounting::MoveTask {
            task: TASK,
            group: GROUP,
            by: Some(TASK),
        },
        &[admitted],
        &[
            MoveRefusal::UnknownGroup,
            MoveRefusal::UnknownTask,
            MoveRefusal::Killing,
            MoveRefusal::Short(SHORT),
            MoveRefusal::NotYours,
            MoveRefusal::Frozen,
        ],
    );
    freezing_pins(pins, admitted);
    pins.operation(
        &accounting::BeginKill {
            group: GROUP,
            by: Some(TASK),
        },
        &[()],
        &kill,
    );
    pins.operation(
        &accounting::NextVictim { group: GROUP },
        &[Some(TASK), None],
        &kill,
    );
    pins.operation(
        &accounting::NextGroup {
            top: GroupId::ROOT,
            after: Some(GROUP),
        },
        &[Some(GROUP)],
        &[LookupRefusal::UnknownGroup],
    );
    pins.operation(
        &accounting::FinishKill { group: GROUP },
        &[accounting::Receipt {
            held: amounts(),
            returned: amounts(),
        }],
        &kill,
    );
    pins.operation(
        &accounting::AbandonKill { group: GROUP },
        &[accounting::Receipt {
            held: amounts(),
            returned: Amounts::NONE,
        }],
        &kill,
    );
    pins.operation(
        &accounting::OwnUsage { group: GROUP },
        &[amounts()],
        &[LookupRefusal::UnknownGroup],
    );
    let figures = accounting::Figures {
        births_without_ticket: 1,
        bad_releases: 0,
        protocol_errors: 300,
        groups: 6,
        group_room: 65_536,
    };
    pins.operation(&accounting::ReadFigures {}, &[figures], &[]);
    let lookup = [LookupRefusal::UnknownGroup];
    pins.operation(
        &accounting::IsBelow {
            group: GROUP,
            task: TASK,
        },
        &[true],
        &lookup,
    );
    pins.operation(
        &accounting::SetCredentials {
            task: TASK,
            uid: 1000,
            gid: 50,
        },
        &[()],
        &[accounting::CredentialsRefusal::UnknownTask],
    );
    pins.operation(
        &accounting::CheckRights {
            task: TASK,
            group: GROUP,
            rights: limits::Rights::FREEZE,
        },
        &[()],
        &[
            accounting::RightsRefusal::UnknownGroup,
            accounting::RightsRefusal::NotYours,
        ],
    );
    pins.operation(
        &accounting::OwnRecords { group: GROUP },
        &[amounts()],
        &lookup,
    );
}

fn memory_pins(pins: &mut Pins) {
    use memory::{CreateRegionRefusal, MapRefusal, RegionRefusal};
    let region = [RegionRefusal::UnknownRegion, RegionRefusal::NotMapped];
    pins.operation(
        &memory::CreateRegion { pages: 256 },
        &[REGION],
        &[
            CreateRegionRefusal::BadSize,
            CreateRegionRefusal::Charge(ChargeRefusal::Short(SHORT)),
            CreateRegionRefusal::TableFull,
            CreateRegionRefusal::OutOfMemory,
        ],
    );
    pins.operation(
        &memory::CreateLarge {},
        &[REGION],
        &[CreateRegionRefusal::TableFull],
    );
    pins.operation(
        &memory::Map {
            region: REGION,
            address: Some(0x1000_0000),
            access: Access::ReadWrite,
        },
        &[0x1000_0000],
        &[
            MapRefusal::UnknownRegion,
            MapRefusal::Mapped,
            MapRefusal::BadAddress,
            MapRefusal::Taken,
            MapRefusal::NoRoom,
            MapRefusal::TableFull,
            MapRefusal::NotAllowed,
            MapRefusal::BadRange,
            MapRefusal::Charge(ChargeRefusal::Killing),
            MapRefusal::PayerKilled,
            MapRefusal::OutOfMemory,
        ],
    );
    let progress = [provision::Progress::More, provision::Progress::Done];
    pins.operation(&memory::Unmap { region: REGION }, &progress, &region);
    pins.operation(
        &memory::DestroyRegion { region: REGION },
        &progress,
        &region,
    );
    let account = memory::RegionAccount {
        pages: 256,
        resident: 3,
        payer: GROUP,
        address: Some(0x1000_0000),
    };
    pins.operation(&memory::ReadRegion { region: REGION }, &[account], &region);
    let space = memory::SpaceAccount {
        frames: 4,
        shared: 6,
        tables: 4,
        faults: 12,
    };
    pins.operation(&memory::ReadSpace {}, &[space], &[]);
    let commit = memory::Commit {
        promised: 300,
        most: 100_000,
        overcommit: 100,
    };
    pins.operation(&memory::ReadCommit {}, &[commit], &[]);
    pins.operation(
        &memory::MakeRoom {},
        &progress,
        &[memory::MakeRoomRefusal::OutOfMemory],
    );
    pins.operation(&memory::Tidy {}, &progress, &[]);
    let mut blocks = memory::FreeBlocks {
        next: Some(300),
        ..memory::FreeBlocks::default()
    };
    blocks.counts[1] = 7;
    pins.operation(
        &memory::CountFree { from: 300 },
        &[blocks],
        &[memory::CountFreeRefusal::NotOperator],
    );
    injection_pins(pins);
    pins.operation(
        &memory::Spoil {
            address: 0x1000_0000,
        },
        &[()],
        &[
            memory::SpoilRefusal::NotForTests,
            memory::SpoilRefusal::NotMapped,
        ],
    );
    guarantee_pins(pins);
    pins.operation(&accounting::WantsGround {}, &[true], &[]);
    pins.operation(&accounting::AddTract {}, &[true], &[]);
    pins.operation(&accounting::WithdrawTract {}, &[true], &[]);
    sharing_pins(pins);
}

fn injection_pins(pins: &mut Pins) {
    pins.operation(
        &injection::Arm {
            steps: injection::ACTS,
            nth: 300,
        },
        &[()],
        &[injection::ArmRefusal::NotOperator],
    );
    let injected = injection::Step::ALL.map(|step| injection::Injected {
        passed: 300,
        hit: Some(step),
    });
    pins.operation(&injection::Disarm {}, &injected, &[]);
}

fn guarantee_pins(pins: &mut Pins) {
    use accounting::GuaranteeRefusal;
    let refusals = [
        GuaranteeRefusal::UnknownGroup,
        GuaranteeRefusal::NotYours,
        GuaranteeRefusal::Killing,
        GuaranteeRefusal::Short(SHORT),
        GuaranteeRefusal::TableFull,
        GuaranteeRefusal::OutOfMemory,
    ];
    let (group, pages) = (GROUP, 300);
    pins.operation(&memory::Guarantee { group, pages }, &[()], &refusals);
    let by = Some((TASK, true));
    pins.operation(&accounting::Guarantee { group, pages, by }, &[7], &refusals);
    let who = accounting::Who::Task(TASK);
    let aside = accounting::Aside {
        pages: 300,
        all: 400,
    };
    pins.operation(&accounting::SetAside { who, pages }, &[aside], &[]);
    pins.operation(
        &limits::ReadGuarantee { group: Some(GROUP) },
        &[limits::Guaranteed {
            pages: 300,
            left: 20,
        }],
        &[limits::ReadRefusal::UnknownGroup],
    );
}

fn sharing_pins(pins: &mut Pins) {
    use memory::{AcceptRefusal, MapRefusal, ShareRefusal};
    pins.operation(
        &memory::Share {
            region: REGION,
            to: TASK,
            access: Access::Read,
            payment: true,
        },
        &[REGION],
        &[
            ShareRefusal::UnknownRegion,
            ShareRefusal::NotAllowed,
            ShareRefusal::Charge(ChargeRefusal::Short(SHORT)),
            ShareRefusal::TableFull,
            ShareRefusal::PayerKilled,
            ShareRefusal::NotPayer,
        ],
    );
    pins.operation(&memory::Offered { from: TASK }, &[Some(REGION), None], &[]);
    let accepted = memory::Accepted {
        pages: 8,
        access: Access::Read,
    };
    pins.operation(
        &memory::Accept { region: REGION },
        &[accepted],
        &[
            AcceptRefusal::UnknownRegion,
            AcceptRefusal::Charge(ChargeRefusal::Short(SHORT)),
            AcceptRefusal::TableFull,
            AcceptRefusal::PayerKilled,
        ],
    );
    pins.operation(
        &memory::MapPart {
            region: REGION,
            address: Some(0x1000_0000),
            access: Access::ReadWrite,
            offset: 2,
            pages: 3,
        },
        &[0x1000_0000],
        &[MapRefusal::BadRange],
    );
    pins.operation(
        &memory::UnmapPart {
            address: 0x1000_0000,
        },
        &[provision::Progress::More, provision::Progress::Done],
        &[memory::RegionRefusal::NotMapped],
    );
    copying_pins(pins);
}

fn copying_pins(pins: &mut Pins) {
    use memory::{CloneRefusal, ResizeRefusal, SponsorRefusal};
    let progress = [provision::Progress::More, provision::Progress::Done];
    let charge = ChargeRefusal::Short(SHORT);
    pins.operation(
        &memory::Resize {
            region: REGION,
            pages: 300,
        },
        &progress,
        &[
            ResizeRefusal::UnknownRegion,
            ResizeRefusal::BadSize,
            ResizeRefusal::NotAllowed,
            ResizeRefusal::NotPayer,
            ResizeRefusal::Charge(charge),
            ResizeRefusal::PayerKilled,
            ResizeRefusal::OutOfMemory,
        ],
    );
    pins.operation(
        &memory::Sponsor { region: REGION },
        &[()],
        &[
            SponsorRefusal::UnknownRegion,
            SponsorRefusal::Charge(charge),
            SponsorRefusal::PayerKilled,
            SponsorRefusal::NotOffered,
        ],
    );
    let refusals = [
        CloneRefusal::UnknownRegion,
        CloneRefusal::Busy,
        CloneRefusal::Charge(charge),
        CloneRefusal::TableFull,
        CloneRefusal::Broken,
        CloneRefusal::PayerKilled,
        CloneRefusal::OutOfMemory,
    ];
    let cloned = memory::Cloned {
        region: REGION,
        progress: provision::Progress::More,
    };
    pins.operation(
        &memory::CloneRegion { region: REGION },
        &[cloned],
        &refusals,
    );
    pins.operation(&memory::CloneOn { region: REGION }, &progress, &refusals);
}

fn provision_pins(pins: &mut Pins) {
    use provision::UnknownRefusal;
    let create = [
        CreateRefusal::UnknownProgram,
        CreateRefusal::UnknownTask,
        CreateRefusal::BadPlace,
        CreateRefusal::OutOfMemory,
        CreateRefusal::OutOfSpaces,
        CreateRefusal::Kernel(10),
    ];
    let unknown = [UnknownRefusal::Unknown];
    let program = ProgramId(3);
    let info = provision::ProgramInfo {
        name: Text::try_new("bomb").expect("short"),
        entry: 0x24_0000,
        commit: 33,
        shared: 6,
    };
    pins.operation(&provision::Describe { program }, &[info], &unknown);
    let made = provision::Made {
        entry: 0x24_0000,
        stack_top: 0x23_0000,
        ipc_buffer: 0x20_0000,
    };
    pins.operation(
        &provision::CreateTask {
            task: TASK,
            thread: 70,
            program,
            payer: GROUP,
        },
        &[made],
        &create,
    );
    pins.operation(
        &provision::CreateThread {
            task: TASK,
            thread: 71,
            number: 1,
        },
        &[0x20_1000],
        &create,
    );
    pins.operation(
        &provision::DestroyThread {
            task: TASK,
            thread: 71,
        },
        &[()],
        &unknown,
    );
    pins.operation(
        &provision::DestroyTask { task: TASK },
        &[provision::Progress::More, provision::Progress::Done],
        &unknown,
    );
    let causes = [
        Cause::BadAddress {
            address: 0xdead_b000,
            ip: 0x24_0010,
        },
        Cause::NoFrame(SHORT),
        Cause::Killed,
        Cause::NotBorn,
        Cause::OutOfMemory,
        Cause::CapabilityFault { ip: 0x24_0010 },
        Cause::UnknownSyscall { number: 99 },
        Cause::Exception {
            number: 6,
            ip: 0x24_0010,
        },
        Cause::Other { label: 4 },
    ];
    let reports: Vec<_> = causes
        .map(|cause| Some(provision::Report { task: TASK, cause }))
        .into();
    pins.operation(&provision::TakeReport {}, &reports, &[]);
    pins.operation(&provision::Holdings { group: GROUP }, &[amounts()], &[]);
    pins.operation(&truth::Verify { group: None, at: 0 }, &verified(), &[]);
    let pool = provision::PoolFigures {
        pages: 131_072,
        free: 120_000,
        largest: 28,
        free_slots: 65_000,
        regions: 2,
        faults: 1000,
        protocol_errors: 4,
        alarms: 1,
    };
    pins.operation(&provision::ReadPool {}, &[pool], &[]);
    pins.operation(
        &provision::Revoke { group: GROUP },
        &[provision::Progress::More, provision::Progress::Done],
        &[],
    );
    pins.bytes("cause payer-killed", &Cause::PayerKilled);
    pins.operation(
        &provision::CloneSpace {
            from: TASK,
            to: TASK,
        },
        &[provision::Progress::More, provision::Progress::Done],
        &[
            CloneSpaceRefusal::UnknownTask,
            CloneSpaceRefusal::Charge(ChargeRefusal::Short(SHORT)),
            CloneSpaceRefusal::TableFull,
            CloneSpaceRefusal::Busy,
            CloneSpaceRefusal::OutOfMemory,
        ],
    );
}

fn process_pins(pins: &mut Pins) {
    use process::{Ended, WaitRefusal};
    use process::{
        FindRefusal, KillGroupRefusal, OperatorRefusal, SpawnRefusal, TaskRefusal, ThreadRefusal,
    };
    let ticket = TicketRefusal::Short(SHORT);
    let task = [TaskRefusal::UnknownTask, TaskRefusal::TableFull];
    let operator = [OperatorRefusal::NotOperator, OperatorRefusal::UnknownGroup];
    let arguments = Text::try_new("7 times").expect("short");
    pins.operation(
        &process::Fork {
            thread: 2,
            group: Some(GROUP),
        },
        &[Some(TASK), None],
        &[
            process::ForkRefusal::UnknownThread,
            process::ForkRefusal::Ticket(ticket),
            process::ForkRefusal::Memory(CreateRefusal::OutOfMemory),
            process::ForkRefusal::Clone(CloneSpaceRefusal::Busy),
            process::ForkRefusal::TableFull,
            process::ForkRefusal::NotBorn,
        ],
    );
    pins.operation(
        &process::Spawn {
            program: ProgramId(3),
            group: Some(GROUP),
            arguments: arguments.clone(),
        },
        &[TASK],
        &[
            SpawnRefusal::UnknownProgram,
            SpawnRefusal::Ticket(ticket),
            SpawnRefusal::Memory(CreateRefusal::OutOfMemory),
            SpawnRefusal::TableFull,
            SpawnRefusal::NotBorn,
        ],
    );
    pins.operation(
        &process::FindProgram {
            name: Text::try_new("bomb").expect("short"),
        },
        &[ProgramId(3)],
        &[FindRefusal::UnknownProgram],
    );
    pins.operation(&process::Exit { code: -1 }, &[], &[]);
    let reasons = [
        ExitReason::Exited { code: 3 },
        ExitReason::Killed { by: TASK },
        ExitReason::GroupKilled { group: GROUP },
        ExitReason::Fault(Cause::Killed),
    ];
    pins.operation(
        &process::Wait { child: None },
        &reasons.map(|reason| Ended { task: TASK, reason }),
        &[
            WaitRefusal::NoChildren,
            WaitRefusal::NotAChild,
            WaitRefusal::TableFull,
            WaitRefusal::TimedOut,
        ],
    );
    pins.operation(&process::Kill { task: TASK }, &[()], &task);
    pins.operation(
        &process::KillGroup { group: GROUP },
        &[accounting::Receipt {
            held: amounts(),
            returned: amounts(),
        }],
        &[
            KillGroupRefusal::Kill(KillRefusal::NotYours),
            KillGroupRefusal::TableFull,
        ],
    );
    let account = process::TaskAccount {
        task: TASK,
        parent: None,
        group: GROUP,
        program: Text::try_new("bomb").expect("short"),
        threads: 1,
        children: 2,
        lost_ends: 0,
    };
    pins.operation(&process::ReadTask { task: Some(TASK) }, &[account], &task);
    pins.operation(
        &process::Children { after: None },
        &[Page {
            items: [TASK].into_iter().collect(),
            more: false,
        }],
        &task,
    );
    pins.operation(&process::ReadArguments {}, &[arguments], &[]);
    let thread = [
        ThreadRefusal::UnknownThread,
        ThreadRefusal::Ticket(ticket),
        ThreadRefusal::Memory(CreateRefusal::OutOfMemory),
        ThreadRefusal::TableFull,
        ThreadRefusal::NotBorn,
    ];
    pins.operation(
        &process::StartThread {
            entry: 0x24_0100,
            stack_top: 0x1000_4000,
            argument: 5,
        },
        &[1],
        &thread,
    );
    pins.operation(
        &process::EndThread {
            number: 1,
            myself: true,
        },
        &[()],
        &thread,
    );
    pins.operation(&process::JoinThread { number: 1 }, &[()], &thread);
    pins.operation(
        &process::Audit { group: GROUP },
        &[process::AuditResult {
            ledger: amounts(),
            held: amounts(),
        }],
        &operator,
    );
    pins.operation(
        &process::Inspect {
            group: Some(GROUP),
            at: 7,
        },
        &verified(),
        &operator,
    );
    pins.operation(
        &process::NextGroup { after: None },
        &[Some(GROUP)],
        &operator,
    );
    let figures = process::Figures {
        tasks: 3,
        threads: 4,
        thread_room: 8192,
        births: 1000,
        unconfirmed: 0,
        protocol_errors: 2,
        alarms: 0,
    };
    pins.operation(&process::ReadFigures {}, &[figures], &operator);
    pins.operation(&process::ReadPool {}, &[], &operator);
    clock_pins(pins);
    clients_freezing_pins(pins);
    link_pins(pins);
}

fn freezing_pins(pins: &mut Pins, admitted: accounting::Admitted) {
    let refusals = [
        accounting::FreezeRefusal::UnknownGroup,
        accounting::FreezeRefusal::NotYours,
        accounting::FreezeRefusal::NotFrozen,
        accounting::FreezeRefusal::TooMany,
        accounting::FreezeRefusal::TooOften,
    ];
    let (group, by) = (GROUP, Some(TASK));
    pins.operation(&accounting::Freeze { group, by }, &[1], &refusals);
    pins.operation(&accounting::Thaw { group, by }, &[0], &refusals);
    let placed = accounting::Placed {
        task: TASK,
        band: 3,
        frozen: true,
    };
    pins.operation(
        &accounting::NextUnsettled { group },
        &[
            accounting::Unsettled::Task(placed),
            accounting::Unsettled::More,
            accounting::Unsettled::Done,
        ],
        &[],
    );
    pins.operation(
        &accounting::ReadPlace { task: TASK },
        &[admitted],
        &[accounting::PlaceRefusal::UnknownTask],
    );
}

fn clients_freezing_pins(pins: &mut Pins) {
    let refusals = [
        process::FreezeRefusal::Freeze(accounting::FreezeRefusal::NotYours),
        process::FreezeRefusal::TableFull,
    ];
    pins.operation(&process::Freeze { group: GROUP }, &[1], &refusals);
    pins.operation(&process::Thaw { group: GROUP }, &[0], &refusals);
    pins.operation(
        &process::MoveTask {
            task: TASK,
            group: GROUP,
        },
        &[()],
        &[
            accounting::MoveRefusal::NotYours,
            accounting::MoveRefusal::Frozen,
        ],
    );
    pins.operation(&process::AdoptBand {}, &[()], &[]);
}

fn link_pins(pins: &mut Pins) {
    use interfaces::links::{
        Accept, HangUp, Line, LineText, Link, LinkRefusal, Offer, ReadLinks, Said, SetAlarm,
    };
    let (partner, ns) = (TASK, 1_000_000);
    let link = Link { partner, slot: 7 };
    let refusals = [
        LinkRefusal::UnknownTask,
        LinkRefusal::NoSlot,
        LinkRefusal::TableFull,
        LinkRefusal::TimedOut,
        LinkRefusal::NoMailbox,
        LinkRefusal::Memory(CreateRefusal::OutOfMemory),
        LinkRefusal::Kernel(10),
    ];
    pins.operation(&Offer { to: TASK, ns }, &[link], &refusals);
    pins.operation(
        &Accept {
            from: Some(TASK),
            ns,
        },
        &[link],
        &refusals,
    );
    pins.operation(&HangUp { partner }, &[()], &refusals);
    pins.operation(&ReadLinks {}, &[[link].into_iter().collect()], &[]);
    pins.operation(&SetAlarm { ns }, &[()], &refusals);
    for said in [Said::Order, Said::Done, Said::Refused] {
        let text = LineText::try_new("help").expect("short");
        let number = 7;
        pins.bytes("line", &Line { number, said, text });
    }
    pins.operation(
        &provision::CreateMailbox { task: TASK },
        &[()],
        &[CreateRefusal::UnknownTask],
    );
}

fn clock_pins(pins: &mut Pins) {
    let clock = process::Clock { ns: 1_500_000_000 };
    pins.operation(&process::ReadClock {}, &[clock], &[]);
    let full = [process::SleepRefusal::TableFull];
    pins.operation(&process::Sleep { ns: 1_000_000 }, &[clock], &full);
    pins.operation(&process::SleepUntil { clock }, &[clock], &full);
    pins.operation(
        &process::WaitFor {
            child: Some(TASK),
            ns: 1_000_000,
        },
        &[process::Ended {
            task: TASK,
            reason: process::ExitReason::Exited { code: 3 },
        }],
        &[process::WaitRefusal::TimedOut],
    );
}

fn event_pins(pins: &mut Pins) {
    use accounting::{AttachRefusal, DetachRefusal};
    use interfaces::events::{
        Item, Kind, Kinds, ReadSnapshot, RingId, SnapshotPage, SnapshotRefusal, Unwatch, Watch,
        WatchRefusal, Watching,
    };
    use provision::{RingRefusal, UnknownRefusal};
    let ring = RingId(3);
    let watch = [
        WatchRefusal::UnknownRing,
        WatchRefusal::UnknownGroup,
        WatchRefusal::NotYours,
    ];
    pins.operation(
        &Watch {
            ring,
            group: Some(GROUP),
            kinds: Kinds::NONE.with(Kind::Born),
        },
        &[Watching {
            group: GROUP,
            since: 1000,
        }],
        &watch,
    );
    pins.operation(&Unwatch { ring }, &[()], &watch);
    let items = [
        Item::Group {
            group: GROUP,
            parent: None,
            state: GroupState::Frozen,
        },
        Item::Task {
            task: TASK,
            group: GROUP,
            parent: Some(TASK),
        },
    ];
    pins.operation(
        &ReadSnapshot { ring },
        &[SnapshotPage {
            items: items.into_iter().collect(),
            sequence: 1001,
            more: true,
        }],
        &[SnapshotRefusal::UnknownRing, SnapshotRefusal::NotWatching],
    );
    pins.operation(
        &accounting::AttachRing {
            ring,
            task: TASK,
            pages: 4,
        },
        &[()],
        &[
            AttachRefusal::NotYours,
            AttachRefusal::BadPlace,
            AttachRefusal::UnknownTask,
        ],
    );
    pins.operation(
        &accounting::DetachRing { ring },
        &[()],
        &[DetachRefusal::NotYours],
    );
    let refusals = [
        RingRefusal::UnknownTask,
        RingRefusal::BadSize,
        RingRefusal::TooMany,
        RingRefusal::TableFull,
        RingRefusal::Charge(ChargeRefusal::Short(SHORT)),
        RingRefusal::OutOfMemory,
        RingRefusal::Kernel(9),
    ];
    pins.operation(
        &provision::CreateRing {
            task: TASK,
            pages: 16,
            operator: true,
        },
        &[provision::MadeRing {
            ring,
            address: 0x23_0000,
            number: 1,
        }],
        &refusals,
    );
    pins.operation(
        &provision::DestroyRing { task: TASK, ring },
        &[provision::Progress::More, provision::Progress::Done],
        &[UnknownRefusal::Unknown],
    );
    pins.operation(
        &provision::BuildRing { task: TASK, ring },
        &[
            provision::Built::More,
            provision::Built::Whole { number: 3 },
        ],
        &refusals,
    );
    pins.operation(
        &process::OpenRing { pages: 1 },
        &[process::OpenedRing {
            ring,
            address: 0x23_0000,
            slot: 12,
            progress: provision::Progress::More,
        }],
        &refusals,
    );
    pins.operation(
        &process::ExtendRing { ring },
        &[provision::Progress::More, provision::Progress::Done],
        &refusals,
    );
    pins.operation(
        &process::CloseRing { ring },
        &[provision::Progress::More, provision::Progress::Done],
        &[UnknownRefusal::Unknown],
    );
}

/// The words of a record are an interface too: a page of them is read by programs that were not built with us.
#[test]
fn every_record_has_the_words_it_had() {
    use interfaces::events::{Ending, Event, Record};
    let record = Record {
        sequence: 9,
        event: Event::Died {
            task: TASK,
            group: GROUP,
            ending: Ending::Exited { code: -1 },
        },
    };
    let two = |index: u64, generation: u64| index | generation << 32;
    assert_eq!(
        record.to_words(),
        [9, 2, two(300, 2), two(70, 1), 1, 0xffff_ffff, 0, 0]
    );
}

fn console_pins(pins: &mut Pins) {
    let refusal = [console::OperatorRefusal::NotOperator];
    pins.operation(
        &console::Write {
            text: Text::try_new("hello\n").expect("short"),
        },
        &[()],
        &[],
    );
    pins.operation(
        &console::WriteRecord {
            record: Text::try_new("plan 1").expect("short"),
        },
        &[()],
        &refusal,
    );
    pins.operation(&console::Halt { passed: true }, &[()], &refusal);
    pins.operation(&console::ReadDropped {}, &[300], &[]);
    pins.operation(
        &console::ReadInput {},
        &[console::Input {
            bytes: heapless::Vec::from_slice(b"ls\r").expect("short"),
            lost: 300,
        }],
        &[
            console::ReadInputRefusal::NotOperator,
            console::ReadInputRefusal::AnotherWaits,
            console::ReadInputRefusal::NoInterrupt,
        ],
    );
    pins.operation(
        &console::WriteRaw {
            text: Text::try_new("hurdle> ").expect("short"),
        },
        &[()],
        &refusal,
    );
    pins.operation(
        &console::PollInput {},
        &[console::Input::default()],
        &refusal,
    );
}

#[test]
fn every_message_has_the_bytes_it_had() {
    let mut pins = Pins {
        text: String::new(),
        requests: 0,
    };
    limits_pins(&mut pins);
    rights_pins(&mut pins);
    lasting_pins(&mut pins);
    accounting_pins(&mut pins);
    memory_pins(&mut pins);
    provision_pins(&mut pins);
    process_pins(&mut pins);
    console_pins(&mut pins);
    event_pins(&mut pins);
    let operations = [
        limits::OPERATIONS,
        accounting::OPERATIONS,
        memory::OPERATIONS,
        provision::OPERATIONS,
        process::OPERATIONS,
        console::OPERATIONS,
        injection::OPERATIONS,
    ];
    let all = operations.iter().map(|list| list.len()).sum::<usize>();
    assert_eq!(pins.requests, all, "every operation is pinned");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire.pinned");
    if std::env::var_os("HURDLE_PIN").is_some() {
        std::fs::write(path, &pins.text).expect("the pinned file can be written");
    }
    let pinned = std::fs::read_to_string(path).expect("the pinned file is there");
    for (now, then) in pins.text.lines().zip(pinned.lines()) {
        assert_eq!(now, then, "a message's bytes have changed");
    }
    assert_eq!(pins.text.lines().count(), pinned.lines().count());
}

/// Asserts at compile time nothing, at run time that the hot requests stay in the registers.
#[test]
fn the_hot_requests_travel_in_registers() {
    fn bytes(value: &impl serde::Serialize) -> usize {
        let mut buffer = [0; interfaces::call::MESSAGE_BYTES];
        encode(value, &mut buffer).expect("fits")
    }
    let far = GroupId {
        index: 65_535,
        generation: 1_000_000,
    };
    let task = TaskId {
        index: 8191,
        generation: 1_000_000,
    };
    let six = Amounts::of(Resource::Tasks, 1)
        .with(Resource::Threads, 1)
        .with(Resource::Frames, 1000)
        .with(Resource::Commit, 1000)
        .with(Resource::KernelMemory, 100_000)
        .with(Resource::CapSlots, 1000);
    for length in [
        bytes(&accounting::Charge {
            group: far,
            amounts: six,
        }),
        bytes(&accounting::Release {
            group: far,
            amounts: six,
        }),
        bytes(&accounting::ChargeTask {
            task,
            amounts: Amounts::of(Resource::Frames, 1),
        }),
        bytes(&accounting::Ticket {
            thread: 8191,
            task,
            parent: Some(task),
            group: Some(far),
            amounts: provision::TASK_KIT,
        }),
        bytes(&provision::CreateTask {
            task,
            thread: 8191,
            program: ProgramId(31),
            payer: far,
        }),
        bytes(&process::Spawn {
            program: ProgramId(31),
            group: Some(far),
            arguments: Text::default(),
        }),
        bytes(&limits::ReadResource {
            group: Some(far),
            resource: Resource::Notes,
        }),
    ] {
        assert!(length <= interfaces::call::REGISTER_BYTES, "{length} bytes");
    }
}
