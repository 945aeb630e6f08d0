//! Why the kernel refused an invocation.

use core::fmt;

use crate::MessageInfo;
use crate::generated::error as number;

/// What an invocation gives back.
pub type Result<T> = core::result::Result<T, Error>;

macro_rules! errors {
    ($($(#[$meta:meta])* $name:ident = $number:ident, $text:literal;)*) => {
        /// The kernel's reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Error {
            $($(#[$meta])* $name,)*
            /// A number that the kernel's headers do not name.
            Unknown,
        }

        impl Error {
            /// `Ok` if an answer's label says that the invocation was done.
            #[inline]
            pub(crate) const fn check(answer: MessageInfo) -> Result<()> {
                match answer.label() {
                    number::NO_ERROR => Ok(()),
                    $(number::$number => Err(Self::$name),)*
                    _ => Err(Self::Unknown),
                }
            }
        }

        impl fmt::Display for Error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)*
                    Self::Unknown => "the kernel gave a reason without a name",
                })
            }
        }
    };
}

errors! {
    /// A parameter has a value that is not allowed.
    InvalidArgument = INVALID_ARGUMENT, "a parameter has a value that is not allowed";
    /// A capability is of the wrong kind or state.
    InvalidCapability = INVALID_CAPABILITY, "a capability is of the wrong kind or in the wrong state";
    /// The operation does not exist for this capability, or not with its rights.
    IllegalOperation = ILLEGAL_OPERATION, "the capability does not permit the operation";
    /// A number is outside of its range.
    RangeError = RANGE_ERROR, "a number is outside of its range";
    /// An address is not aligned.
    AlignmentError = ALIGNMENT_ERROR, "an address is not aligned";
    /// A capability was not found, or a level of the address space is missing.
    FailedLookup = FAILED_LOOKUP, "nothing was found at a given place";
    /// The message was too short.
    TruncatedMessage = TRUNCATED_MESSAGE, "the message was too short";
    /// The place is taken.
    DeleteFirst = DELETE_FIRST, "the place is taken";
    /// The capability has children.
    RevokeFirst = REVOKE_FIRST, "the capability has children";
    /// The untyped memory does not suffice.
    NotEnoughMemory = NOT_ENOUGH_MEMORY, "the untyped memory does not suffice";
}

impl core::error::Error for Error {}
