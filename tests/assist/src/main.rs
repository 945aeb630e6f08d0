//! The suite's helpers in the guest: one mode for each way to behave or misbehave.
//!
//! The first word of the arguments is the mode. The exit code is 0 for content, a count where the mode counts, and
//! negative with a line on the console where something was not as it should be. Nothing here is trusted by anybody:
//! the suite looks at what the servers say.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[macro_use]
mod problem;

mod adversary;
mod busy;
mod clock;
mod crash;
mod cspace;
#[expect(dead_code, reason = "the other side of a mailbox uses the rest")]
mod deed;
mod fork;
mod fuzz;
mod greedy;
mod group;
mod large;
mod leaving;
mod link;
mod measure;
mod opener;
mod pages;
mod partner;
mod protocol;
mod puppet;
mod random;
mod rights;
mod task;
mod threads;
mod tries;
mod units;
mod watch;
mod words;

use client::interfaces::ProtocolError;
use client::interfaces::limits::Membership;
use client::{limits, process};

use crate::words::Words;

client::program!(begin);

/// What the first call of all said: where was this task born?
type Born = Result<Membership, ProtocolError>;

fn begin() -> i32 {
    let born: Born = limits::who_am_i();
    let arguments = process::arguments();
    let mut words = Words::new(arguments.as_str());
    match words.next() {
        // A test build of the proc-server leaves the ticket out for this word; else it means nothing.
        "without-ticket" => mode(words.next(), words, born),
        first => mode(first, words, born),
    }
}

fn mode(mode: &str, mut words: Words<'_>, born: Born) -> i32 {
    match mode {
        "idle" => task::idle(),
        "exit" => task::code(&mut words),
        "panic" => panic!("as asked"),
        "born" => task::born(&mut words, born),
        "child-of" => task::child_of(&mut words),
        "orphan" => task::orphan(),
        "parent" => task::parent(),
        "stranger" => task::stranger(&mut words),
        "greedy" => greedy::greedy(),
        "modest" => greedy::modest(),
        "bomb" => task::bomb(),
        "kill-bombs" => task::kill_bombs(&mut words),
        "adversary" => adversary::run(&mut words),
        "neighbour" => busy::neighbour(),
        "lateness" => busy::lateness(&mut words),
        "destroy" => pages::destroy(&mut words),
        "large" => large::large(&mut words),
        "late-faults" => large::late_faults(&mut words),
        "zeroed-units" => units::zeroed_units(),
        "units" => units::units(&mut words),
        "race-pages" => threads::race_pages(&mut words),
        "unmap-race" => threads::unmap_race(&mut words),
        "puppet" => puppet::run(),
        "opens" => group::opens(&mut words),
        "try" => opener::try_one(&mut words),
        "opener" => opener::opener(&mut words),
        "keeper" => opener::keeper(&mut words),
        "enters" => opener::enters(&mut words),
        "escape" => group::escape(&mut words),
        "no-operator" => group::no_operator(),
        "touch" => pages::touch(&mut words),
        "partner" => partner::partner(&mut words),
        "forks" => fork::forks(&mut words),
        "fork-writes" => fork::writes(&mut words),
        "fork-bomb" => fork::bomb(),
        "fork-refused" => fork::refused(&mut words),
        "fork-threads" => fork::threads(),
        "leave" => leaving::leave(words.next()),
        "find" => leaving::find(),
        "echo" => link::echo(),
        "deaf" => link::deaf(&mut words),
        "hangs-up" => link::hangs_up(&mut words),
        "sends" => link::sends(),
        "hears" => link::hears(),
        "asks" => link::asks(&mut words),
        "asks-the-deaf" => link::asks_the_deaf(),
        "takes" => link::takes(),
        "gives" => link::gives(),
        "calls" => link::calls(),
        "cannot-offer" => link::cannot_offer(&mut words),
        "siblings" => link::siblings(),
        "suitors" => link::suitors(),
        "suitor" => link::suitor(&mut words),
        "hold" => pages::hold(&mut words),
        "reserve" => pages::reserve(&mut words),
        "race" => pages::race(),
        "fill" => pages::fill(&mut words),
        "zeroed" => pages::zeroed(&mut words),
        "read-only" => pages::read_only(),
        "foreign" => pages::foreign(&mut words),
        "threads" => threads::as_many_as_possible(&mut words),
        "ended-thread" => threads::ended(),
        "thread-work" => threads::work(),
        "moved-thread" => threads::after_move(&mut words),
        "tries" => tries::tries(&mut words),
        "fault" => crash::fault(&mut words),
        "forge" => crash::forge(&mut words),
        "slots" => cspace::slots(),
        "send" => cspace::send(&mut words),
        "receive" => cspace::receive(&mut words),
        "beyond" => cspace::beyond(&mut words),
        "protocol" => protocol::check(&mut words),
        "fuzz" => fuzz::run(&mut words),
        "sleep" => clock::sleep(&mut words),
        "latency" => clock::latency(&mut words),
        "kill-own" => group::kill_own(),
        "cannot-freeze" => group::cannot_freeze(&mut words),
        "cannot-enter" => group::cannot_enter(&mut words),
        "cannot-move" => group::cannot_move(&mut words),
        "doze" => clock::doze(&mut words),
        "busy" => busy::busy(&mut words),
        "contest" => busy::contest(),
        "share" => busy::share(&mut words),
        "flood" => busy::flood(),
        "churn" => watch::churn(),
        "watch-deaf" => watch::deaf(&mut words),
        "watch-all" => watch::all(),
        "watch-cut" => watch::cut(),
        "watch-outside" => watch::outside(&mut words),
        "ring-thief" => watch::thief(),
        "rings" => watch::rings(&mut words),
        "ring-limits" => watch::limits_of_rings(),
        "ring-write" => watch::write(),
        "ring-closed" => watch::closed(),
        "measure" => measure::measure(&mut words),
        other => problem!("no mode {other}"),
    }
}
