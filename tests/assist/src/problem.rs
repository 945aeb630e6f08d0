//! How an assistant says that something was not as it should be.

/// Says what, and gives the exit code for it.
macro_rules! problem {
    ($($what:tt)*) => {{
        client::println!("assist: {}", format_args!($($what)*));
        -1
    }};
}

/// Ends the mode with a problem unless the result is what is expected.
macro_rules! expect {
    ($call:expr, $expected:pat $(if $guard:expr)?) => {
        match $call {
            $expected $(if $guard)? => {}
            other => return problem!("{}: {:?}", stringify!($call), other),
        }
    };
}

/// The value, or the end of the mode.
macro_rules! value {
    ($call:expr) => {
        match $call {
            Ok(value) => value,
            Err(error) => return problem!("{}: {error:?}", stringify!($call)),
        }
    };
}
