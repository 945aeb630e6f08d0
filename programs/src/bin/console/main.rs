//! `console [after-demo | script]`: a person's, or a script's, way to everything that the servers offer.
//!
//! An ordinary client: what it can do follows from its badge and its group, which is the root for a console that
//! `cargo image boot` starts. With `after-demo` it waits until the demonstration says that it is done. With `script`
//! it shows no prompt: it echoes each line as `> LINE`, runs it, ends the answer with `[ok]` or `[error: …]`, and ends
//! the machine at the end of input, as passed only if every line was `[ok]`.
//!
//! **Never** prints what another task could forge: only an operator's lines stand without a task's number in front.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![expect(
    clippy::result_large_err,
    reason = "a failure is a line of text and comes once a command; there is no heap to box it on"
)]

mod commands;
mod failure;
mod groups;
mod keyboard;
mod live;
mod rights;
mod screen;
mod session;
mod still;
mod tables;
mod talk;
mod tasks;
mod texts;
mod watch;

use client::process;

use crate::session::{Mode, Session};

client::program!(begin);

fn begin() -> i32 {
    let arguments = process::arguments();
    let mode = match arguments.as_str() {
        "" => Mode::Alone,
        "after-demo" => Mode::AfterDemonstration,
        "script" => Mode::Script,
        other => {
            client::println!("console: no mode `{other}`: expected after-demo, script, or none");
            return 2;
        }
    };
    match Session::new(mode).run() {
        Ok(()) => 0,
        Err(failure) => {
            client::println!("console: {failure}");
            1
        }
    }
}
