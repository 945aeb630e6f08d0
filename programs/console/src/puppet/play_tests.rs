//! A puppet with hands that write down what they did.

use interfaces::accounting::Receipt;
use interfaces::limits::LabelText;
use interfaces::process::ExitReason;
use interfaces::{Amounts, RESOURCES, TaskId};

use super::super::hands::Peer;
use super::*;

#[derive(Default)]
struct Noted {
    did: Vec<String>,
    refuses: bool,
}

impl Noted {
    fn does<T>(&mut self, what: String, then: T) -> Result<T, Words> {
        if self.refuses {
            return Err(words("refused: not today"));
        }
        self.did.push(what);
        Ok(then)
    }
}

const fn group(index: u32) -> GroupId {
    GroupId {
        index,
        generation: 0,
    }
}

impl Hands for Noted {
    fn spawn(
        &mut self,
        group: Option<GroupId>,
        program: &str,
        arguments: &str,
    ) -> Result<TaskId, Words> {
        let task = TaskId {
            index: 9,
            generation: 2,
        };
        self.does(format!("spawn {group:?} {program} {arguments}"), task)
    }
    fn thread(&mut self) -> Result<u32, Words> {
        self.does("thread".into(), 1)
    }
    fn region(&mut self, pages: u32) -> Result<(RegionId, u32), Words> {
        let id = RegionId {
            index: 3,
            generation: 0,
        };
        self.does(format!("region {pages}"), (id, 0x1000_0000))
    }
    fn touch(&mut self, address: u64) {
        self.did.push(format!("touch {address:#x}"));
    }
    fn free(&mut self, region: RegionId) -> Result<(), Words> {
        self.does(format!("free {}", region.index), ())
    }
    fn open(&mut self, label: &str) -> Result<GroupId, Words> {
        self.does(format!("open {label}"), group(8))
    }
    fn find(&mut self, label: &str) -> Result<GroupId, Words> {
        match label {
            "pen" => Ok(group(8)),
            _ => Err(words("no group has this label")),
        }
    }
    fn enter(&mut self, group: GroupId) -> Result<(), Words> {
        self.does(format!("enter {group}"), ())
    }
    fn limit(
        &mut self,
        group: GroupId,
        resource: Resource,
        limit: Limit,
        soft: bool,
    ) -> Result<(), Words> {
        self.does(format!("limit {group} {resource} {limit} {soft}"), ())
    }
    fn read(&mut self, group: Option<GroupId>) -> Result<Account, Words> {
        let mut limit = [Limit::Max; RESOURCES];
        limit[Resource::Tasks.index()] = Limit::At(2);
        Ok(Account {
            group: group.unwrap_or(self::group(7)),
            parent: None,
            label: LabelText::cut("pen"),
            state: GroupState::Live,
            band: 0,
            tasks_here: 2,
            children: 1,
            usage: Amounts::of(Resource::Tasks, 2).with(Resource::Frames, 5),
            peak: Amounts::NONE,
            limit,
            refusals: Amounts::of(Resource::Tasks, 3),
        })
    }
    fn kill(&mut self, task: TaskId) -> Result<(), Words> {
        self.does(format!("kill {task}"), ())
    }
    fn kill_group(&mut self, group: GroupId) -> Result<Receipt, Words> {
        let held = Amounts::of(Resource::Tasks, 2);
        let receipt = Receipt {
            held,
            returned: held,
        };
        self.does(format!("kill group {group}"), receipt)
    }
    fn wait(&mut self, task: TaskId) -> Result<ExitReason, Words> {
        self.does(format!("wait {task}"), ExitReason::Exited { code: 4 })
    }
    fn raw(&mut self, server: Peer, label: u64, bytes: &[u8], answer: &mut dyn FnMut(u8)) -> u64 {
        self.did.push(format!("raw {server:?} {label} {bytes:?}"));
        (0..100).for_each(answer);
        4
    }
    fn slot(&mut self, slot: u64) -> Option<u64> {
        match slot {
            1..=5 => Some(1),
            8 => None,
            _ => Some(NOTHING),
        }
    }
}

fn told(puppet: &mut Puppet<Noted>, line: &str) -> String {
    let (answer, after) = puppet.tell(line);
    assert_eq!(after, After::Next, "{line}");
    match answer {
        Ok(line) => line.as_str().into(),
        Err(line) => format!("no: {line}"),
    }
}

#[test]
fn each_order_is_done_and_answered_in_a_line() {
    let mut puppet = Puppet::new(Noted::default());
    for (line, answer, did) in [
        ("spawn -g . nap x", "9.2", "spawn None nap x"),
        (
            "spawn -g 8 nap",
            "9.2",
            "spawn Some(GroupId { index: 8, generation: 0 }) nap ",
        ),
        ("thread", "1", "thread"),
        ("region 2", "0 at 0x10000000 with 2 pages", "region 2"),
        ("touch 0 1", "touched 1 pages", "touch 0x10000000"),
        ("touch 0", "touched 2 pages", "touch 0x10001000"),
        ("free 0", "freed 2 pages", "free 3"),
        ("open pen", "8", "open pen"),
        ("enter pen", "in group 8", "enter 8"),
        (
            "limit . tasks 5 soft",
            "group 7: soft limit of tasks is 5",
            "limit 7 tasks 5 true",
        ),
        ("kill 9.2", "killed 9.2", "kill 9.2"),
        (
            "kill pen",
            "held 2 tasks; came back 2 tasks",
            "kill group 8",
        ),
        ("wait 9.2", "9.2 exited with code 4", "wait 9.2"),
    ] {
        assert_eq!(told(&mut puppet, line), answer, "{line}");
        assert_eq!(puppet.hands.did.last().unwrap(), did, "{line}");
    }
    assert_eq!(
        told(&mut puppet, "read"),
        "7 pen live, 2 tasks and 1 groups here; tasks 2 of 2, refused 3; frames 5 of max"
    );
    assert_eq!(
        told(&mut puppet, "slots"),
        "slot 1 answers 1, slot 2 answers 1, slot 3 answers 1, slot 4 answers 1, slot 5 answers 1, \
         slot 8 sends to a partner, 5 of 16 can be called"
    );
    let raw = told(&mut puppet, "raw proc 0x50107 01");
    assert!(
        raw.starts_with("label 4: payload is not an encoding of the request, bytes 00 01 02"),
        "{raw}"
    );
    assert!(raw.ends_with(" 3f"), "{raw}");
    assert!(told(&mut puppet, "help").ends_with("`-g ID` for a group"));
}

#[test]
fn what_ends_it_comes_after_the_answer() {
    let mut puppet = Puppet::new(Noted::default());
    for (line, answer, after) in [
        ("exit 3", "exits with code 3", After::Exit(3)),
        ("spin", "spins", After::Spin),
        ("fault", "faults", After::Fault),
    ] {
        let (said, then) = puppet.tell(line);
        assert_eq!((said.unwrap().as_str(), then), (answer, after));
    }
}

#[test]
fn nothing_is_done_for_a_line_that_is_not_understood_and_a_refusal_is_told() {
    let mut puppet = Puppet::new(Noted::default());
    assert_eq!(told(&mut puppet, "dance"), "no: no order `dance`: see help");
    assert_eq!(told(&mut puppet, "touch 0"), "no: no region 0");
    assert_eq!(told(&mut puppet, "free 99"), "no: no region 99");
    assert_eq!(
        told(&mut puppet, "enter nobody"),
        "no: no group has this label"
    );
    assert!(puppet.hands.did.is_empty());
    puppet.hands.refuses = true;
    for line in ["region 1", "kill 1", "open pen", "enter 8", "exit x"] {
        assert!(told(&mut puppet, line).starts_with("no: "), "{line}");
    }
    assert_eq!(told(&mut puppet, "touch 0"), "no: no region 0");
}

#[test]
fn regions_are_bounded_and_their_places_used_again() {
    let mut puppet = Puppet::new(Noted::default());
    for place in 0..REGIONS {
        assert!(told(&mut puppet, "region 1").starts_with(&format!("{place} at ")));
    }
    assert_eq!(told(&mut puppet, "region 1"), "no: has 16 regions already");
    assert_eq!(told(&mut puppet, "touch 15 2"), "no: region 15 has 1 pages");
    told(&mut puppet, "free 7");
    assert!(told(&mut puppet, "region 1").starts_with("7 at "));
}
