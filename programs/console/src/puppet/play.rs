//! A puppet at work: order by order, and a line about each.

use core::fmt::{self, Write as _};

use interfaces::limits::{Account, GroupState};
use interfaces::memory::{PAGE_BYTES, RegionId};
use interfaces::{GroupId, Limit, Resource, Text};

use super::hands::{Hands, Words, words};
use super::order::{Named, Order};
use super::{ANSWER_BYTES, HELP};

/// How many regions a puppet keeps in mind.
pub const REGIONS: usize = 16;
/// The slots of a client's CSpace.
const SLOTS: u64 = 16;
/// The most bytes of a raw answer that are shown.
const SHOWN: usize = 64;

/// What a puppet does once its answer is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It waits for the next order.
    Next,
    /// It ends.
    Exit(i32),
    /// It computes for ever.
    Spin,
    /// It touches what it does not have.
    Fault,
}

/// The line that answers an order.
pub type Line = Text<ANSWER_BYTES>;

/// A region that was made.
#[derive(Clone, Copy, Debug)]
struct Region {
    id: RegionId,
    address: u32,
    pages: u32,
}

/// A puppet.
#[derive(Debug)]
pub struct Puppet<H> {
    hands: H,
    regions: [Option<Region>; REGIONS],
}

impl<H: Hands> Puppet<H> {
    /// A puppet that was told nothing yet.
    pub const fn new(hands: H) -> Self {
        Self {
            hands,
            regions: [None; REGIONS],
        }
    }

    /// Does what a line says, and answers: `Ok` with what came of it, `Err` with why not.
    pub fn tell(&mut self, line: &str) -> (Result<Line, Line>, After) {
        let order = match Order::parse(line) {
            Ok(order) => order,
            Err(error) => return (Err(say(error)), After::Next),
        };
        let after = match order {
            Order::Exit { code } => After::Exit(code),
            Order::Spin => After::Spin,
            Order::Fault => After::Fault,
            _ => After::Next,
        };
        let mut answer = Line::default();
        match self.act(order, &mut answer) {
            Ok(()) => (Ok(answer), after),
            Err(why) => (Err(say(why)), After::Next),
        }
    }

    fn act(&mut self, order: Order<'_>, out: &mut Line) -> Result<(), Words> {
        let mut out = Cut(out);
        match order {
            Order::Help => write!(out, "{HELP}"),
            Order::Spawn {
                group,
                program,
                arguments,
            } => {
                let group = match group {
                    Some(named) => self.named(named)?,
                    None => None,
                };
                let task = self.hands.spawn(group, program, arguments)?;
                write!(out, "{task}")
            }
            Order::Thread => write!(out, "{}", self.hands.thread()?),
            Order::Region { pages } => return self.region(pages, &mut out),
            Order::Touch { region, count } => return self.touch(region, count, &mut out),
            Order::Free { region } => {
                let found = self.known(region)?;
                self.hands.free(found.id)?;
                self.forget(region);
                write!(out, "freed {} pages", found.pages)
            }
            Order::Open { label } => write!(out, "{}", self.hands.open(label)?),
            Order::Enter { group } => {
                let group = self.exactly(group)?;
                self.hands.enter(group)?;
                write!(out, "in group {group}")
            }
            Order::Limit {
                group,
                resource,
                limit,
                soft,
            } => {
                let group = self.exactly(group)?;
                self.hands.limit(group, resource, limit, soft)?;
                let kind = if soft { "soft limit" } else { "limit" };
                write!(out, "group {group}: {kind} of {resource} is {limit}")
            }
            Order::Read { group } => {
                let group = self.named(group)?;
                let account = self.hands.read(group)?;
                account_line(&account, &mut out)
            }
            Order::KillTask { task } => {
                self.hands.kill(task)?;
                write!(out, "killed {task}")
            }
            Order::KillGroup { group } => {
                let group = self.exactly(group)?;
                let receipt = self.hands.kill_group(group)?;
                write!(out, "held {}; came back {}", receipt.held, receipt.returned)
            }
            Order::Wait { task } => write!(out, "{task} {}", self.hands.wait(task)?),
            Order::Exit { code } => write!(out, "exits with code {code}"),
            Order::Spin => write!(out, "spins"),
            Order::Fault => write!(out, "faults"),
            Order::Raw {
                server,
                label,
                bytes,
            } => {
                let mut shown = heapless::Vec::<u8, SHOWN>::new();
                let label = self.hands.raw(server, label, &bytes, &mut |byte| {
                    // The rest is not shown.
                    let _ = shown.push(byte);
                });
                raw_line(label, &shown, &mut out)
            }
            Order::Slots => self.slots(&mut out),
        }
        // Only what was cut can be an error.
        .or(Ok(()))
    }

    fn region(&mut self, pages: u32, out: &mut Cut<'_>) -> Result<(), Words> {
        let free = self.regions.iter().position(Option::is_none);
        let place = free.ok_or_else(|| words(format_args!("has {REGIONS} regions already")))?;
        let (id, address) = self.hands.region(pages)?;
        if let Some(entry) = self.regions.get_mut(place) {
            *entry = Some(Region { id, address, pages });
        }
        let _ = write!(out, "{place} at {address:#x} with {pages} pages");
        Ok(())
    }

    fn touch(&mut self, region: usize, count: Option<u32>, out: &mut Cut<'_>) -> Result<(), Words> {
        let Region { address, pages, .. } = self.known(region)?;
        let count = count.unwrap_or(pages);
        if count > pages {
            return Err(words(format_args!("region {region} has {pages} pages")));
        }
        for page in 0..count {
            let offset = u64::from(page).saturating_mul(PAGE_BYTES);
            self.hands.touch(u64::from(address).saturating_add(offset));
        }
        let _ = write!(out, "touched {count} pages");
        Ok(())
    }

    fn known(&self, region: usize) -> Result<Region, Words> {
        let known = self.regions.get(region).copied().flatten();
        known.ok_or_else(|| words(format_args!("no region {region}")))
    }

    fn forget(&mut self, region: usize) {
        if let Some(entry) = self.regions.get_mut(region) {
            *entry = None;
        }
    }

    /// A group; none for the puppet's own.
    fn named(&mut self, named: Named<'_>) -> Result<Option<GroupId>, Words> {
        match named {
            Named::Own => Ok(None),
            Named::Id(group) => Ok(Some(group)),
            Named::Label(label) => self.hands.find(label).map(Some),
        }
    }

    /// A group, the puppet's own by its id.
    fn exactly(&mut self, named: Named<'_>) -> Result<GroupId, Words> {
        match self.named(named)? {
            Some(group) => Ok(group),
            None => Ok(self.hands.read(None)?.group),
        }
    }

    /// What each slot answers to a message that means nothing.
    fn slots(&mut self, out: &mut Cut<'_>) -> fmt::Result {
        let mut held = 0_u32;
        for slot in 0..SLOTS {
            match self.hands.slot(slot) {
                Some(NOTHING) => {}
                Some(label) => {
                    held = held.saturating_add(1);
                    write!(out, "slot {slot} answers {label}, ")?;
                }
                None => write!(out, "slot {slot} sends to a partner, ")?,
            }
        }
        write!(out, "{held} of {SLOTS} can be called")
    }
}

/// The label with which the kernel itself answers a call of what cannot be called: its error for a capability that is
/// not valid (`seL4_InvalidCapability`).
const NOTHING: u64 = 2;

/// A group on a line: each kind that is used, limited or was refused.
fn account_line(account: &Account, out: &mut Cut<'_>) -> fmt::Result {
    let state = match account.state {
        GroupState::Live => "live",
        GroupState::Killing => "killing",
        GroupState::Frozen => "frozen",
    };
    write!(out, "{}", account.group)?;
    if !account.label.is_empty() {
        write!(out, " {}", account.label)?;
    }
    write!(
        out,
        " {state}, {} tasks and {} groups here",
        account.tasks_here, account.children
    )?;
    for resource in Resource::ALL {
        let limit = account.limit.get(resource.index()).copied();
        let limit = limit.unwrap_or(Limit::Max);
        let (used, refused) = (account.usage.get(resource), account.refusals.get(resource));
        if used == 0 && refused == 0 && limit == Limit::Max {
            continue;
        }
        write!(out, "; {resource} {used} of {limit}")?;
        if refused != 0 {
            write!(out, ", refused {refused}")?;
        }
    }
    Ok(())
}

fn raw_line(label: u64, bytes: &[u8], out: &mut Cut<'_>) -> fmt::Result {
    match interfaces::ProtocolError::from_label(label) {
        Some(error) => write!(out, "label {label}: {error}")?,
        None => write!(out, "label {label}")?,
    }
    if !bytes.is_empty() {
        write!(out, ", bytes")?;
        for byte in bytes {
            write!(out, " {byte:02x}")?;
        }
    }
    Ok(())
}

fn say(what: impl fmt::Display) -> Line {
    let mut line = Line::default();
    let _ = write!(Cut(&mut line), "{what}");
    line
}

/// Takes what fits, in one line.
struct Cut<'a>(&'a mut Line);

impl fmt::Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let character = if character.is_control() {
                ' '
            } else {
                character
            };
            self.0.write_char(character)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "play_tests.rs"]
mod tests;
