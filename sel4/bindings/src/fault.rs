//! Faults: the messages that the kernel sends for a thread that cannot go on.
//!
//! They arrive at the faulting thread's handler like any call, with the badge of the handler's capability. Anybody who
//! may send to that endpoint can send a message that looks the same: check the badge first, and refuse a fault label
//! ([`is_fault_label`]) on a badge that is not one for faults.

use crate::generated::{cap_fault, fault, unknown_syscall, user_exception, vm_fault};
use crate::{MESSAGE_REGISTERS, MessageInfo, ipc_buffer_word};

/// Why a thread stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No fault; the kernel never sends it.
    None,
    /// A system call named a capability that is not there. Never to be replied to: the call would run again.
    Capability {
        /// Where the thread was.
        ip: u64,
        /// The address that was not found.
        address: u64,
        /// Whether it was to receive.
        in_receive: bool,
        /// How the search ended, by the kernel's number.
        kind: u64,
    },
    /// A system call with a number that the kernel does not know.
    UnknownSyscall {
        /// Where the thread was.
        ip: u64,
        /// Its stack pointer.
        sp: u64,
        /// The number.
        number: u64,
    },
    /// The processor refused an instruction.
    Exception {
        /// Where the thread was.
        ip: u64,
        /// Its stack pointer.
        sp: u64,
        /// Its flags.
        flags: u64,
        /// The number of the exception: 6 for an invalid instruction, 13 for a protection violation.
        number: u64,
        /// The processor's error code.
        code: u64,
    },
    /// A page fault.
    Vm {
        /// Where the thread was.
        ip: u64,
        /// The address, cut to its low 32 bits by this kernel.
        address: u64,
        /// Whether an instruction was to be fetched; always `false` on this kernel, which marks no page as data.
        instruction_fetch: bool,
        /// Whether it was a write.
        write: bool,
        /// Whether a page is mapped there, and the rights did not suffice.
        present: bool,
        /// The processor's error code.
        fsr: u64,
    },
}

/// A page is mapped.
const FSR_PRESENT: u64 = 1 << 0;
/// The access was a write.
const FSR_WRITE: u64 = 1 << 1;
/// The access was a fetch, where the processor knows.
const FSR_FETCH: u64 = 1 << 4;

/// Whether a label is one that the kernel uses for faults. The protocols above use no label so small.
#[inline]
#[must_use]
pub const fn is_fault_label(label: u64) -> bool {
    label <= FAULT_LABELS
}

/// The last label that is kept for faults, whatever the configuration.
const FAULT_LABELS: u64 = 6;

impl Fault {
    /// Takes a fault apart; `None` if the label is that of no fault.
    ///
    /// The words beyond the fourth are in the IPC buffer: to be called before the next system call.
    #[must_use]
    pub fn decode(info: MessageInfo, words: [u64; 4]) -> Option<Self> {
        Self::decode_with(info, |index| {
            if index < MESSAGE_REGISTERS {
                words.get(index).copied().unwrap_or(0)
            } else {
                ipc_buffer_word(index)
            }
        })
    }

    /// The same, with the words from elsewhere.
    ///
    /// Words beyond the message's length count as 0: a forged fault may be shorter than the kernel's, and what stands
    /// there then is of somebody else's message.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the places of words in a message"
    )]
    pub fn decode_with(info: MessageInfo, word: impl Fn(usize) -> u64) -> Option<Self> {
        let word = |index: u64| match index as usize {
            index if index < info.length() => word(index),
            _ => 0,
        };
        Some(match info.label() {
            fault::NULL_FAULT => Self::None,
            fault::CAP_FAULT => Self::Capability {
                ip: word(cap_fault::IP),
                address: word(cap_fault::ADDR),
                in_receive: word(cap_fault::IN_RECV_PHASE) != 0,
                kind: word(cap_fault::LOOKUP_FAILURE_TYPE),
            },
            fault::UNKNOWN_SYSCALL => Self::UnknownSyscall {
                ip: word(unknown_syscall::FAULT_IP),
                sp: word(unknown_syscall::SP),
                number: word(unknown_syscall::SYSCALL),
            },
            fault::USER_EXCEPTION => Self::Exception {
                ip: word(user_exception::FAULT_IP),
                sp: word(user_exception::SP),
                flags: word(user_exception::FLAGS),
                number: word(user_exception::NUMBER),
                code: word(user_exception::CODE),
            },
            fault::VM_FAULT => {
                let fsr = word(vm_fault::FSR);
                Self::Vm {
                    ip: word(vm_fault::IP),
                    address: word(vm_fault::ADDR),
                    instruction_fetch: word(vm_fault::PREFETCH_FAULT) != 0 || fsr & FSR_FETCH != 0,
                    write: fsr & FSR_WRITE != 0,
                    present: fsr & FSR_PRESENT != 0,
                    fsr,
                }
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fault_says_where_and_how() {
        let info = MessageInfo::new(fault::VM_FAULT, 0, 0, 4);
        let fault = Fault::decode(info, [0x40_1000, 0x2000, 0, 6]);
        assert_eq!(
            fault,
            Some(Fault::Vm {
                ip: 0x40_1000,
                address: 0x2000,
                instruction_fetch: false,
                write: true,
                present: false,
                fsr: 6
            })
        );
    }

    #[test]
    fn the_words_beyond_the_registers_are_asked_for() {
        let info = MessageInfo::new(fault::UNKNOWN_SYSCALL, 0, 0, 19);
        let fault = Fault::decode_with(info, |index| 100 + index as u64);
        assert_eq!(
            fault,
            Some(Fault::UnknownSyscall {
                ip: 115,
                sp: 116,
                number: 118
            })
        );
    }

    #[test]
    fn a_fault_shorter_than_the_kernels_shows_nothing_of_another_message() {
        for label in 0..=6 {
            for length in 0..4 {
                let info = MessageInfo::new(label, 0, 0, length);
                let _ = Fault::decode_with(info, |index| {
                    assert!(index < length, "word {index} of {length} is asked for");
                    7
                });
            }
        }
        assert_eq!(
            Fault::decode_with(MessageInfo::new(fault::USER_EXCEPTION, 0, 0, 1), |_| 7),
            Some(Fault::Exception {
                ip: 7,
                sp: 0,
                flags: 0,
                number: 0,
                code: 0
            })
        );
    }

    #[test]
    fn another_label_is_no_fault() {
        assert_eq!(Fault::decode(MessageInfo::new(7, 0, 0, 0), [0; 4]), None);
        assert!(is_fault_label(fault::VM_FAULT));
        assert!(!is_fault_label(7));
    }
}
