//! The guest's trials of rights against the ledger's own table of which operation needs which right.

use interfaces::limits::Rights;
use limits_core::Operation;

#[path = "../assist/src/rights/table.rs"]
#[macro_use]
mod table;

macro_rules! names {
    ($($operation:ident: $name:ident needs $right:ident $(+ $more:ident)*,)+) => {
        const TRIALS: &[(&str, &str, Rights)] = &[$((
            stringify!($operation),
            stringify!($name),
            Rights::$right$(.union(Rights::$more))*,
        ),)+];
    };
}
every_trial!(names);

#[test]
fn every_operation_that_needs_a_right_has_a_trial_in_the_guest() {
    for operation in Operation::ALL {
        let name = format!("{operation:?}");
        let mut trials = TRIALS.iter().filter(|(tried, ..)| *tried == name);
        assert!(
            trials.clone().count() > 0,
            "{name} has no trial in tests/assist/src/rights/table.rs"
        );
        for (_, trial, right) in &mut trials {
            assert_eq!(*right, operation.needs(), "{trial}");
        }
    }
    for (operation, trial, _) in TRIALS {
        let known = |known: &Operation| format!("{known:?}") == *operation;
        assert!(
            Operation::ALL.iter().any(known),
            "{trial} tries {operation}"
        );
    }
}
