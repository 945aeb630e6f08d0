//! `/cgroup`, over the real limits-server and the small proc-server.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Room, World};
use interfaces::accounting::{Charge, EndTask, Server as _};
use interfaces::events::Ending;
use interfaces::limits::{LabelText, OpenGroup, SetLabel};
use interfaces::{Amounts, Caller, GroupId, Resource, ServerName, TaskId, call};
use trees::{Error, Refusal, Servers as _};

fn world() -> (World, TaskId) {
    let mut world = World::new();
    let me = world.birth("console", None, None);
    world.trees(me).make_directory("/cgroup/pen").unwrap();
    (world, me)
}

fn id_of(world: &mut World, me: TaskId, label: &str) -> GroupId {
    let all = world.list(me, "/limit/groups").unwrap();
    for name in all {
        let index = name.trim_end_matches('/').parse().unwrap();
        let group = GroupId {
            index,
            generation: 0,
        };
        if world.limits.ledger().account(group).unwrap().label.as_str() == label {
            return group;
        }
    }
    panic!("no group is labelled {label}");
}

fn charge(world: &mut World, group: GroupId, resource: Resource, amount: u64) {
    let request = Charge {
        group,
        amounts: Amounts::of(resource, amount),
    };
    world
        .limits
        .charge(Caller::server(ServerName::Memory), request)
        .unwrap();
}

#[test]
fn a_directory_has_the_groups_below_and_the_files_of_cgroup_v2() {
    let (mut world, me) = world();
    let names = [
        "cgroup.events",
        "cgroup.freeze",
        "cgroup.kill",
        "cgroup.procs",
        "cgroup.stat",
        "memory.current",
        "memory.events",
        "memory.max",
        "memory.min",
        "memory.peak",
        "memory.stat",
        "pids.current",
        "pids.events",
        "pids.max",
        "pids.peak",
    ];
    assert_eq!(
        world.list(me, "/cgroup").unwrap(),
        [&["pen/"], &names[..]].concat()
    );
    assert_eq!(world.list(me, "/cgroup/pen").unwrap(), names);
}

#[test]
fn every_file_has_cgroup_v2s_format() {
    let (mut world, me) = world();
    let pen = id_of(&mut world, me, "pen");
    let (one, two) = (
        world.birth("one", Some(me), Some(pen)),
        world.birth("two", Some(me), Some(pen)),
    );
    world.write(me, "/cgroup/pen/pids.max", "2\n").unwrap();
    world.write(me, "/cgroup/pen/memory.max", "1M\n").unwrap();
    charge(&mut world, pen, Resource::Frames, 10);
    let short = Charge {
        group: pen,
        amounts: Amounts::of(Resource::Frames, 1000),
    };
    world
        .limits
        .charge(Caller::server(ServerName::Memory), short)
        .unwrap_err();
    world.trees(me).make_directory("/cgroup/pen/in").unwrap();
    let usage = world.limits.ledger().account(pen).unwrap().usage;
    let bytes = usage.get(Resource::Frames).checked_mul(4096).unwrap();
    let kernel = usage.get(Resource::KernelMemory);
    let reserved = usage.get(Resource::Commit).checked_mul(4096).unwrap();
    for (file, text) in [
        ("pids.max", "2\n".to_owned()),
        ("pids.current", "2\n".to_owned()),
        ("pids.peak", "2\n".to_owned()),
        ("pids.events", "max 0\n".to_owned()),
        ("memory.max", "1048576\n".to_owned()),
        ("memory.current", format!("{bytes}\n")),
        ("memory.peak", format!("{bytes}\n")),
        ("memory.events", "low 0\nhigh 0\nmax 1\noom 1\n".to_owned()),
        (
            "memory.stat",
            format!(
                "anon {bytes}\nkernel {kernel}\nreserved {reserved}\nmachine_promised 1228800\nmachine_most 4096000\novercommit 150\n"
            ),
        ),
        ("cgroup.procs", format!("{one}\n{two}\n")),
        ("cgroup.events", "populated 1\nfrozen 0\n".to_owned()),
        (
            "cgroup.stat",
            "nr_descendants 1\nnr_dying_descendants 0\n".to_owned(),
        ),
        ("in/pids.max", "max\n".to_owned()),
        ("in/memory.max", "max\n".to_owned()),
        ("in/cgroup.procs", String::new()),
        ("in/cgroup.events", "populated 0\nfrozen 0\n".to_owned()),
    ] {
        assert_eq!(
            world.read(me, &format!("/cgroup/pen/{file}")).unwrap(),
            text,
            "{file}"
        );
    }
}

#[test]
fn a_limit_in_bytes_is_one_in_whole_pages() {
    let (mut world, me) = world();
    for (written, read) in [
        ("8191", "4096"),
        ("0", "0"),
        ("2G", "2147483648"),
        ("18446744073709551615", "18446744073709547520"),
        ("max", "max"),
    ] {
        world
            .write(me, "/cgroup/pen/memory.max", &format!("{written}\n"))
            .unwrap();
        assert_eq!(
            world.read(me, "/cgroup/pen/memory.max").unwrap(),
            format!("{read}\n")
        );
    }
}

#[test]
fn bad_text_changes_nothing() {
    let (mut world, me) = world();
    let pen = id_of(&mut world, me, "pen");
    world.birth("one", Some(me), Some(pen));
    let before = world.limits.ledger().snapshot();
    let files = ["pids.max", "memory.max", "cgroup.procs", "cgroup.kill"];
    let texts = [
        "",
        "\n",
        "1",
        " 1\n",
        "1 \n",
        "+1\n",
        "-1\n",
        "1\n1\n",
        "1\0\n",
        "01\n",
        "1 1\n",
        "one\n",
        "\t1\n",
        "1.0\n",
        "18446744073709551616\n",
        "1e3\n",
        "Max\n",
        "1\n\n",
        "1\r\n",
        "٣\n",
    ];
    for file in files {
        for text in texts {
            let error = world
                .write(me, &format!("/cgroup/pen/{file}"), text)
                .unwrap_err();
            assert!(
                matches!(error, Error::BadText(_)),
                "{file} {text:?} {error}"
            );
            assert_eq!(world.limits.ledger().snapshot(), before, "{file} {text:?}");
        }
    }
    for (file, text, message) in [
        ("cgroup.kill", "0\n", "line 1: '0' is not 1"),
        (
            "cgroup.procs",
            "max\n",
            "line 1: 'max' is not the id of a task",
        ),
        (
            "pids.max",
            "1\n2\n",
            "line 2: one line is all that is taken",
        ),
        (
            "memory.max",
            "1KB\n",
            "line 1: '1KB' is not a whole number of bytes below 2^64 (K, M, G or T may follow) or max",
        ),
    ] {
        let error = world
            .write(me, &format!("/cgroup/pen/{file}"), text)
            .unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_guarantee_is_read_and_written_in_bytes() {
    let (mut world, me) = world();
    let path = "/cgroup/pen/memory.min";
    assert_eq!(world.read(me, path).unwrap(), "0\n");
    world.write(me, path, "40960\n").unwrap();
    assert_eq!(world.read(me, path).unwrap(), "40960\n");
    let pen = id_of(&mut world, me, "pen");
    let usage = world.limits.ledger().account(pen).unwrap().usage;
    assert_eq!(usage.get(Resource::Commit), 10);
    let full = Err(Error::Refused(Refusal::Full));
    assert_eq!(world.write(me, path, "max\n"), full);
    world.write(me, path, "0\n").unwrap();
    assert_eq!(world.read(me, path).unwrap(), "0\n");
}

#[test]
fn a_group_is_frozen_and_thawed_by_a_file() {
    let (mut world, me) = world();
    let pen = id_of(&mut world, me, "pen");
    world.trees(me).make_directory("/cgroup/pen/in").unwrap();
    world.birth("one", Some(me), Some(pen));
    let file = "/cgroup/pen/cgroup.freeze";
    let events = |world: &mut World, group: &str| {
        let path = format!("/cgroup/{group}/cgroup.events");
        world.read(me, &path).unwrap()
    };
    assert_eq!(world.read(me, file).unwrap(), "0\n");
    // A file has no count: what is written twice is the same as once.
    for _ in 0..2 {
        world.write(me, file, "1\n").unwrap();
        assert_eq!(world.read(me, file).unwrap(), "1\n");
        assert_eq!(events(&mut world, "pen"), "populated 1\nfrozen 1\n");
    }
    // What is below is frozen too, and not by itself.
    assert_eq!(events(&mut world, "pen/in"), "populated 0\nfrozen 1\n");
    assert_eq!(
        world.read(me, "/cgroup/pen/in/cgroup.freeze").unwrap(),
        "0\n"
    );
    for text in ["2\n", "", "1", "-1\n", "01\n", "frozen\n", "1 1\n"] {
        let error = world.write(me, file, text).unwrap_err();
        assert!(matches!(error, Error::BadText(_)), "{text:?} {error}");
    }
    assert_eq!(world.read(me, file).unwrap(), "1\n");
    for _ in 0..2 {
        world.write(me, file, "0\n").unwrap();
        assert_eq!(world.read(me, file).unwrap(), "0\n");
        assert_eq!(events(&mut world, "pen/in"), "populated 0\nfrozen 0\n");
    }
    let error = world.write(me, "/cgroup/cgroup.freeze", "1\n").unwrap_err();
    assert_eq!(error, Error::Refused(Refusal::NotYours));
}

#[test]
fn another_task_is_moved_by_its_id_all_or_nothing() {
    let (mut world, me) = world();
    world.trees(me).make_directory("/cgroup/other").unwrap();
    let pen = id_of(&mut world, me, "pen");
    let other = id_of(&mut world, me, "other");
    let (one, two) = (
        world.birth("one", Some(me), Some(pen)),
        world.birth("two", Some(me), Some(pen)),
    );
    world.write(me, "/cgroup/other/pids.max", "1\n").unwrap();
    let procs = "/cgroup/other/cgroup.procs";
    world.write(me, procs, &format!("{one}\n")).unwrap();
    assert_eq!(world.group_of(one), other);
    let error = world.write(me, procs, &format!("{two}\n")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("refused: group {other} asked for 1 tasks with 1 of 1 used")
    );
    assert_eq!(world.group_of(two), pen);
    assert_eq!(
        world.write(me, procs, "77\n"),
        Err(Error::NoSuchPath),
        "no such task"
    );
    // A member moves nobody, not even down.
    world.trees(two).make_directory("/cgroup/in").unwrap();
    let moved = world.write(two, "/cgroup/in/cgroup.procs", &format!("{one}\n"));
    assert!(moved.is_err());
    assert_eq!(world.group_of(one), other);
}

#[test]
fn files_are_read_or_written_as_in_cgroup_v2() {
    let (mut world, me) = world();
    let out = &mut String::new();
    assert_eq!(
        world.trees(me).read("/cgroup/pen/cgroup.kill", out),
        Err(Error::NotReadable)
    );
    for file in [
        "pids.current",
        "pids.peak",
        "memory.stat",
        "cgroup.events",
        "cgroup.stat",
        "memory.events",
    ] {
        assert_eq!(
            world.write(me, &format!("/cgroup/pen/{file}"), "1\n"),
            Err(Error::NotWritable)
        );
    }
    assert_eq!(
        world.trees(me).read("/cgroup/pen", out),
        Err(Error::IsADirectory)
    );
    assert_eq!(
        world.trees(me).read("/cgroup/pen/pids.max/x", out),
        Err(Error::NotADirectory)
    );
    assert_eq!(
        world.list(me, "/cgroup/pen/pids.max"),
        Err(Error::NotADirectory)
    );
    assert_eq!(world.list(me, "/cgroup/nothing"), Err(Error::NoSuchPath));
    assert_eq!(
        world.trees(me).read("/cgroup/pen/pids.nothing", out),
        Err(Error::NoSuchPath)
    );
}

#[test]
fn a_task_moves_itself_by_writing_its_id() {
    let (mut world, me) = world();
    let pen = id_of(&mut world, me, "pen");
    world.write(me, "/cgroup/pen/pids.max", "0\n").unwrap();
    let error = world
        .write(me, "/cgroup/pen/cgroup.procs", &format!("{me}\n"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("refused: group {pen} asked for 1 tasks with 0 of 0 used")
    );
    world.write(me, "/cgroup/pen/pids.max", "1\n").unwrap();
    world
        .write(me, "/cgroup/pen/cgroup.procs", &format!("{me}\n"))
        .unwrap();
    assert_eq!(world.group_of(me), pen);
    // The tree begins where the caller is now; a directory's maker keeps no right on it, so inside it is a member.
    assert_eq!(
        world.read(me, "/cgroup/cgroup.procs").unwrap(),
        format!("{me}\n")
    );
    let error = world.write(me, "/cgroup/pids.max", "7\n").unwrap_err();
    assert_eq!(error, Error::Refused(Refusal::NotYours));
}

#[test]
fn a_kill_ends_every_task_below() {
    let (mut world, me) = world();
    let pen = id_of(&mut world, me, "pen");
    world.trees(me).make_directory("/cgroup/pen/in").unwrap();
    let inner = id_of(&mut world, me, "in");
    world.birth("one", Some(me), Some(pen));
    world.birth("two", Some(me), Some(inner));
    world.write(me, "/cgroup/pen/cgroup.kill", "1\n").unwrap();
    assert_eq!(
        world.read(me, "/cgroup/pen/cgroup.events").unwrap(),
        "populated 0\nfrozen 0\n"
    );
    assert_eq!(world.read(me, "/cgroup/pen/pids.peak").unwrap(), "2\n");
    let error = world.write(me, "/cgroup/cgroup.kill", "1\n").unwrap_err();
    assert_eq!(error, Error::Refused(Refusal::NotYours));
}

#[test]
fn a_directory_is_made_with_its_name_and_removed_when_it_is_empty() {
    let (mut world, me) = world();
    let before = world.limits.ledger().account(GroupId::ROOT).unwrap().usage;
    world
        .trees(me)
        .make_directory("/cgroup/pen/inner/")
        .unwrap();
    assert_eq!(
        world.trees(me).make_directory("/cgroup/pen/inner"),
        Err(Error::AlreadyThere)
    );
    assert_eq!(
        world.trees(me).make_directory("/cgroup/pen/pids.max"),
        Err(Error::AlreadyThere)
    );
    assert_eq!(
        world.trees(me).make_directory("/cgroup"),
        Err(Error::AlreadyThere)
    );
    assert_eq!(
        world.trees(me).make_directory("/cgroup/no/inner"),
        Err(Error::NoSuchPath)
    );
    assert_eq!(
        world.trees(me).make_directory("/cgroup/pen/pids.max/x"),
        Err(Error::NotADirectory)
    );
    let long = format!("/cgroup/{}", "x".repeat(64));
    for bad in [
        "/cgroup/7",
        "/cgroup/7.1",
        "/cgroup/1..2",
        "/cgroup/a b",
        "/cgroup/a\tb",
        &long,
    ] {
        let error = world.trees(me).make_directory(bad).unwrap_err();
        assert!(
            matches!(error, Error::BadName | Error::NoSuchPath),
            "{bad} {error}"
        );
    }
    let error = world.trees(me).remove_directory("/cgroup/pen").unwrap_err();
    assert!(
        matches!(error, Error::NotEmpty(held) if held.get(Resource::Groups) == 1),
        "{error}"
    );
    assert!(
        error.to_string().starts_with("not empty: holds 1 groups, "),
        "{error}"
    );
    world
        .trees(me)
        .remove_directory("/cgroup/pen/inner")
        .unwrap();
    assert_eq!(
        world.limits.ledger().account(GroupId::ROOT).unwrap().usage,
        before
    );

    let pen = id_of(&mut world, me, "pen");
    let task = world.birth("member", Some(me), Some(pen));
    assert!(matches!(
        world.trees(me).remove_directory("/cgroup/pen"),
        Err(Error::NotEmpty(_))
    ));
    assert_eq!(
        world.trees(me).remove_directory("/cgroup/pen/pids.max"),
        Err(Error::NotADirectory)
    );
    assert_eq!(
        world.trees(me).remove_directory("/cgroup"),
        Err(Error::FixedDirectory)
    );
    assert_eq!(world.trees(task).make_directory("/cgroup/own"), Ok(()));
    assert_eq!(
        world.trees(me).remove_directory("/cgroup/pen/own"),
        Ok(()),
        "whoever made it"
    );
}

#[test]
fn a_directory_outlives_its_maker_until_it_is_removed() {
    let (mut world, me) = world();
    let pen = id_of(&mut world, me, "pen");
    let maker = world.birth("maker", Some(me), Some(pen));
    assert_eq!(world.trees(maker).make_directory("/cgroup/kept"), Ok(()));
    world
        .limits
        .end_task(Caller::server(ServerName::Proc), end_of(maker))
        .unwrap();
    assert_eq!(directories(&mut world, me, "/cgroup/pen"), ["kept"]);
    // What was in it and left does not take it along either.
    let kept = id_of(&mut world, me, "kept");
    let guest = world.birth("guest", Some(me), Some(kept));
    world
        .limits
        .end_task(Caller::server(ServerName::Proc), end_of(guest))
        .unwrap();
    assert_eq!(directories(&mut world, me, "/cgroup/pen"), ["kept"]);
    assert_eq!(world.trees(me).remove_directory("/cgroup/pen/kept"), Ok(()));
    assert_eq!(directories(&mut world, me, "/cgroup/pen"), [""; 0]);
    assert_eq!(
        world.trees(me).remove_directory("/cgroup/pen/kept"),
        Err(Error::NoSuchPath)
    );
}

#[test]
fn nobody_inside_removes_what_is_above() {
    let (mut world, me) = world();
    let pen = id_of(&mut world, me, "pen");
    let member = world.birth("member", Some(me), Some(pen));
    world.trees(me).make_directory("/cgroup/other").unwrap();
    let before = world.limits.ledger().snapshot();
    for path in ["/cgroup", "/cgroup/pen", "/cgroup/other"] {
        world.trees(member).remove_directory(path).unwrap_err();
    }
    assert_eq!(world.limits.ledger().snapshot(), before);
}

fn end_of(task: TaskId) -> EndTask {
    EndTask {
        task,
        ending: Ending::NeverRan,
    }
}

#[test]
fn a_directory_that_cannot_be_labelled_is_not_made() {
    let mut world = World::with(Room {
        labels: 0,
        ..Room::default()
    });
    let me = world.birth("console", None, None);
    let error = world.trees(me).make_directory("/cgroup/pen").unwrap_err();
    assert_eq!(error, Error::Refused(Refusal::Full));
    assert_eq!(world.list(me, "/limit/groups").unwrap(), ["1/"]);
}

/// Opens a group in the root by typed calls, with any label at all.
fn open(world: &mut World, me: TaskId, label: &str) -> GroupId {
    let mut servers = world.client(me);
    let group = call(&mut servers.limits(), &OpenGroup { parent: None }).unwrap();
    call(
        &mut servers.limits(),
        &SetLabel {
            group,
            label: LabelText::cut(label),
        },
    )
    .unwrap();
    group
}

fn directories(world: &mut World, me: TaskId, path: &str) -> Vec<String> {
    let names = world.list(me, path).unwrap();
    names
        .into_iter()
        .filter_map(|name| name.strip_suffix('/').map(str::to_owned))
        .collect()
}

#[test]
fn a_group_goes_by_its_label_if_that_is_a_good_name_and_its_own() {
    let (mut world, me) = world();
    let twins = [open(&mut world, me, "twin"), open(&mut world, me, "twin")];
    let odd: Vec<GroupId> = ["", "7", "3.1", "pids.max", "a/b", "a b", ".."]
        .map(|label| open(&mut world, me, label))
        .into();
    open(&mut world, me, "7up");
    let ids = [&twins[1..], &odd]
        .concat()
        .into_iter()
        .map(|group| group.to_string());
    let names: Vec<String> = ["pen".to_owned(), "twin".to_owned()]
        .into_iter()
        .chain(ids)
        .chain(["7up".to_owned()])
        .collect();
    assert_eq!(directories(&mut world, me, "/cgroup"), names);
    for name in names {
        assert!(world.list(me, &format!("/cgroup/{name}")).is_ok(), "{name}");
    }
    // Of two with the same label, it is the one that has had it longer.
    let parent = Some(twins[0]);
    let inner = call(&mut world.client(me).limits(), &OpenGroup { parent }).unwrap();
    assert_eq!(
        directories(&mut world, me, "/cgroup/twin"),
        [inner.to_string()]
    );
    assert_eq!(
        world.trees(me).make_directory("/cgroup/twin"),
        Err(Error::AlreadyThere)
    );
    // An id always names a group, but only in its own place.
    let pen = id_of(&mut world, me, "pen");
    assert!(world.list(me, &format!("/cgroup/{pen}")).is_ok());
    assert_eq!(
        world.list(
            me,
            &format!(
                "/cgroup/pen/{}",
                twins.map(|twin| twin.to_string()).concat()
            )
        ),
        Err(Error::NoSuchPath)
    );
    assert_eq!(
        world.list(me, &format!("/cgroup/pen/{pen}")),
        Err(Error::NoSuchPath)
    );
    assert_eq!(world.list(me, "/cgroup/1"), Err(Error::NoSuchPath));
}

#[test]
fn many_siblings_are_told_apart() {
    let mut world = World::with(Room {
        groups: 700,
        labels: 700,
        ..Room::default()
    });
    let me = world.birth("console", None, None);
    // The first and the last of 600 share a label: it is the first one's.
    let expected: Vec<String> = (0..600)
        .map(|number| match number {
            0 => {
                open(&mut world, me, "same");
                "same".to_owned()
            }
            599 => open(&mut world, me, "same").to_string(),
            _ => {
                open(&mut world, me, &format!("n{number}"));
                format!("n{number}")
            }
        })
        .collect();
    assert_eq!(directories(&mut world, me, "/cgroup"), expected);
}
