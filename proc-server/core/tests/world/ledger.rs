//! The real limits-server, without a kernel.

use interfaces::call::{Call, Loopback, Outcome, Transport};
use interfaces::identity::{Badge, Caller};
use interfaces::limits::LabelText;
use interfaces::system::Group;
use interfaces::{Amounts, Limit, RESOURCES, Resource, TaskId};
use limits_core::{
    Arrival, BoundSlot, EntrySlot, GroupSlot, LabelSlot, Ledger, LimitsServer, Memory, TaskSlot,
    ThreadSlot, TombSlot,
};

use super::GROUPS;

#[derive(Debug)]
pub struct TheLedger(LimitsServer<'static>);

impl TheLedger {
    /// The groups of [`GROUPS`], each with a limit on its tasks or none.
    pub fn with_task_limits(limits: [Limit; 4]) -> Self {
        let mut ledger = Ledger::try_new(Memory {
            groups: vec![GroupSlot::VACANT; 129].leak(),
            bounds: vec![BoundSlot::VACANT; 16].leak(),
            labels: vec![LabelSlot::vacant(); 16].leak(),
            tasks: vec![TaskSlot::VACANT; 64].leak(),
            threads: vec![ThreadSlot::VACANT; 64].leak(),
            entries: vec![EntrySlot::VACANT; 64].leak(),
            tombs: vec![TombSlot::vacant(); 16].leak(),
        })
        .expect("there is room for the root");
        let groups: Vec<Group> = GROUPS
            .iter()
            .zip(limits)
            .map(|(&(_, parent), tasks)| {
                let mut limits = [Limit::Max; RESOURCES];
                limits[Resource::Tasks.index()] = tasks;
                Group {
                    label: LabelText::default(),
                    parent: parent.map(|parent| u8::try_from(parent - 1).unwrap()),
                    band: 2,
                    limits,
                    soft: [Limit::Max; RESOURCES],
                }
            })
            .collect();
        ledger.declare(&groups).unwrap();
        Self(LimitsServer::new(ledger))
    }

    pub fn ask<C: Call>(&mut self, caller: Caller, request: &C) -> Outcome<C> {
        let answer = Loopback {
            dispatch: |server: &mut LimitsServer<'static>, caller, label, payload, reply| {
                let arrival = Arrival::Request {
                    label,
                    with_capabilities: false,
                };
                server.handle(Some(Badge::Service(caller)), arrival, payload, reply)
            },
            server: &mut self.0,
            caller,
        }
        .exchange(request);
        self.0.ledger().check();
        answer
    }

    /// A client asks for itself.
    pub fn ask_as<C: Call>(&mut self, task: TaskId, request: &C) -> Outcome<C> {
        let tag = task.tag();
        self.ask(Caller::client(tag, false), request)
    }

    pub fn birth_notice(&mut self, thread: u32) {
        let badge = Some(Badge::Birth { thread });
        self.0.handle(badge, Arrival::PageFault, &[], &mut []);
    }

    /// What a group and everything below it use.
    pub fn usage(&self, group: interfaces::GroupId) -> Amounts {
        self.0.ledger().account(group).unwrap().usage
    }
}
