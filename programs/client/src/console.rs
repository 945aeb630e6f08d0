//! The serial line.

use core::fmt::{self, Write as _};

use interfaces::console::{Halt, LINE_BYTES, OperatorRefusal, ReadDropped, Write, WriteRecord};
use interfaces::{CallError, Text};

use crate::server::{Server, call};

/// Writes text to the caller's line, in as few messages as it takes. The line is printed when a newline comes.
///
/// What the root task says is ignored: a program that cannot print goes on.
pub fn print(text: &str) {
    let mut rest = text;
    while !rest.is_empty() {
        let text = Text::<LINE_BYTES>::cut(rest);
        let taken = text.as_str().len();
        let _ = call(Server::Console, &Write { text });
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// Formats onto the caller's line. Called by [`println!`](crate::println) and [`print!`](crate::print).
pub fn print_format(arguments: fmt::Arguments<'_>) {
    let mut line = Line(Text::default());
    // A `Line` takes everything, so only a failing Display can fail, and then what it wrote is printed.
    let _ = line.write_fmt(arguments);
    line.flush();
}

/// Writes one record (`tests/records`), without its start mark. For an operator.
pub fn write_record(record: fmt::Arguments<'_>) -> Result<(), CallError<OperatorRefusal>> {
    let mut text = Text::default();
    // What does not fit is cut: a record of ours is short but for a reason, which is its end.
    let _ = Cut(&mut text).write_fmt(record);
    call(Server::Console, &WriteRecord { record: text })
}

/// Ends the machine. For an operator; returns only if the caller is none.
pub fn halt(passed: bool) -> Result<(), CallError<OperatorRefusal>> {
    call(Server::Console, &Halt { passed })
}

/// How many bytes of the caller's were dropped.
pub fn dropped() -> u64 {
    call(Server::Console, &ReadDropped {}).unwrap_or(0)
}

/// Collects text and sends it whenever a line is full.
struct Line(Text<LINE_BYTES>);

impl Line {
    fn flush(&mut self) {
        print(self.0.as_str());
        self.0 = Text::default();
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.write_str(text).is_err() {
            self.flush();
            if self.0.write_str(text).is_err() {
                print(text);
            }
        }
        Ok(())
    }
}

/// Takes as much as fits and drops the rest.
struct Cut<'a, const N: usize>(&'a mut Text<N>);

impl<const N: usize> fmt::Write for Cut<'_, N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.0.write_char(character)?;
        }
        Ok(())
    }
}

/// Prints text.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::console::print_format(::core::format_args!($($argument)*)) };
}

/// Prints a line.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($format:literal $($argument:tt)*) => {
        $crate::console::print_format(::core::format_args!("{}\n", ::core::format_args!($format $($argument)*)))
    };
}
