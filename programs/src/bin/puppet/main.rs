//! `puppet [ORDER; ORDER…]`: does one thing at a time when told to, and answers one line.
//!
//! An ordinary client that holds nothing another would not: whatever it can do, any program can. Orders in its
//! arguments, with `;` between them, are done first, and their answers printed; `help` says which orders there are.
//!
//! **Never** decides anything: what it tries and what comes of it is for whoever tells it.

#![cfg_attr(target_os = "none", no_std, no_main)]
mod hands;

use client::process;
use console_core::puppet::{After, Puppet};

use crate::hands::Own;

client::program!(main);

fn main() -> i32 {
    let mut puppet = Puppet::new(Own);
    let arguments = process::arguments();
    for order in arguments.as_str().split(';').map(str::trim) {
        if order.is_empty() {
            continue;
        }
        let (answer, after) = puppet.tell(order);
        match answer {
            Ok(line) => client::println!("{line}"),
            Err(line) => client::println!("error: {line}"),
        }
        match after {
            After::Next => {}
            After::Exit(code) => return code,
            After::Spin => hands::spin(),
            After::Fault => return hands::fault(),
        }
    }
    0
}
