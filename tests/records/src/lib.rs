//! What the guest tells the host, one serial line a record.
//!
//! A record is a line that begins with [`MARK`], a control byte that console text never has (the root task drops
//! control bytes of clients), then a keyword and its fields with single spaces between them:
//!
//! ```text
//! plan N                      how many cases will report
//! begin NAME                  a case begins
//! end NAME ok                 it passed
//! end NAME failed REASON      it did not
//! fault WHO KIND IP ADDRESS   a server or a test's task faulted
//! capability SERVER SLOT COUNT KIND RIGHTS BADGE DETAIL
//! figure NAME VALUE           a measured number
//! done PASSED FAILED          the last record of a run
//! ```
//!
//! The same crate writes and parses, so the two sides cannot disagree. It allocates nothing, panics on nothing and
//! trusts nothing: names become single words and control bytes become `?` on the way out, and a line that is not
//! exactly a record is an error on the way in, never a guess.

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod parse;
mod record;
mod text;

pub use parse::{Line, ParseError, split};
pub use record::{Capability, Marked, Outcome, Record, Rights};
pub use text::{Name, Prose};

/// Begins the line of a record. No console text has it.
pub const MARK: char = '\u{1e}';
