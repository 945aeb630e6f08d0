//! Messages between two threads: short, long, answered at once, answered later; and notifications.

use sel4::cap::{self, Cap};
use sel4::{CapRights, MESSAGE_WORDS, MessageInfo, ObjectType, Slot, init};
use sel4_root_task::println;

use crate::must;
use crate::slots::{Pool, slot};
use crate::threads::{self, PRIORITY};

/// The client's badge, as long as badges get.
const BADGE: u64 = 0x0fed_cba9;

/// Serves one client through every kind of message.
pub fn run(pool: &mut Pool) {
    let endpoint: cap::Endpoint = pool.make(ObjectType::Endpoint, 0).cast();
    let client_end = pool.slot();
    let minted = slot(client_end).mint_from(slot(endpoint.bits()), CapRights::WRITE_GRANT, BADGE);
    must("mint", minted);
    let notification: cap::Notification = pool.make(ObjectType::Notification, 0).cast();
    let signal_end = pool.slot();
    let minted = slot(signal_end).mint_from(slot(notification.bits()), CapRights::WRITE, 0x40);
    must("mint", minted);

    let thread = threads::make(pool, init::VSPACE, 0, 0, PRIORITY);
    threads::start(thread, client, client_end, signal_end);

    // Short, in registers.
    let (badge, info, words) = sel4::recv_registers(endpoint);
    assert_eq!(
        (badge, info.label(), info.length(), words),
        (BADGE, 0xf_edcb, 4, [1, 2, 3, 4])
    );
    // Long, through the buffers: the answer to the short one goes out with the wait for it.
    let (badge, info, words) =
        sel4::reply_recv_registers(endpoint, MessageInfo::new(9, 0, 0, 4), [5, 6, 7, 8]);
    assert_eq!(
        (badge, info.length(), words),
        (BADGE, MESSAGE_WORDS, [0, 1, 2, 3])
    );
    assert!(
        (4..MESSAGE_WORDS).all(|index| sel4::ipc_buffer_word(index) == index as u64),
        "words came in order"
    );
    assert_eq!(sel4::ipc_buffer_word(MESSAGE_WORDS), 0, "beyond the end");
    let answer: [u64; 6] = [10, 11, 12, 13, 14, 15];
    let mut question = [0; 8];
    let (badge, info) = sel4::reply_recv(endpoint, 3, &answer, &mut question);
    assert_eq!((badge, info.label(), info.length()), (BADGE, 4, 6));
    assert_eq!(question, [20, 21, 22, 23, 24, 25, 0, 0]);

    // Answered later, through a saved capability, after another message.
    let saved = pool.slot();
    must("save the caller", slot(saved).save_caller());
    let (badge, info, words) = sel4::nb_recv_registers(endpoint);
    assert_eq!(badge, 0, "nobody else is there: {info:?} {words:?}");
    sel4::send(Cap::<cap::kind::Reply>::from_bits(saved), 5, &[77]);
    assert!(
        slot(saved)
            .copy_from(slot(client_end), CapRights::ALL)
            .is_ok(),
        "an answer uses the capability up"
    );

    // Signals: waited for, polled, and through a bound thread's endpoint.
    assert_eq!(notification.wait(), 0x40);
    assert_eq!(notification.poll(), 0);
    must("bind", init::TCB.bind_notification(notification));
    let (badge, info, _) = sel4::recv_registers(endpoint);
    assert_eq!((badge, info.label()), (BADGE, 6));
    sel4::reply(0, &[]);
    let (badge, _, _) = sel4::recv_registers(endpoint);
    assert_eq!(badge, 0x40, "the signal came as a message");
    must("unbind", init::TCB.unbind_notification());

    // A capability sent along, into a slot named for it.
    let received = pool.slot();
    sel4::set_receive_slot(slot(received));
    let (_, info, _) = sel4::recv_registers(endpoint);
    assert_eq!((info.label(), info.extra_caps()), (8, 1));
    let sent = Slot::in_root(init::CNODE, received);
    must("delete what came", sent.delete());
    sel4::set_receive_slot(Slot::new(Cap::NULL, 0, 0));
    let (_, info, _) = sel4::reply_recv_registers(endpoint, MessageInfo::new(0, 0, 0, 0), [0; 4]);
    assert_eq!(
        (info.label(), info.extra_caps(), info.caps_unwrapped()),
        (9, 1, 1)
    );
    assert_eq!(
        sel4::cap_badge(0),
        BADGE,
        "the endpoint's own capability arrives as its badge"
    );
    must("stop the client", thread.suspend());
    println!("messages: ok");
}

extern "C" fn client(endpoint: u64, notification: u64) -> ! {
    let endpoint: cap::Endpoint = Cap::from_bits(endpoint);
    let notification: cap::Notification = Cap::from_bits(notification);
    let (info, words) =
        sel4::call_registers(endpoint, MessageInfo::new(0xf_edcb, 0, 0, 4), [1, 2, 3, 4]);
    assert_eq!((info.label(), info.length(), words), (9, 4, [5, 6, 7, 8]));

    let mut long = [0; MESSAGE_WORDS];
    for (index, word) in long.iter_mut().enumerate() {
        *word = index as u64;
    }
    let mut answer = [0; 10];
    let info = sel4::call(endpoint, 2, &long, &mut answer);
    assert_eq!(
        (info.label(), answer),
        (3, [10, 11, 12, 13, 14, 15, 0, 0, 0, 0])
    );

    let info = sel4::call(endpoint, 4, &[20, 21, 22, 23, 24, 25], &mut answer);
    assert_eq!(
        (info.label(), info.length(), answer.first()),
        (5, 1, Some(&77))
    );

    notification.signal();
    let info = sel4::call(endpoint, 6, &[], &mut []);
    assert_eq!(info.label(), 0);
    notification.signal();
    sel4::set_extra_cap(0, notification);
    let _ = sel4::call_registers(endpoint, MessageInfo::new(8, 0, 1, 0), [0; 4]);
    sel4::set_extra_cap(0, endpoint);
    let _ = sel4::call_registers(endpoint, MessageInfo::new(9, 0, 1, 0), [0; 4]);
    panic!("nobody answers that")
}
