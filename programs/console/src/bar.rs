//! How full something looks.

use core::fmt;

use interfaces::Limit;

/// The columns between a bar's brackets.
const CELLS: u64 = 10;

/// Usage against a limit, as `[####......]`; without a limit there is nothing to be full of, and it is blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What is used.
    pub used: u64,
    /// What may be used.
    pub limit: Limit,
}

impl Bar {
    /// How many cells are full: none only if nothing is used, all only if nothing is left.
    fn full(self) -> Option<u64> {
        let Limit::At(limit) = self.limit else {
            return None;
        };
        if self.used >= limit {
            return Some(CELLS);
        }
        let cells = u128::from(self.used)
            .saturating_mul(u128::from(CELLS))
            .checked_div(u128::from(limit))?;
        let cells = u64::try_from(cells).unwrap_or(CELLS);
        Some(cells.max(u64::from(self.used > 0)).min(CELLS))
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.full();
        out.write_str(if full.is_some() { "[" } else { " " })?;
        for cell in 0..CELLS {
            out.write_str(match full {
                None => " ",
                Some(full) if cell < full => "#",
                Some(_) => ".",
            })?;
        }
        out.write_str(if full.is_some() { "]" } else { " " })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(used: u64, limit: u64) -> String {
        let limit = Limit::from_bound(limit);
        Bar { used, limit }.to_string()
    }

    #[test]
    fn a_bar_is_full_when_nothing_is_left_and_empty_when_nothing_is_used() {
        assert_eq!(bar(0, 20), "[..........]");
        assert_eq!(bar(1, 1000), "[#.........]");
        assert_eq!(bar(10, 20), "[#####.....]");
        assert_eq!(bar(999, 1000), "[#########.]");
        assert_eq!(bar(1000, 1000), "[##########]");
        assert_eq!(bar(5, 3), "[##########]", "a limit may be below the usage");
        assert_eq!(bar(0, 0), "[##########]");
        assert_eq!(bar(7, u64::MAX), " ".repeat(12));
        assert_eq!(bar(u64::MAX - 2, u64::MAX - 1), "[#########.]");
    }
}
