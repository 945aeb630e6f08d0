//! How long a device is waited for that takes what it is given a little at a time.
//!
//! One that takes nothing any more (nobody reads the line, or there is none) is waited for once: after that nothing is
//! given to it until it is ready when it is looked at. So a line that nobody drains keeps nobody else waiting.

/// Whether a device is still waited for.
#[derive(Debug)]
pub struct Patience {
    tries: u32,
    has_given_up: bool,
}

impl Patience {
    /// So many looks before it is given up.
    #[must_use]
    pub const fn new(tries: u32) -> Self {
        Self {
            tries,
            has_given_up: false,
        }
    }

    /// Looks until the device is ready, as often as it is worth. Returns whether it is.
    pub fn wait(&mut self, mut is_ready: impl FnMut() -> bool) -> bool {
        let tries = if self.has_given_up { 1 } else { self.tries };
        let is_there = (0..tries).any(|_| is_ready());
        self.has_given_up = !is_there;
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_takes_nothing_is_waited_for_once() {
        let mut patience = Patience::new(100);
        let mut looks = 0;
        for _ in 0..50 {
            assert!(!patience.wait(|| {
                looks += 1;
                false
            }));
        }
        assert_eq!(looks, 100 + 49);
    }

    #[test]
    fn one_that_is_ready_again_is_waited_for_again() {
        let mut patience = Patience::new(10);
        assert!(!patience.wait(|| false));
        assert!(patience.wait(|| true));
        let mut looks = 0;
        let ready_at_last = patience.wait(|| {
            looks += 1;
            looks == 10
        });
        assert!(ready_at_last);
    }
}
