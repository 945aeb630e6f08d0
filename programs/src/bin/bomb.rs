//! A fork bomb: every instance starts itself again, without end.
//!
//! Refused, it lets others run and tries again, for ever. Only the first instance says so, and only once: a bomb that
//! prints would be a flood too.

#![cfg_attr(target_os = "none", no_std, no_main)]

use client::interfaces::CallError;
use client::interfaces::accounting::TicketRefusal;
use client::interfaces::process::SpawnRefusal;
use client::process;
use programs::start_again;

client::program!(begin);

/// What the first instance is not called with.
const CHILD: &str = "child";

fn begin() -> i32 {
    let mut tells = process::arguments().as_str() != CHILD;
    let Ok(myself) = process::find_program("bomb") else {
        return 1;
    };
    loop {
        match start_again(myself, None, CHILD) {
            Ok(_) => {}
            Err(CallError::Refused(refusal)) => {
                if tells {
                    tell(refusal);
                    tells = false;
                }
                client::yield_now();
            }
            Err(CallError::Protocol(error)) => {
                client::println!("bomb: {error}");
                return 1;
            }
        }
    }
}

fn tell(refusal: SpawnRefusal) {
    match refusal {
        SpawnRefusal::Ticket(TicketRefusal::Short(shortage)) => {
            client::println!("bomb: refused: {shortage}; trying for ever");
        }
        other => client::println!("bomb: refused: {other:?}; trying for ever"),
    }
}
