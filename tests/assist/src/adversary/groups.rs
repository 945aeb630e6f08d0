//! What the adversary asks about groups, rights and events.

use client::Server;
use client::interfaces::events::{Kinds, RingId};
use client::interfaces::limits::{
    CloseGroup, EffectiveLimit, Enter, FindChild, GiveUp, Grant, Hold, LabelText, ListChildren,
    ListRights, ListTasks, ListTombstones, MyRights, OpenGroup, Ping, ReadAccount, ReadFreeze,
    ReadGuarantee, ReadOwner, ReadResource, ReadSnapshot, ReadTombstone, ReadTotals, ReadUsage,
    RemoveGroup, ResetPeaks, ResetRefusals, Revoke, Rights, SetLabel, SetLimit, SetMode, SetOwner,
    SetSoftLimit, Unhold, Unwatch, Watch, WhoAmI, WouldFit,
};
use client::interfaces::process::{CloseRing, ExtendRing, OpenRing};
use client::interfaces::provision::Progress;

use super::{Adversary, LABEL};

const LIMITS: Server = Server::Limits;

impl Adversary {
    pub fn groups(&mut self) {
        let (group, some, resource) = (self.group(), self.some_group(), self.resource());
        let (opened, reads) = (self.oracle.opened(group), self.oracle.reads(some));
        match self.below(14) {
            0 => {
                let request = OpenGroup { parent: some };
                if let Some(new) = self.oracle.ask_new(LIMITS, reads, &request) {
                    self.oracle.groups.add(new);
                }
            }
            1 => self.tell(opened, &CloseGroup { group }),
            2 => {
                let limit = self.limit();
                let request = SetLimit {
                    group,
                    resource,
                    limit,
                };
                self.tell(opened, &request);
            }
            3 => {
                let limit = self.limit();
                let request = SetSoftLimit {
                    group,
                    resource,
                    limit,
                };
                self.tell(opened, &request);
            }
            4 => {
                let label = LabelText::cut("taken");
                self.tell(opened, &SetLabel { group, label });
            }
            5 => self.tell(reads, &ReadAccount { group: some }),
            6 => {
                let group = some;
                self.tell(reads, &ReadResource { group, resource });
            }
            7 => {
                let after = self.some_group();
                self.tell(reads, &ListChildren { group: some, after });
            }
            8 => {
                let after = (self.below(2) > 0).then(|| self.task());
                self.tell(reads, &ListTasks { group: some, after });
            }
            9 => {
                let group = some;
                self.tell(reads, &EffectiveLimit { group, resource });
            }
            10 => {
                let amounts = self.amounts();
                let group = some;
                self.tell(reads, &WouldFit { group, amounts });
            }
            11 => {
                self.tell(true, &WhoAmI {});
                self.tell(true, &Ping {});
            }
            // Downwards is allowed, and there is no way back: not too often.
            12 => self.tell(reads, &ReadUsage { group: some }),
            _ if !self.oracle.reads(Some(group)) || self.below(100) == 0 => {
                let may = self.oracle.reads(Some(group));
                if self.oracle.ask(LIMITS, may, &Enter { group }).is_some() {
                    self.oracle.home = group;
                }
            }
            _ => {}
        }
    }

    fn tell<C: client::interfaces::Call>(&mut self, may: bool, request: &C) {
        self.oracle.ask(LIMITS, may, request);
    }

    /// What could hand it a right, or take one from another.
    pub fn rights(&mut self) {
        let (group, some, task) = (self.group(), self.some_group(), self.task());
        let (opened, reads) = (self.oracle.opened(group), self.oracle.reads(some));
        let rights = Rights::ALL;
        match self.below(21) {
            0 | 1 => {
                let may = opened && self.oracle.knows(task);
                let request = Grant {
                    group,
                    task,
                    rights,
                };
                self.tell(may, &request);
            }
            2 => {
                let request = Revoke {
                    group,
                    task,
                    rights,
                };
                self.tell(opened, &request);
            }
            3 => self.tell(opened, &GiveUp { group, rights }),
            4 => self.tell(reads, &ListRights { group: some }),
            5 => self.tell(reads, &MyRights { group: some }),
            6 => {
                let (uid, gid) = (self.small(3), self.small(3));
                self.tell(opened, &SetOwner { group, uid, gid });
            }
            7 => self.tell(opened, &SetMode { group, mode: 0o777 }),
            8 => self.tell(reads, &ReadOwner { group: some }),
            9 => self.tell(opened, &ResetPeaks { group }),
            10 => self.tell(opened, &ResetRefusals { group }),
            11 => self.tell(opened, &Hold { group }),
            12 => self.tell(opened, &Unhold { group }),
            13 => self.tell(opened, &RemoveGroup { group }),
            14 => {
                let label = LabelText::cut(if self.below(2) == 0 { "taken" } else { LABEL });
                let parent = some;
                self.tell(reads, &FindChild { parent, label });
            }
            15 => self.tell(opened, &ReadTombstone { group }),
            16 => {
                let after = self.below(40);
                self.tell(reads, &ListTombstones { group: some, after });
            }
            17 => self.tell(reads, &ReadFreeze { group: some }),
            18 => self.tell(reads, &ReadGuarantee { group: some }),
            _ => self.tell(reads, &ReadTotals { group: some }),
        }
    }

    /// Any ring: mostly another's, of which there are some.
    fn ring(&mut self) -> RingId {
        let mine = self.below(3) == 0;
        match self.oracle.ring {
            Some(own) if mine => own,
            _ => RingId(u8::try_from(self.below(70)).unwrap_or(0)),
        }
    }

    /// What could let it hear of others, or stop what they hear.
    pub fn watching(&mut self) {
        let (ring, group) = (self.ring(), self.some_group());
        let own = self.oracle.ring == Some(ring);
        match self.below(9) {
            0 | 1 => {
                let may = own && self.oracle.reads(group);
                let request = Watch {
                    ring,
                    group,
                    kinds: Kinds::ALL,
                };
                self.tell(may, &request);
            }
            2 | 3 => self.tell(own, &Unwatch { ring }),
            4 => self.tell(own, &ReadSnapshot { ring }),
            5 | 6 => {
                let request = CloseRing { ring };
                let closed = self.oracle.ask(Server::Process, own, &request);
                if closed == Some(Progress::Done) {
                    self.oracle.ring = None;
                }
            }
            7 if self.oracle.ring.is_some() => {
                self.oracle.ask(Server::Process, own, &ExtendRing { ring });
            }
            _ if self.oracle.ring.is_none() => {
                let doublings = u32::try_from(self.below(5)).unwrap_or(0);
                let pages = 1_u8.wrapping_shl(doublings);
                let request = OpenRing { pages };
                let opened = self.oracle.ask(Server::Process, true, &request);
                self.oracle.ring = opened.map(|opened| opened.ring);
            }
            _ => {}
        }
    }
}
