//! How a request reaches a server on the host: as a message at its door, and the books are checked after it.

use interfaces::{Badge, Caller, Dispatched, Label};
use limits_core::{Arrival, LimitsServer};

pub fn dispatch(
    server: &mut LimitsServer<'static>,
    caller: Caller,
    label: Label,
    payload: &[u8],
    reply: &mut [u8],
) -> Dispatched {
    let arrival = Arrival::Request {
        label,
        with_capabilities: false,
    };
    let answer = server.handle(Some(Badge::Service(caller)), arrival, payload, reply);
    server.ledger().check();
    answer
}
