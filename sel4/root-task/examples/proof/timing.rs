//! How long a round trip takes: in instructions, if QEMU counts them.

use sel4::cap::{self, Cap};
use sel4::{CapRights, MessageInfo, ObjectType, init, rdtsc};
use sel4_root_task::println;

use crate::must;
use crate::slots::{Pool, slot};
use crate::threads::{self, PRIORITY};

/// Round trips measured.
const ROUNDS: u64 = 1000;
/// The label of the result, which ends a measurement.
const RESULT: u64 = 9;

/// Measures within one address space and across two, short messages and one that does not fit the registers.
pub fn run(pool: &mut Pool, second: cap::Pml4) {
    let endpoint: cap::Endpoint = pool.make(ObjectType::Endpoint, 0).cast();
    let client_end = pool.slot();
    let minted = slot(client_end).mint_from(slot(endpoint.bits()), CapRights::WRITE_GRANT, 1);
    must("mint", minted);
    println!("timing: reading the counter twice {}", twice());
    for (buffer, space, words, priority, name) in [
        (40, init::VSPACE, 0, PRIORITY, "one space, no words"),
        (41, second, 0, PRIORITY, "two spaces, no words"),
        (42, second, 4, PRIORITY, "two spaces, four words"),
        (43, second, 5, PRIORITY, "two spaces, five words"),
        (44, second, 0, 100, "two spaces, no words, server above"),
    ] {
        let thread = threads::make(pool, space, buffer, 0, priority);
        threads::start(thread, client, client_end, words);
        let mut waiting = sel4::recv_registers(endpoint);
        while waiting.1.label() != RESULT {
            waiting = sel4::reply_recv_registers(endpoint, waiting.1, waiting.2);
        }
        let [total, ..] = waiting.2;
        must("stop the client", thread.suspend());
        println!(
            "timing: {name}: {} a round trip",
            total.checked_div(ROUNDS).unwrap_or(0)
        );
    }
}

fn twice() -> u64 {
    let start = rdtsc();
    rdtsc().wrapping_sub(start)
}

extern "C" fn client(endpoint: u64, words: u64) -> ! {
    let endpoint: cap::Endpoint = Cap::from_bits(endpoint);
    let info = MessageInfo::new(1, 0, 0, usize::try_from(words).unwrap_or(0));
    let message = [1, 2, 3, 4];
    // Warm: the first one finds the server not yet waiting.
    let _ = sel4::call_registers(endpoint, info, message);
    let start = rdtsc();
    for _ in 0..ROUNDS {
        let _ = sel4::call_registers(endpoint, info, message);
    }
    let total = rdtsc().wrapping_sub(start);
    let _ = sel4::call_registers(
        endpoint,
        MessageInfo::new(RESULT, 0, 0, 1),
        [total, 0, 0, 0],
    );
    panic!("nobody answers that")
}
