//! What the adversary asks about memory, and of whom it should ask nothing: the console and the servers.

use client::Server;
use client::interfaces::memory::{
    Accept, Access, CloneOn, CloneRegion, CountFree, CreateLarge, CreateRegion, DestroyRegion,
    Guarantee, LARGE_PAGES, MakeRoom, Map, MapPart, Offered, ReadCommit, ReadRegion, ReadSpace,
    Resize, Share, Spoil, Sponsor, Tidy, Unmap, UnmapPart,
};
use client::interfaces::{Call, GroupId, Text, accounting, console, provision};

use super::Adversary;

/// Where regions are; below are the program and its stack.
const REGIONS: u32 = 0x1000_0000;

impl Adversary {
    fn use_memory<C: Call>(&mut self, may: bool, request: &C) -> Option<C::Reply> {
        self.oracle.ask(Server::Memory, may, request)
    }

    fn address(&mut self) -> u32 {
        REGIONS.saturating_add(self.small(0x1000) << 12)
    }

    /// What is asked of the machine's memory as a whole.
    fn machine(&mut self) {
        match self.below(5) {
            0 => drop(self.use_memory(true, &ReadCommit {})),
            1 => drop(self.use_memory(true, &MakeRoom {})),
            2 => drop(self.use_memory(true, &Tidy {})),
            3 => drop(self.use_memory(false, &CountFree { from: 0 })),
            // Nothing but a build for another test does it.
            _ => {
                let address = self.address();
                self.use_memory(false, &Spoil { address });
            }
        }
    }

    /// So many pages, or, now and then, one or two units of large memory.
    fn size(&mut self, pages: u32) -> u32 {
        match self.below(8) {
            0 => LARGE_PAGES,
            1 => 2 * LARGE_PAGES,
            _ => pages,
        }
    }

    pub fn memory(&mut self) {
        let (region, pages, address) = (self.region(), self.small(9), self.address());
        let own = self.oracle.regions.has(region);
        let address = (self.below(2) == 0).then_some(address);
        let access = Access::ReadWrite;
        match self.below(23) {
            17..=19 | 21 => self.machine(),
            22 => {
                if let Some(region) = self.use_memory(true, &CreateLarge {}) {
                    self.oracle.regions.add(region);
                }
            }
            20 => {
                let (group, pages) = (self.group(), self.below(3));
                let may = self.oracle.opened(group);
                self.use_memory(may, &Guarantee { group, pages });
            }
            0 | 1 => {
                if let Some(region) = self.use_memory(true, &CreateRegion { pages }) {
                    self.oracle.regions.add(region);
                }
            }
            2 => {
                let request = Map {
                    region,
                    address,
                    access,
                };
                self.use_memory(own, &request);
            }
            3 => {
                let offset = self.small(4);
                let request = MapPart {
                    region,
                    address,
                    access,
                    offset,
                    pages,
                };
                self.use_memory(own, &request);
            }
            4 => {
                self.use_memory(own, &Unmap { region });
            }
            5 => {
                let address = address.unwrap_or(REGIONS);
                self.use_memory(true, &UnmapPart { address });
            }
            6 | 7 => {
                self.use_memory(own, &DestroyRegion { region });
            }
            8 => {
                self.use_memory(own, &ReadRegion { region });
            }
            9 => {
                self.use_memory(true, &ReadSpace {});
            }
            10 => {
                // An offer is not yet anybody's; it may be made to whom one cannot see.
                let to = self.task();
                let payment = self.below(2) == 0;
                let request = Share {
                    region,
                    to,
                    access,
                    payment,
                };
                if let Some(offered) = self.use_memory(own, &request) {
                    self.oracle.regions.add(offered);
                }
            }
            11 => {
                let from = self.task();
                let offered = self.use_memory(true, &Offered { from }).flatten();
                if let Some(offered) = offered {
                    let own = self.oracle.regions.has(offered);
                    self.use_memory(own, &Accept { region: offered });
                }
            }
            12 => {
                self.use_memory(own, &Accept { region });
            }
            13 => {
                let pages = self.size(pages);
                self.use_memory(own, &Resize { region, pages });
            }
            14 => {
                self.use_memory(own, &Sponsor { region });
            }
            15 => {
                let cloned = self.use_memory(own, &CloneRegion { region });
                if let Some(cloned) = cloned {
                    self.oracle.regions.add(cloned.region);
                }
            }
            _ => {
                self.use_memory(own, &CloneOn { region });
            }
        }
    }

    /// What is the operator's.
    pub fn lines(&mut self) {
        use console::{Halt, PollInput, ReadDropped, ReadInput, Write, WriteRaw, WriteRecord};
        let (server, oracle) = (Server::Console, &mut self.oracle);
        match self.random.below(7) {
            0 => {
                oracle.ask(server, false, &Halt { passed: true });
            }
            1 => {
                oracle.ask(server, false, &PollInput {});
            }
            2 => {
                oracle.ask(server, true, &ReadDropped {});
            }
            3 => {
                oracle.ask(server, false, &ReadInput {});
            }
            4 => {
                let record = Text::cut("done 1 0");
                oracle.ask(server, false, &WriteRecord { record });
            }
            5 => {
                let text = Text::cut("nobody is to see this");
                oracle.ask(server, false, &WriteRaw { text });
            }
            _ => {
                let text = Text::default();
                oracle.ask(server, true, &Write { text });
            }
        }
    }

    /// What only servers may ask: each would be a way out.
    pub fn servers(&mut self) {
        use accounting::{
            BeginKill, Charge, EndTask, FinishKill, MoveTask, NextVictim, OwnUsage, Release,
        };
        use provision::{DestroyTask, Holdings};
        let (task, group) = (self.task(), self.group());
        let amounts = self.amounts();
        let server = Server::Limits;
        let which = self.below(11);
        let oracle = &mut self.oracle;
        match which {
            0 => oracle.forbidden(server, &Charge { group, amounts }),
            1 => oracle.forbidden(server, &Release { group, amounts }),
            2 => {
                let by = None;
                oracle.forbidden(server, &MoveTask { task, group, by });
            }
            3 => oracle.forbidden(server, &BeginKill { group, by: None }),
            4 => oracle.forbidden(server, &NextVictim { group }),
            5 => oracle.forbidden(server, &FinishKill { group }),
            6 => {
                let ending = client::interfaces::events::Ending::NeverRan;
                oracle.forbidden(server, &EndTask { task, ending });
            }
            7 => oracle.forbidden(server, &OwnUsage { group }),
            8 => {
                let (top, after) = (GroupId::ROOT, None);
                oracle.forbidden(server, &accounting::NextGroup { top, after });
            }
            9 => oracle.forbidden(Server::Memory, &DestroyTask { task }),
            _ => oracle.forbidden(Server::Memory, &Holdings { group }),
        }
    }
}
