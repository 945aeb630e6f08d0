//! `/limit`, over the real limits-server.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Room, World, list};
use interfaces::{Resource, TaskId};
use trees::{Error, Refusal};

/// A world with one task in the root.
fn world() -> (World, TaskId) {
    let mut world = World::new();
    let me = world.birth("console", None, None);
    (world, me)
}

/// A group below the task's own, and the path of its directory.
fn pen(world: &mut World, me: TaskId, label: &str) -> String {
    world
        .trees(me)
        .make_directory(&format!("/cgroup/{label}"))
        .unwrap();
    let names = world.list(me, "/limit/groups").unwrap();
    format!(
        "/limit/groups/{}",
        names.last().unwrap().trim_end_matches('/')
    )
}

#[test]
fn there_are_the_files_of_the_manual_page() {
    let (mut world, me) = world();
    assert_eq!(world.list(me, "/").unwrap(), ["cgroup/", "limit/", "proc/"]);
    let files = ["ctl", "clone", "switch", "status"];
    assert_eq!(
        world.list(me, "/limit").unwrap(),
        [&files[..], &["commit", "groups/"]].concat()
    );
    assert_eq!(
        world.read(me, "/limit/commit").unwrap(),
        "       1000         300\n        150\n"
    );
    assert_eq!(world.list(me, "/limit/groups").unwrap(), ["1/"]);
    // In a group's directory they are the same, but for `groups`.
    assert_eq!(world.list(me, "/limit/groups/1").unwrap(), files);
}

#[test]
fn the_first_example_of_the_manual_page_works() {
    let (mut world, me) = world();
    let opened = world.trees(me).open("/limit/clone").unwrap();
    for command in ["label mygroup\n", "mlim 1\n", "mproc 20\n"] {
        world.write(me, "/limit/ctl", command).unwrap();
    }
    assert_eq!(world.group_of(me), opened.group());
    assert_eq!(
        world.read(me, "/limit/ctl").unwrap(),
        format!("{}\n", opened.group())
    );
    let status =
        "mygroup\n          1           0\n         20           1\n        max           0\n";
    assert_eq!(world.read(me, "/limit/status").unwrap(), status);
    // The second sub-group is one too many, and the refusal says so with its numbers.
    let _inner = world
        .trees(me)
        .open(&format!("/limit/groups/{}/clone", opened.group()))
        .unwrap();
    let error = world.trees(me).open("/limit/clone").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "refused: group {} asked for 1 groups with 1 of 1 used",
            opened.group()
        )
    );
}

#[test]
fn the_second_example_of_the_manual_page_works() {
    let (mut world, me) = world();
    let wanted = pen(&mut world, me, "wanted");
    pen(&mut world, me, "other");
    let mut found = None;
    for group in world.list(me, "/limit/groups").unwrap() {
        let directory = format!("/limit/groups/{}", group.trim_end_matches('/'));
        let status = world.read(me, &format!("{directory}/status")).unwrap();
        if status.lines().next() == Some("wanted") {
            let opened = world
                .trees(me)
                .open(&format!("{directory}/switch"))
                .unwrap();
            found = Some((directory, opened.group()));
            // The example's `exec` ends the loop.
            break;
        }
    }
    let (directory, group) = found.unwrap();
    assert_eq!(directory, wanted);
    assert_eq!(world.group_of(me), group);
}

#[test]
fn a_plain_group_has_an_empty_label_line_and_no_limits() {
    let (mut world, me) = world();
    let id = world.read(me, "/limit/clone").unwrap();
    let status = format!("/limit/groups/{}/status", id.trim());
    let plain = "\n        max           0\n        max           1\n        max           0\n";
    assert_eq!(world.read(me, &status).unwrap(), plain);
}

#[test]
fn a_number_that_needs_more_columns_gets_them() {
    let (mut world, me) = world();
    let pen = pen(&mut world, me, "pen");
    world
        .write(me, &format!("{pen}/ctl"), "mpage 1234567890123\nmproc 0\n")
        .unwrap();
    let status =
        "pen\n        max           0\n          0           0\n1234567890123           0\n";
    assert_eq!(world.read(me, &format!("{pen}/status")).unwrap(), status);
}

#[test]
fn a_clone_reads_as_the_new_groups_id_wherever_it_is_opened() {
    let (mut world, me) = world();
    let pen = pen(&mut world, me, "pen");
    let id = world.read(me, &format!("{pen}/clone")).unwrap();
    assert_eq!(world.read(me, "/limit/ctl").unwrap(), id);
    // The group above is out of sight now, and so is every neighbour.
    assert_eq!(
        world.list(me, "/limit/groups").unwrap(),
        [format!("{}/", id.trim())]
    );
    assert_eq!(
        world.read(me, &format!("{pen}/status")),
        Err(Error::NoSuchPath)
    );
    assert_eq!(world.read(me, "/limit/switch").unwrap(), "");
}

#[test]
fn what_a_clone_made_goes_when_it_is_closed_and_left() {
    let (mut world, me) = world();
    let child = world.birth("child", Some(me), None);
    let opened = world.trees(child).open("/limit/clone").unwrap();
    let path = format!("/limit/groups/{}", opened.group());
    assert!(world.list(me, &path).is_ok());
    world.trees(child).close(opened).unwrap();
    // Nobody inside changes it any more.
    let error = world.write(child, "/limit/ctl", "mproc 5\n").unwrap_err();
    assert_eq!(error, Error::Refused(Refusal::NotYours));
    world
        .write(me, &format!("{path}/ctl"), "mproc 5\n")
        .unwrap();
    world
        .trees(me)
        .write(
            &format!("/cgroup{}/cgroup.kill", &path["/limit/groups".len()..]),
            b"1\n",
        )
        .unwrap();
    assert_eq!(world.list(me, &path), Err(Error::NoSuchPath));
}

#[test]
fn nobody_switches_up_aside_or_nowhere() {
    let (mut world, me) = world();
    let (pen_path, beside) = (pen(&mut world, me, "pen"), pen(&mut world, me, "beside"));
    let member = world.birth("member", Some(me), None);
    let _ = world
        .trees(member)
        .open(&format!("{pen_path}/switch"))
        .unwrap();
    let before = world.limits.ledger().snapshot();
    for path in [
        "/limit/groups/1/switch",
        "/limit/groups/99/clone",
        &format!("{beside}/switch"),
        &format!("{beside}/clone"),
    ] {
        assert_eq!(
            world.trees(member).open(path).unwrap_err(),
            Error::NoSuchPath,
            "{path}"
        );
    }
    assert_eq!(
        world.trees(member).open("/limit/ctl").unwrap_err(),
        Error::NotOpened
    );
    assert_eq!(world.limits.ledger().snapshot(), before);
}

#[test]
fn a_clone_that_nobody_may_enter_leaves_no_group() {
    let (mut world, me) = world();
    let pen = pen(&mut world, me, "pen");
    world.write(me, &format!("{pen}/ctl"), "mproc 0\n").unwrap();
    let groups = world.list(me, "/limit/groups").unwrap();
    let error = world.trees(me).open(&format!("{pen}/clone")).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("asked for 1 tasks with 0 of 0 used"),
        "{error}"
    );
    assert_eq!(world.list(me, "/limit/groups").unwrap(), groups);
}

#[test]
fn many_commands_are_one_write_and_the_later_of_two_counts() {
    let (mut world, me) = world();
    let pen = pen(&mut world, me, "pen");
    let text = "mproc 1\nlabel two\nmlim 3\nmproc max\nmpage 18446744073709551615\nlabel three\n";
    world.write(me, &format!("{pen}/ctl"), text).unwrap();
    let status =
        "three\n          3           0\n        max           0\n        max           0\n";
    assert_eq!(world.read(me, &format!("{pen}/status")).unwrap(), status);
}

#[test]
fn every_bad_text_says_what_is_wrong_and_changes_nothing() {
    let (mut world, me) = world();
    let pen = pen(&mut world, me, "pen");
    let (fits, too_long) = ("x".repeat(63), "x".repeat(64));
    let cases: [(&str, &str); 29] = [
        ("", "line 1: nothing is written there"),
        ("\n", "line 1: nothing is written there"),
        ("mproc 5\n\n", "line 2: nothing is written there"),
        ("mproc 5", "line 1: half a line: its newline is missing"),
        (
            "mlim 5\nmproc 5",
            "line 2: half a line: its newline is missing",
        ),
        ("mproc", "line 1: half a line: its newline is missing"),
        ("mproc\n", "line 1: a command takes one word, not 0"),
        ("label\n", "line 1: a command takes one word, not 0"),
        (
            "label my group\n",
            "line 1: a command takes one word, not 2",
        ),
        ("mproc 5 6 7\n", "line 1: a command takes one word, not 3"),
        (" mproc 5\n", "line 1: a space too many"),
        ("mproc 5 \n", "line 1: a space too many"),
        ("mproc  5\n", "line 1: a space too many"),
        ("mproc\t5\n", "line 1: a control character, \\u{9}"),
        ("mproc 5\r\n", "line 1: a control character, \\u{d}"),
        ("label a\0b\n", "line 1: a control character, \\u{0}"),
        ("label a\u{85}b\n", "line 1: a control character, \\u{85}"),
        (
            "mproc +5\n",
            "line 1: '+5' is not a whole number below 2^64 or max",
        ),
        (
            "mproc -1\n",
            "line 1: '-1' is not a whole number below 2^64 or max",
        ),
        (
            "mproc 05\n",
            "line 1: '05' is not a whole number below 2^64 or max",
        ),
        (
            "mproc 5x\n",
            "line 1: '5x' is not a whole number below 2^64 or max",
        ),
        (
            "mproc 0x5\n",
            "line 1: '0x5' is not a whole number below 2^64 or max",
        ),
        (
            "mproc MAX\n",
            "line 1: 'MAX' is not a whole number below 2^64 or max",
        ),
        (
            "mpage 18446744073709551616\n",
            "line 1: '18446744073709551616' is not a whole number below 2^64 or max",
        ),
        (
            "mprocs 5\n",
            "line 1: no command 'mprocs': there are label, mlim, mproc and mpage",
        ),
        (
            "5\n",
            "line 1: no command '5': there are label, mlim, mproc and mpage",
        ),
        (
            &format!("label {too_long}\n"),
            "line 1: a label has at most 63 bytes, not 64",
        ),
        (
            "label new\nmproc 3\nmlim x\n",
            "line 3: 'x' is not a whole number below 2^64 or max",
        ),
        (
            "mproc 3\nnonsense\n",
            "line 2: no command 'nonsense': there are label, mlim, mproc and mpage",
        ),
    ];
    let before = world.limits.ledger().snapshot();
    for (text, message) in cases {
        let error = world.write(me, &format!("{pen}/ctl"), text).unwrap_err();
        assert_eq!(error.to_string(), message, "{text:?}");
        assert_eq!(world.limits.ledger().snapshot(), before, "{text:?}");
    }
    let error = world
        .trees(me)
        .write(&format!("{pen}/ctl"), b"label \xff\n")
        .unwrap_err();
    assert_eq!(error.to_string(), "line 1: not UTF-8");
    assert_eq!(world.limits.ledger().snapshot(), before);
    world
        .write(me, &format!("{pen}/ctl"), &format!("label {fits}\n"))
        .unwrap();
}

#[test]
fn a_write_that_is_refused_half_way_is_taken_back() {
    let mut world = World::with(Room {
        bounds: 0,
        ..Room::default()
    });
    let me = world.birth("console", None, None);
    let pen = pen(&mut world, me, "pen");
    let status = world.read(me, &format!("{pen}/status")).unwrap();
    let root = world
        .limits
        .ledger()
        .account(world.group_of(me))
        .unwrap()
        .usage;
    let error = world
        .write(me, &format!("{pen}/ctl"), "label new\nmproc max\nmlim 3\n")
        .unwrap_err();
    assert_eq!(error.to_string(), "refused: the server has no room for it");
    assert_eq!(world.read(me, &format!("{pen}/status")).unwrap(), status);
    assert_eq!(
        world
            .limits
            .ledger()
            .account(world.group_of(me))
            .unwrap()
            .usage,
        root
    );
}

#[test]
fn nobody_changes_its_own_group_unless_it_opened_it() {
    let (mut world, me) = world();
    let before = world.limits.ledger().snapshot();
    for text in ["mproc 5\n", "label mine\n", "mproc max\n"] {
        let error = world.write(me, "/limit/ctl", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "refused: the right to do that is missing: see rights"
        );
    }
    assert_eq!(world.limits.ledger().snapshot(), before);
}

#[test]
fn paths_that_lead_nowhere_say_which_kind_of_nowhere() {
    let (mut world, me) = world();
    let out = &mut String::new();
    for path in [
        "limit/ctl",
        "",
        "/nothing",
        "/limit/nothing",
        "/limit/groups/9/ctl",
        "/limit/groups/01/ctl",
        "/limit/groups/1/groups",
        "/limit/../limit/ctl",
    ] {
        assert_eq!(
            world.trees(me).read(path, out),
            Err(Error::NoSuchPath),
            "{path}"
        );
    }
    for path in [
        "/",
        "/limit",
        "/limit/groups",
        "/limit/groups/1",
        "/limit//",
    ] {
        assert_eq!(
            world.trees(me).read(path, out),
            Err(Error::IsADirectory),
            "{path}"
        );
        assert_eq!(
            world.write(me, path, "x\n"),
            Err(Error::IsADirectory),
            "{path}"
        );
    }
    assert_eq!(
        world.trees(me).read("/limit/ctl/more", out),
        Err(Error::NotADirectory)
    );
    assert_eq!(world.list(me, "/limit/ctl"), Err(Error::NotADirectory));
    assert_eq!(world.list(me, "/limit/groups/9"), Err(Error::NoSuchPath));
    for file in ["clone", "switch", "status"] {
        assert_eq!(
            world.write(me, &format!("/limit/{file}"), "x\n"),
            Err(Error::NotWritable)
        );
    }
    assert_eq!(
        world.trees(me).make_directory("/limit/groups/5"),
        Err(Error::FixedDirectory)
    );
    assert_eq!(
        world.trees(me).remove_directory("/limit/groups/1"),
        Err(Error::FixedDirectory)
    );
    assert!(out.is_empty());
}

#[test]
fn an_operator_finds_every_group_from_wherever_it_is() {
    let (mut world, me) = world();
    let pen_path = pen(&mut world, me, "pen");
    pen(&mut world, me, "beside");
    let _ = world.trees(me).open(&format!("{pen_path}/switch")).unwrap();
    assert_eq!(
        list(&mut world.trees(me), "/limit/groups").unwrap().len(),
        1
    );
    assert_eq!(
        list(&mut world.trees_of(me, true), "/limit/groups").unwrap(),
        ["1/", "2/", "3/"]
    );
}

#[test]
fn a_listing_goes_through_the_whole_tree_in_order() {
    let (mut world, me) = world();
    for path in ["a", "a/b", "a/b/c", "d", "a/e", "d/f"] {
        world
            .trees(me)
            .make_directory(&format!("/cgroup/{path}"))
            .unwrap();
    }
    let labels: Vec<String> = world
        .list(me, "/limit/groups")
        .unwrap()
        .iter()
        .map(|group| {
            world
                .read(me, &format!("/limit/groups/{group}status"))
                .unwrap()
        })
        .map(|status| status.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(labels, ["", "a", "b", "c", "e", "d", "f"]);
    let root = world.group_of(me);
    assert_eq!(
        world
            .limits
            .ledger()
            .resource(root, Resource::Groups)
            .unwrap()
            .usage,
        6
    );
}
