//! Lets everybody of its own priority run once, and ends.
//!
//! Who waits for a nap in a lower band blocks for about one turn of that band: a rest without a timer. A new task is put
//! at the head of its priority's queue, so without the yield it would be over before anybody else ran.

#![cfg_attr(target_os = "none", no_std, no_main)]

client::program!(begin);

fn begin() -> i32 {
    client::yield_now();
    0
}
