//! What one side writes, the other reads; what is not a record is never taken for one.

use proptest::prelude::*;
use test_records::{Capability, MARK, Outcome, ParseError, Record, Rights, split};

/// A record that owns its text, so that proptest can make one.
#[derive(Clone, Debug)]
enum Owned {
    Plan(u32),
    Begin(String),
    Ok(String),
    Failed(String, String),
    Fault(String, String, u64, u64),
    Capability(String, u64, u64, String, [bool; 3], Option<u64>, String),
    Figure(String, u64),
    Done(u32, u32),
}

impl Owned {
    fn record(&self) -> Record<'_> {
        match self {
            Self::Plan(cases) => Record::Plan { cases: *cases },
            Self::Begin(name) => Record::Begin { name },
            Self::Ok(name) => Record::End {
                name,
                outcome: Outcome::Ok,
            },
            Self::Failed(name, reason) => Record::End {
                name,
                outcome: Outcome::Failed { reason },
            },
            Self::Fault(who, kind, ip, address) => Record::Fault {
                who,
                kind,
                ip: *ip,
                address: *address,
            },
            Self::Capability(server, slot, count, kind, [read, write, grant], badge, detail) => {
                Record::Capability(Capability {
                    server,
                    slot: *slot,
                    count: *count,
                    kind,
                    rights: Rights {
                        read: *read,
                        write: *write,
                        grant: *grant,
                    },
                    badge: *badge,
                    detail,
                })
            }
            Self::Figure(name, value) => Record::Figure {
                name,
                value: *value,
            },
            Self::Done(passed, failed) => Record::Done {
                passed: *passed,
                failed: *failed,
            },
        }
    }
}

/// Records whose names come from `name` and whose free text comes from `prose`.
fn records(name: &'static str, prose: &'static str) -> impl Strategy<Value = Owned> {
    prop_oneof![
        any::<u32>().prop_map(Owned::Plan),
        name.prop_map(Owned::Begin),
        name.prop_map(Owned::Ok),
        (name, prose).prop_map(|(a, b)| Owned::Failed(a, b)),
        (name, name, any::<u64>(), any::<u64>()).prop_map(|(a, b, c, d)| Owned::Fault(a, b, c, d)),
        (
            name,
            any::<u64>(),
            any::<u64>(),
            name,
            any::<[bool; 3]>(),
            any::<Option<u64>>(),
            prose
        )
            .prop_map(|(a, b, c, d, e, f, g)| Owned::Capability(a, b, c, d, e, f, g)),
        (name, any::<u64>()).prop_map(|(a, b)| Owned::Figure(a, b)),
        (any::<u32>(), any::<u32>()).prop_map(|(a, b)| Owned::Done(a, b)),
    ]
}

proptest! {
    #[test]
    fn a_record_reads_back_as_it_was_written(
        owned in records("[a-z][a-z0-9:._é-]{0,30}", "([a-z0-9'=-]+( [a-z0-9'=-]+){0,8})?"),
        noise in "[ -~]{0,20}",
    ) {
        let record = owned.record();
        let written = record.to_string();
        prop_assert_eq!(Record::parse(&written), Ok(record));
        let line = format!("{noise}{}\r\n", record.marked());
        let found = split(&line);
        prop_assert_eq!(found.text, noise);
        prop_assert_eq!(found.record, Some(Ok(record)));
    }

    #[test]
    fn whatever_the_text_it_stays_one_record_on_one_line(owned in records("\\PC*|.*", "(?s).*")) {
        let written = owned.record().to_string();
        prop_assert!(!written.chars().any(char::is_control), "{written:?}");
        let read = Record::parse(&written);
        prop_assert!(read.is_ok(), "{written:?} {read:?}");
        prop_assert_eq!(core::mem::discriminant(&read.expect("checked")), core::mem::discriminant(&owned.record()));
        prop_assert_eq!(read.expect("checked").to_string(), written);
    }

    #[test]
    fn no_line_makes_it_panic(line in "(?s).*", mark in any::<bool>()) {
        let line = if mark { format!("{MARK}{line}") } else { line };
        let _ = split(&line);
    }

    #[test]
    fn a_record_that_was_cut_short_is_never_another(owned in records("[a-z]{1,8}", "[a-z]{1,8}"), cut in 0_usize..40) {
        let record = owned.record();
        let written = record.to_string();
        if let Some(part) = written.get(..cut.min(written.len())) && let Ok(read) = Record::parse(part) {
            prop_assert_eq!(core::mem::discriminant(&read), core::mem::discriminant(&record));
        }
    }
}

#[test]
fn the_lines_are_as_the_documentation_says() {
    let lines = [
        (Record::Plan { cases: 3 }, "plan 3"),
        (Record::Begin { name: "a b\n" }, "begin a_b_"),
        (Record::Begin { name: "" }, "begin _"),
        (
            Record::End {
                name: "x",
                outcome: Outcome::Ok,
            },
            "end x ok",
        ),
        (
            Record::End {
                name: "x",
                outcome: Outcome::Failed {
                    reason: "2 is\nnot \u{1e}3",
                },
            },
            "end x failed 2 is not ?3",
        ),
        (
            Record::Fault {
                who: "memory-server",
                kind: "page",
                ip: 0x40_0000,
                address: 0,
            },
            "fault memory-server page 0x400000 0x0",
        ),
        (
            Record::Capability(Capability {
                server: "proc-server",
                slot: 2,
                count: 1,
                kind: "endpoint",
                rights: Rights {
                    read: false,
                    ..Rights::ALL
                },
                badge: Some(0x20),
                detail: "to memory-server",
            }),
            "capability proc-server 2 1 endpoint -wg 0x20 to memory-server",
        ),
        (
            Record::Figure {
                name: "spawn.instructions",
                value: 12,
            },
            "figure spawn.instructions 12",
        ),
        (
            Record::Done {
                passed: 3,
                failed: 0,
            },
            "done 3 0",
        ),
    ];
    for (record, line) in lines {
        assert_eq!(record.to_string(), line);
        assert_eq!(record.marked().to_string(), format!("\u{1e}{line}"));
    }
}

#[test]
fn what_is_not_exactly_a_record_is_refused() {
    let refused = [
        ("", ParseError::Missing("keyword")),
        ("plan", ParseError::Missing("cases")),
        ("plan ", ParseError::Missing("cases")),
        (
            "plan +1",
            ParseError::Malformed {
                field: "cases",
                found: "+1",
            },
        ),
        (
            "plan 4294967296",
            ParseError::Malformed {
                field: "cases",
                found: "4294967296",
            },
        ),
        ("plan 1 2", ParseError::Trailing("2")),
        ("plans 1", ParseError::UnknownKeyword("plans")),
        (
            "end x maybe",
            ParseError::Malformed {
                field: "outcome",
                found: "maybe",
            },
        ),
        ("end x ok ", ParseError::Trailing("")),
        ("done 1", ParseError::Missing("failed")),
        (
            "capability s 1 1 tcb gwr - x",
            ParseError::Malformed {
                field: "rights",
                found: "gwr",
            },
        ),
        (
            "fault s page 12 0x0",
            ParseError::Malformed {
                field: "ip",
                found: "12",
            },
        ),
    ];
    for (line, error) in refused {
        assert_eq!(Record::parse(line), Err(error), "{line:?}");
    }
}

#[test]
fn console_text_is_not_a_record() {
    let line = split("done 1 0\n");
    assert_eq!(line.text, "done 1 0");
    assert_eq!(line.record, None);
}
