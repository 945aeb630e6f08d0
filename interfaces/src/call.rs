//! What a call is: labels, the two kinds of no, and the list that declares an interface.
//!
//! Why a trait and a list, not one request enum and one reply enum per server: with enums the reply of one request
//! can be another's at run time and every client needs an "unexpected reply" arm. Here the reply type follows from
//! the request. Why no IDL: the list below is all there is to read, and every tool understands it.

use core::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::decode::decode;
use crate::encode::encode;
use crate::identity::Caller;
use crate::short::{self, Answered, Words};

/// The most bytes a message can have: `seL4_MsgMaxLength` words (`libsel4/include/sel4/constants.h`).
pub const MESSAGE_BYTES: usize = 120 * 8;

/// The most bytes that travel in registers, on the kernel's fast path.
pub const REGISTER_BYTES: usize = 4 * 8;

/// What a message asks: interface, version and operation, in the 20 bits that the kernel carries.
///
/// Interfaces are numbered from 1, so no label is one of the kernel's own fault labels (0 to 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(u32);

impl Label {
    /// The label of an operation.
    ///
    /// # Panics
    ///
    /// At compile time, in the lists: if the interface's number is not in 1..=15.
    #[must_use]
    pub const fn new(interface: u8, version: u8, operation: u8) -> Self {
        assert!(
            interface >= 1 && interface <= 15,
            "an interface's number is 1 to 15"
        );
        Self(((interface as u32) << 16) | ((version as u32) << 8) | operation as u32)
    }

    /// A label as it came.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self((bits & 0xf_ffff) as u32)
    }

    /// The label as a number of 20 bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0 as u64
    }

    /// The interface's number.
    #[must_use]
    pub const fn interface(self) -> u8 {
        let [_, high, _, _] = self.0.to_be_bytes();
        high & 0xf
    }

    /// The interface's version.
    #[must_use]
    pub const fn version(self) -> u8 {
        let [_, _, version, _] = self.0.to_be_bytes();
        version
    }

    /// The operation's number.
    #[must_use]
    pub const fn operation(self) -> u8 {
        let [_, _, _, operation] = self.0.to_be_bytes();
        operation
    }

    /// The label of the same operation's short form.
    #[must_use]
    pub const fn shortened(self) -> Self {
        Self(self.0 | short::BIT as u32)
    }

    /// Whether a request with this label is in its short form.
    #[inline]
    #[must_use]
    pub const fn is_short(self) -> bool {
        self.0 & short::BIT as u32 != 0
    }

    /// Whether this is an operation of that interface in that version.
    #[inline]
    #[must_use]
    pub const fn is_of(self, interface: u8, version: u8) -> bool {
        self.0 >> 8 == Self::new(interface, version, 0).0 >> 8
    }

    /// Whether this is an operation of that interface in that version, and what is wrong if not.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnknownInterface`] or [`ProtocolError::UnknownVersion`].
    #[inline]
    pub const fn expect(self, interface: u8, version: u8) -> Result<(), ProtocolError> {
        if self.is_of(interface, version) {
            Ok(())
        } else if self.interface() == interface {
            Err(ProtocolError::UnknownVersion)
        } else {
            Err(ProtocolError::UnknownInterface)
        }
    }
}

/// The message was wrong: whatever was asked, it was not understood, and nothing was changed.
///
/// Travels as the reply's label, without a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ProtocolError {
    /// No interface of this number is served at this endpoint.
    UnknownInterface = 1,
    /// The interface is served in another version.
    UnknownVersion = 2,
    /// The interface has no operation of this number.
    UnknownOperation = 3,
    /// The payload is too short, too long, or not an encoding of the request.
    Malformed = 4,
    /// The message carried capabilities; none is ever taken.
    CapabilitiesSent = 5,
    /// The interface is for the system's own servers.
    NotForClients = 6,
    /// The message has a fault's label but did not come over a fault capability.
    ForgedFault = 7,
    /// The badge names a task that is gone.
    UnknownCaller = 8,
    /// The reply could not be understood. Seen only by callers.
    BadReply = 9,
}

impl ProtocolError {
    /// Every protocol error.
    pub const ALL: [Self; 9] = [
        Self::UnknownInterface,
        Self::UnknownVersion,
        Self::UnknownOperation,
        Self::Malformed,
        Self::CapabilitiesSent,
        Self::NotForClients,
        Self::ForgedFault,
        Self::UnknownCaller,
        Self::BadReply,
    ];

    /// The error that a reply's label stands for; nothing for 0, which is a reply with a payload.
    #[must_use]
    pub fn from_label(label: u64) -> Option<Self> {
        match label {
            0 => None,
            _ => Some(
                Self::ALL
                    .into_iter()
                    .find(|&error| error as u64 == label)
                    .unwrap_or(Self::BadReply),
            ),
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::UnknownInterface => "no such interface at this endpoint",
            Self::UnknownVersion => "interface served in another version",
            Self::UnknownOperation => "no such operation",
            Self::Malformed => "payload is not an encoding of the request",
            Self::CapabilitiesSent => "message carried capabilities",
            Self::NotForClients => "interface is for servers only",
            Self::ForgedFault => "fault label on a service endpoint",
            Self::UnknownCaller => "caller is gone",
            Self::BadReply => "reply not understood",
        })
    }
}

/// Why a call did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallError<R> {
    /// The server understood and said no. Nothing was changed.
    Refused(R),
    /// The message was wrong.
    Protocol(ProtocolError),
}

impl<R: fmt::Debug> fmt::Display for CallError<R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(out, "refused: {refusal:?}"),
            Self::Protocol(error) => write!(out, "protocol error: {error}"),
        }
    }
}

/// A request: what it encodes to is its payload, what may come back follows from it.
pub trait Call: Serialize + DeserializeOwned {
    /// What the server answers.
    type Reply: Serialize + DeserializeOwned + fmt::Debug;
    /// How it can refuse.
    type Refusal: Serialize + DeserializeOwned + fmt::Debug;
    /// The label that asks for it.
    const LABEL: Label;
    /// The operation's name, for tables and messages.
    const NAME: &'static str;

    /// The request in its short form, if it has one and fits it.
    #[inline]
    fn shorten(&self) -> Option<Words> {
        None
    }

    /// An answer in its short form, if it has one and fits it.
    #[inline]
    #[must_use]
    fn shorten_reply(_: &Self::Reply) -> Option<Words> {
        None
    }

    /// The answer of a short form; nothing if the words are none.
    #[inline]
    #[must_use]
    fn lengthen_reply(_: Words) -> Option<Self::Reply> {
        None
    }

    /// The answer of so many plain words; nothing if the words are none.
    #[inline]
    #[must_use]
    fn read_plain(_length: usize, _word: impl Fn(usize) -> u64) -> Option<Self::Reply> {
        None
    }

    /// A refusal in its short form, if it has one and fits it.
    #[inline]
    #[must_use]
    fn shorten_refusal(_: &Self::Refusal) -> Option<Words> {
        None
    }

    /// The refusal of a short form; nothing if the words are none.
    #[inline]
    #[must_use]
    fn lengthen_refusal(_: Words) -> Option<Self::Refusal> {
        None
    }
}

/// What comes of a request.
///
/// It goes through every hand from the transport to who asked as it is, so that a large answer is made just once, where that
/// one has room for it.
pub type Outcome<C> = Result<<C as Call>::Reply, CallError<<C as Call>::Refusal>>;

/// What comes of a request whose answer is in the general encoding: that has the server's no in it.
///
/// # Errors
///
/// As [`call`].
#[inline]
pub fn outcome<R, E>(answer: Result<Result<R, E>, ProtocolError>) -> Result<R, CallError<E>> {
    match answer {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(refusal)) => Err(CallError::Refused(refusal)),
        Err(error) => Err(CallError::Protocol(error)),
    }
}

/// Something that carries a request to a server and its answer back.
pub trait Transport {
    /// Sends the request and waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`call`].
    fn exchange<C: Call>(&mut self, request: &C) -> Outcome<C>;
}

/// Calls a server.
///
/// # Errors
///
/// [`CallError::Refused`] if the server said no, [`CallError::Protocol`] if the message was wrong.
#[inline]
pub fn call<C: Call, T: Transport>(transport: &mut T, request: &C) -> Outcome<C> {
    transport.exchange(request)
}

/// What a server's method says to an operation that may take its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<R, E> {
    /// The answer is here.
    Now(Result<R, E>),
    /// The server has kept the caller's reply capability and will answer when the thing has happened.
    Later,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatched {
    /// So many bytes of the reply buffer are to be sent back.
    Reply(usize),
    /// These words are to be sent back: an answer or a refusal in its short form. Or, if it is in plain words
    /// ([`Answered::plain_words`]), so many words of the reply buffer.
    Short(Answered),
    /// Nothing is to be sent back now.
    Later,
    /// The message was wrong.
    Protocol(ProtocolError),
}

/// Encodes an answer into `reply`.
///
/// Answers are bounded by their types; one that does not fit is a mistake of ours, seen by the caller as
/// [`ProtocolError::BadReply`].
#[inline]
pub fn encode_answer<R: Serialize, E: Serialize>(
    answer: &Result<R, E>,
    reply: &mut [u8],
) -> Dispatched {
    match encode(answer, reply) {
        Some(bytes) => Dispatched::Reply(bytes),
        None => Dispatched::Protocol(ProtocolError::BadReply),
    }
}

/// An answer to a request that came in its short form.
#[inline(always)]
#[expect(clippy::inline_always, reason = "as `dispatch_short`")]
pub fn answer_short<C: Call>(answer: &Result<C::Reply, C::Refusal>, reply: &mut [u8]) -> Answered {
    match answer {
        Ok(value) => {
            if let Some(words) = C::shorten_reply(value) {
                return Answered::short(words);
            }
        }
        Err(refusal) => {
            if let Some(words) = C::shorten_refusal(refusal) {
                return Answered::refusal(words);
            }
        }
    }
    Answered::of(match answer_at_length::<C>(answer, reply) {
        Some(bytes) => Dispatched::Reply(bytes),
        None => Dispatched::Protocol(ProtocolError::BadReply),
    })
}

/// What comes back fits two registers: a larger result would be put into memory, and with it every short one.
#[cold]
#[inline(never)]
fn answer_at_length<C: Call>(
    answer: &Result<C::Reply, C::Refusal>,
    reply: &mut [u8],
) -> Option<usize> {
    encode(answer, reply)
}

/// The words of a message in its short form that came as bytes. What is not whole words, or more than fit, has a length
/// that no short form has.
#[must_use]
pub fn words_of(payload: &[u8]) -> Words {
    let (chunks, rest) = payload.as_chunks::<8>();
    let mut words = [0; short::WORDS];
    for (word, bytes) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*bytes);
    }
    let whole = rest.is_empty();
    Words {
        words,
        length: if whole { chunks.len() } else { usize::MAX },
    }
}

/// Decodes a payload that came in whole words: what remains after it must be less than a word, and zero.
///
/// # Errors
///
/// [`ProtocolError::Malformed`] if it is not an encoding of `T`, or if more follows.
#[inline]
pub fn decode_payload<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ProtocolError> {
    match decode(payload) {
        Ok((value, rest)) if is_padding(rest) => Ok(value),
        _ => Err(ProtocolError::Malformed),
    }
}

/// Whether this is less than a word, and zero.
#[inline]
fn is_padding(rest: &[u8]) -> bool {
    rest.len() < 8 && rest.iter().fold(0, |all, byte| all | byte) == 0
}

/// A server on the same side, called without a kernel: for tests on the host.
#[derive(Debug)]
pub struct Loopback<'a, S> {
    /// Hands a message to the server: caller, label, payload, reply buffer.
    pub dispatch: fn(&mut S, Caller, Label, &[u8], &mut [u8]) -> Dispatched,
    /// The server.
    pub server: &'a mut S,
    /// Who calls.
    pub caller: Caller,
}

impl<S> Transport for Loopback<'_, S> {
    fn exchange<C: Call>(&mut self, request: &C) -> Outcome<C> {
        outcome(self.answer(request))
    }
}

impl<S> Loopback<'_, S> {
    /// What the server says.
    fn answer<C: Call>(
        &mut self,
        request: &C,
    ) -> Result<Result<C::Reply, C::Refusal>, ProtocolError> {
        let mut payload = [0; MESSAGE_BYTES];
        let mut reply = [0; MESSAGE_BYTES];
        let (label, length) = if let Some(short) = request.shorten() {
            let (chunks, _) = payload.as_chunks_mut::<8>();
            for (bytes, word) in chunks.iter_mut().zip(short.words).take(short.length) {
                *bytes = word.to_le_bytes();
            }
            (C::LABEL.shortened(), short.length.wrapping_mul(8))
        } else {
            let length = encode(request, &mut payload).ok_or(ProtocolError::Malformed)?;
            (C::LABEL, length.next_multiple_of(8))
        };
        let words = payload.get(..length).ok_or(ProtocolError::Malformed)?;
        match (self.dispatch)(self.server, self.caller, label, words, &mut reply) {
            Dispatched::Short(answered) if answered.is_short_refusal() => {
                C::lengthen_refusal(answered.said())
                    .map(Err)
                    .ok_or(ProtocolError::BadReply)
            }
            Dispatched::Short(answered) => match answered.plain_words() {
                None => C::lengthen_reply(answered.said()),
                Some(length) => {
                    let (words, _) = reply.as_chunks::<8>();
                    let word =
                        |place: usize| words.get(place).map_or(0, |&it| u64::from_le_bytes(it));
                    C::read_plain(length, word)
                }
            }
            .map(Ok)
            .ok_or(ProtocolError::BadReply),
            Dispatched::Reply(length) => {
                decode_payload(reply.get(..length).ok_or(ProtocolError::BadReply)?)
            }
            Dispatched::Later => Err(ProtocolError::BadReply),
            Dispatched::Protocol(error) => Err(error),
        }
    }
}

/// Declares an interface: its number, its version, and its operations.
///
/// ```
/// use interfaces::{Label, interface};
/// use serde::{Deserialize, Serialize};
///
/// /// Adds one.
/// #[derive(Serialize, Deserialize)]
/// pub struct Increment(u32);
/// /// Too large.
/// #[derive(Debug, Serialize, Deserialize)]
/// pub struct Overflow;
///
/// interface! {
///     /// Counts.
///     pub interface 15 version 1 {
///         /// One more.
///         0 => increment(Increment) -> u32, or Overflow;
///     }
/// }
/// # use interfaces::Call;
/// assert_eq!(Increment::LABEL, Label::new(15, 1, 0));
/// ```
///
/// The list produces [`Call`] for each request, `INTERFACE` and `VERSION`, a trait `Server` with one method per
/// operation and no defaults, `dispatch` (bytes in, bytes out, no system call), `dispatch_short` (words in, words out), and
/// `OPERATIONS` (number and name of each). An operation marked `, later` may be answered after its method has returned
/// ([`Answer`]). One marked `, short` has a [`short`](mod@crate::short) form, for which request and reply implement
/// [`Short`](crate::short::Short). One marked `, later_short` is both, but only its request has a short form: an answer that
/// was kept does not know how it was asked for. Where the short form is a type of its own (`, short METHOD(TYPE)`, and the
/// request has a method `few` that gives it) the server has a method for that too. One marked `, plain METHOD(REQUEST)` has a
/// short form of its request, and an answer in plain words ([`Plain`](crate::short::Plain)), which that method lays out. A
/// refusal `as shortage` has a short form too, for requests that have one: it implements [`Brief`](crate::short::Brief).
#[macro_export]
macro_rules! interface {
    (
        $(#[$doc:meta])*
        pub interface $interface:literal version $version:literal {
            $(
                $(#[$operation_doc:meta])*
                $number:literal => $method:ident($request:ty) -> $reply:ty, or $refusal:ty $(as $brief:ident)?
                    $(, $mark:ident $($few:ident($few_request:ty))?)?;
            )+
        }
    ) => {
        /// The interface's number.
        pub const INTERFACE: u8 = $interface;
        /// The interface's version.
        pub const VERSION: u8 = $version;
        /// Number and name of every operation.
        pub const OPERATIONS: &[(u8, &str)] = &[$(($number, stringify!($method)),)+];

        /// Whether the operation of this number has a short form.
        #[must_use]
        pub fn has_short_form(operation: u8) -> bool {
            [$(($number, $crate::interface!(@is_short $($mark)?)),)+].contains(&(operation, true))
        }

        $(
            impl $crate::call::Call for $request {
                type Reply = $reply;
                type Refusal = $refusal;
                const LABEL: $crate::call::Label = {
                    assert!($number < $crate::short::BIT, "the top bit says that a request is short");
                    $crate::call::Label::new($interface, $version, $number)
                };
                const NAME: &'static str = stringify!($method);
                $crate::interface!(@forms $reply $(, $mark $($few($few_request))?)?);
                $crate::interface!(@refusal_forms $refusal $(, $brief)?);
            }
        )+

        $(#[$doc])*
        pub trait Server {
            $(
                $(#[$operation_doc])*
                fn $method(
                    &mut self,
                    caller: $crate::identity::Caller,
                    request: $request,
                ) -> $crate::interface!(@answer $reply, $refusal $(, $mark)?);

                $($($crate::interface!(@few $mark $method $few $few_request, $reply, $refusal);)?)?
            )+
        }

        /// Hands a message to the server: decodes the payload, calls the method, encodes the answer.
        #[inline]
        pub fn dispatch<S: Server + ?Sized>(
            server: &mut S,
            caller: $crate::identity::Caller,
            label: $crate::call::Label,
            payload: &[u8],
            reply: &mut [u8],
        ) -> $crate::call::Dispatched {
            use $crate::call::{Dispatched, ProtocolError};
            if let Err(error) = label.expect($interface, $version) {
                return Dispatched::Protocol(error);
            }
            if label.is_short() {
                let words = $crate::call::words_of(payload);
                let operation = label.operation() ^ $crate::short::BIT;
                return dispatch_short(server, caller, operation, words, reply).dispatched();
            }
            match label.operation() {
                $(
                    $number => match $crate::call::decode_payload::<$request>(payload) {
                        Ok(request) => {
                            let answer = server.$method(caller, request);
                            $crate::interface!(@encode answer, reply $(, $mark)?)
                        }
                        Err(error) => Dispatched::Protocol(error),
                    },
                )+
                _ => Dispatched::Protocol(ProtocolError::UnknownOperation),
            }
        }

        /// Hands a message in its short form to the server: the operation's number is without the bit that says so.
        /// What does not fit such an answer is encoded into `reply`.
        // Always inlined: called, it would have to be given the words in memory.
        #[inline(always)]
        #[allow(clippy::inline_always, reason = "it is the server's loop")]
        pub fn dispatch_short<S: Server + ?Sized>(
            server: &mut S,
            caller: $crate::identity::Caller,
            operation: u8,
            words: $crate::short::Words,
            reply: &mut [u8],
        ) -> $crate::short::Answered {
            use $crate::call::{Dispatched, ProtocolError};
            use $crate::short::Answered;
            // One by one: handed over together to anybody, they would all be put into memory first.
            let $crate::short::Words { words: [first, second, third, fourth], length } = words;
            // Most lists have no operation that uses them.
            let _ = (&server, caller, first, second, third, fourth, length, &reply);
            match operation {
                $(
                    $number => $crate::interface!(
                        @serve server, caller, (first second third fourth length), reply, $method($request) $(, $mark $($few($few_request))?)?
                    ),
                )+
                _ => Answered::of(Dispatched::Protocol(ProtocolError::UnknownOperation)),
            }
        }
    };
    (@few short $method:ident $few:ident $few_request:ty, $reply:ty, $refusal:ty) => {
        #[doc = concat!("`", stringify!($method), "` in its short form.")]
        fn $few(
            &mut self,
            caller: $crate::identity::Caller,
            request: $few_request,
        ) -> Result<$reply, $refusal>;
    };
    (@few plain $method:ident $few:ident $few_request:ty, $reply:ty, $refusal:ty) => {
        #[doc = concat!(
            "`", stringify!($method), "` in plain words: how many of them were laid out in `reply`. If none, because it is \
            refused or too large for them, `", stringify!($method), "` answers."
        )]
        fn $few(
            &mut self,
            caller: $crate::identity::Caller,
            request: $few_request,
            reply: &mut [u8],
        ) -> Option<usize>;
    };
    (@is_short short) => { true };
    (@is_short later_short) => { true };
    (@is_short plain) => { true };
    (@is_short $(later)?) => { false };
    (@answer $reply:ty, $refusal:ty) => { Result<$reply, $refusal> };
    (@answer $reply:ty, $refusal:ty, short) => { Result<$reply, $refusal> };
    (@answer $reply:ty, $refusal:ty, plain) => { Result<$reply, $refusal> };
    (@answer $reply:ty, $refusal:ty, later) => { $crate::call::Answer<$reply, $refusal> };
    (@answer $reply:ty, $refusal:ty, later_short) => { $crate::call::Answer<$reply, $refusal> };
    (@encode $answer:ident, $buffer:ident $(, short)?) => { $crate::call::encode_answer(&$answer, $buffer) };
    (@encode $answer:ident, $buffer:ident, plain) => { $crate::call::encode_answer(&$answer, $buffer) };
    (@encode $answer:ident, $buffer:ident, later) => {
        match $answer {
            $crate::call::Answer::Now(answer) => $crate::call::encode_answer(&answer, $buffer),
            $crate::call::Answer::Later => $crate::call::Dispatched::Later,
        }
    };
    (@encode $answer:ident, $buffer:ident, later_short) => { $crate::interface!(@encode $answer, $buffer, later) };
    (@forms $reply:ty) => {};
    (@forms $reply:ty, later) => {};
    (@forms $reply:ty, later_short) => {
        #[inline]
        fn shorten(&self) -> Option<$crate::short::Words> {
            $crate::short::shorten(self)
        }
    };
    (@forms $reply:ty, short) => {
        #[inline]
        fn shorten(&self) -> Option<$crate::short::Words> {
            $crate::short::shorten(self)
        }
        $crate::interface!(@reply_forms $reply);
    };
    (@forms $reply:ty, short $few:ident($few_request:ty)) => {
        #[inline]
        fn shorten(&self) -> Option<$crate::short::Words> {
            $crate::short::shorten(&self.few()?)
        }
        $crate::interface!(@reply_forms $reply);
    };
    (@forms $reply:ty, plain $few:ident($few_request:ty)) => {
        #[inline]
        fn shorten(&self) -> Option<$crate::short::Words> {
            $crate::short::shorten(self)
        }
        #[inline]
        fn read_plain(length: usize, word: impl Fn(usize) -> u64) -> Option<$reply> {
            <$reply as $crate::short::Plain>::from_plain(length, word)
        }
    };
    (@reply_forms $reply:ty) => {
        #[inline]
        fn shorten_reply(reply: &$reply) -> Option<$crate::short::Words> {
            $crate::short::shorten(reply)
        }
        #[inline]
        fn lengthen_reply(words: $crate::short::Words) -> Option<$reply> {
            $crate::short::lengthen(words)
        }
    };
    (@refusal_forms $refusal:ty) => {};
    (@refusal_forms $refusal:ty, shortage) => {
        #[inline]
        fn shorten_refusal(refusal: &$refusal) -> Option<$crate::short::Words> {
            $crate::short::shorten($crate::short::Brief::shortage(refusal)?)
        }
        #[inline]
        fn lengthen_refusal(words: $crate::short::Words) -> Option<$refusal> {
            $crate::short::lengthen(words).map(<$refusal as $crate::short::Brief>::of_shortage)
        }
    };
    (@serve $server:ident, $caller:ident, ($($word:ident)+), $reply:ident, $method:ident($request:ty) $(, later)?) => {
        Answered::of(Dispatched::Protocol(ProtocolError::UnknownOperation))
    };
    (@serve $server:ident, $caller:ident, ($($word:ident)+), $reply:ident, $method:ident($request:ty), short) => {
        match $crate::short::lengthen_words::<$request>($($word),+) {
            Some(request) => {
                let answer = $server.$method($caller, request);
                $crate::call::answer_short::<$request>(&answer, $reply)
            }
            None => Answered::of(Dispatched::Protocol(ProtocolError::Malformed)),
        }
    };
    (@serve $server:ident, $caller:ident, ($($word:ident)+), $reply:ident, $method:ident($request:ty), later_short) => {
        Answered::of(match $crate::short::lengthen_words::<$request>($($word),+) {
            Some(request) => {
                let answer = $server.$method($caller, request);
                $crate::interface!(@encode answer, $reply, later)
            }
            None => Dispatched::Protocol(ProtocolError::Malformed),
        })
    };
    (
        @serve $server:ident, $caller:ident, ($($word:ident)+), $reply:ident, $method:ident($request:ty),
        plain $few:ident($few_request:ty)
    ) => {
        match $crate::short::lengthen_words::<$few_request>($($word),+) {
            Some(request) => match $server.$few($caller, request, $reply) {
                Some(words) => Answered::plain(words),
                None => {
                    let answer = $server.$method($caller, request);
                    $crate::call::answer_short::<$request>(&answer, $reply)
                }
            },
            None => Answered::of(Dispatched::Protocol(ProtocolError::Malformed)),
        }
    };
    (
        @serve $server:ident, $caller:ident, ($($word:ident)+), $reply:ident, $method:ident($request:ty),
        short $few:ident($few_request:ty)
    ) => {
        match $crate::short::lengthen_words::<$few_request>($($word),+) {
            Some(request) => {
                let answer = $server.$few($caller, request);
                $crate::call::answer_short::<$request>(&answer, $reply)
            }
            None => Answered::of(Dispatched::Protocol(ProtocolError::Malformed)),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_never_a_fault() {
        assert!(Label::new(1, 0, 0).bits() > 6);
        let label = Label::new(15, 255, 254);
        assert_eq!(
            (label.interface(), label.version(), label.operation()),
            (15, 255, 254)
        );
        assert!(label.bits() < 1 << 20);
    }

    #[test]
    fn what_follows_a_payload_must_be_padding() {
        assert_eq!(decode_payload::<u8>(&[7, 0, 0, 0, 0, 0, 0, 0]), Ok(7));
        assert_eq!(
            decode_payload::<u8>(&[7, 0, 0, 1, 0, 0, 0, 0]),
            Err(ProtocolError::Malformed)
        );
        assert_eq!(
            decode_payload::<u8>(&[7, 0, 0, 0, 0, 0, 0, 0, 0]),
            Err(ProtocolError::Malformed)
        );
        assert_eq!(decode_payload::<u8>(&[]), Err(ProtocolError::Malformed));
    }
}
