//! Where output goes: functions that take text, set once by the program.
//!
//! Why functions and not a trait object: a function can be kept in one atomic word, so neither printing nor setting
//! needs a lock, and a panic in the middle of a line can still print.
//!
//! A program that knows its functions when it is linked says so with [`output!`](crate::output!), and writes to no memory of
//! its own for it: the page of its data, which it may never need, is then never made.

use core::fmt::{self, Write};
use core::sync::atomic::{AtomicPtr, Ordering};

use log::{LevelFilter, Log, Metadata, Record};

/// Bytes that are collected before a sink is called; a line longer than that goes out in pieces.
const LINE: usize = 240;

/// What a program's output goes to from its first instruction on.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// What [`set_console`] would set.
    pub console: Option<fn(&str)>,
    /// What [`crate::set_panic_end`] would set.
    pub end: Option<fn() -> !>,
}

impl Output {
    /// Nothing: it is set later, if ever.
    pub const NONE: Self = Self {
        console: None,
        end: None,
    };
}

/// Says where the output of this program goes, and how it ends when it panics: `output!(print, end)`, or `output!()` if
/// that is set later. [`entry`](macro@crate::entry) with a stack says the latter.
#[macro_export]
macro_rules! output {
    () => {
        $crate::output!(@ $crate::Output::NONE);
    };
    ($console:expr, $end:expr) => {
        $crate::output!(@ $crate::Output {
            console: ::core::option::Option::Some($console),
            end: ::core::option::Option::Some($end),
        });
    };
    (@ $output:expr) => {
        #[cfg(target_os = "none")]
        const _: () = {
            #[unsafe(no_mangle)]
            static __SEL4_ROOT_TASK_OUTPUT: $crate::Output = $output;
        };
    };
}

#[cfg(target_os = "none")]
unsafe extern "Rust" {
    // Defined by the program, once, with this type: `output!` sees to that, and nobody else knows the name.
    safe static __SEL4_ROOT_TASK_OUTPUT: Output;
}

/// What the program was linked with.
#[cfg(target_os = "none")]
pub(crate) fn linked() -> Output {
    __SEL4_ROOT_TASK_OUTPUT
}

/// On the host nothing is linked.
#[cfg(not(target_os = "none"))]
fn linked() -> Output {
    Output::NONE
}

/// A place to keep a function.
struct Sink(AtomicPtr<()>);

impl Sink {
    const fn new() -> Self {
        Self(AtomicPtr::new(core::ptr::null_mut()))
    }

    fn set(&self, sink: fn(&str)) {
        self.0.store(sink as *mut (), Ordering::Release);
    }

    fn get(&self) -> Option<fn(&str)> {
        let sink = self.0.load(Ordering::Acquire);
        // SAFETY: a pointer that is not null was a function of this type when `set` stored it.
        (!sink.is_null()).then(|| unsafe { core::mem::transmute::<*mut (), fn(&str)>(sink) })
    }
}

static CONSOLE: Sink = Sink::new();
static PANIC: Sink = Sink::new();

/// Sets where [`print!`](crate::print!) and the log go. Until then they go nowhere.
///
/// The function gets whole lines, or pieces of [`LineWriter`]'s size of longer ones.
pub fn set_console(sink: fn(&str)) {
    CONSOLE.set(sink);
}

/// Sets where the last words of a panic go. Until then they go to the console.
pub fn set_panic_sink(sink: fn(&str)) {
    PANIC.set(sink);
}

/// Where a panic prints.
#[cfg(target_os = "none")]
pub(crate) fn panic_sink() -> Option<fn(&str)> {
    PANIC.get().or_else(console)
}

fn console() -> Option<fn(&str)> {
    CONSOLE.get().or(linked().console)
}

/// Collects text and hands it on line by line, so that a sink that costs a system call is called once a line.
#[derive(Debug)]
pub struct LineWriter {
    sink: fn(&str),
    bytes: [u8; LINE],
    used: usize,
}

impl LineWriter {
    /// A writer in front of that sink.
    #[must_use]
    pub const fn new(sink: fn(&str)) -> Self {
        Self {
            sink,
            bytes: [0; LINE],
            used: 0,
        }
    }

    /// Hands on what there is.
    pub fn flush(&mut self) {
        let text = self
            .bytes
            .get(..self.used)
            .and_then(|bytes| core::str::from_utf8(bytes).ok());
        self.used = 0;
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            (self.sink)(text);
        }
    }
}

impl Write for LineWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // By characters, so that none is cut in two.
        for character in text.chars() {
            let mut encoded = [0; 4];
            let encoded = character.encode_utf8(&mut encoded).as_bytes();
            if self.used.saturating_add(encoded.len()) > LINE {
                self.flush();
            }
            let end = self.used.saturating_add(encoded.len());
            if let Some(place) = self.bytes.get_mut(self.used..end) {
                place.copy_from_slice(encoded);
                self.used = end;
            }
            if character == '\n' {
                self.flush();
            }
        }
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Prints to the console; what the macros call.
pub fn print(text: fmt::Arguments<'_>) {
    if let Some(sink) = console() {
        // The writer itself never fails; a value's own formatting may, and then its line ends early.
        let _ = LineWriter::new(sink).write_fmt(text);
    }
}

/// Prints to the console.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::print(::core::format_args!($($text)*)) };
}

/// Prints a line to the console.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($text:tt)*) => { $crate::print(::core::format_args!("{}\n", ::core::format_args!($($text)*))) };
}

/// The log, on the console.
struct ConsoleLog;

impl Log for ConsoleLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            print(format_args!(
                "[{:5} {}] {}\n",
                record.level(),
                record.target(),
                record.args()
            ));
        }
    }

    fn flush(&self) {}
}

/// Sends the log to the console, up to that level. A second call changes the level.
pub fn init_log(level: LevelFilter) {
    // It fails if there is a logger already, which then is this one.
    let _ = log::set_logger(&ConsoleLog);
    log::set_max_level(level);
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;
    use std::sync::Mutex;
    use std::vec::Vec;

    use super::*;

    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

    fn see(text: &str) {
        SEEN.lock().unwrap().push(text.into());
    }

    #[test]
    fn lines_arrive_whole_and_long_ones_in_pieces() {
        let mut writer = LineWriter::new(see);
        write!(writer, "a {} b\nrest", 1).unwrap();
        drop(writer);
        let long: String = core::iter::repeat_n('ä', LINE).collect();
        LineWriter::new(see).write_str(&long).unwrap();
        let seen = SEEN.lock().unwrap();
        assert_eq!(seen[..2], ["a 1 b\n", "rest"]);
        assert_eq!(seen[2..].concat(), long);
        assert!(seen.iter().all(|piece| piece.len() <= LINE));
    }
}
