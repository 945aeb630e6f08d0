//! `/proc`, over the real limits-server and the small proc-server.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::World;
use interfaces::{GroupId, TaskId};
use trees::{Error, Feature};

/// A task in the root, one beside it that is not its own, a child, and a child's child in a group below.
struct Family {
    world: World,
    me: TaskId,
    beside: TaskId,
    child: TaskId,
    grandchild: TaskId,
}

fn family() -> Family {
    let mut world = World::new();
    let me = world.birth("console", None, None);
    let beside = world.birth("other", None, None);
    let child = world.birth("nest", Some(me), None);
    world.trees(me).make_directory("/cgroup/pen").unwrap();
    let pen = GroupId {
        index: 2,
        generation: 0,
    };
    let grandchild = world.birth("worker", Some(child), Some(pen));
    Family {
        world,
        me,
        beside,
        child,
        grandchild,
    }
}

#[test]
fn whoever_may_be_seen_is_listed() {
    let Family {
        mut world,
        me,
        child,
        grandchild,
        beside,
    } = family();
    let names = [
        "curproc/".to_owned(),
        format!("{me}/"),
        format!("{child}/"),
        format!("{grandchild}/"),
    ];
    assert_eq!(world.list(me, "/proc").unwrap(), names);
    assert_eq!(
        world.list(me, "/proc/curproc").unwrap(),
        ["ctl", "file", "limit", "status"]
    );
    assert_eq!(
        world.list(me, &format!("/proc/{child}")).unwrap(),
        ["ctl", "file", "limit", "status"]
    );
    assert_eq!(
        world.list(me, &format!("/proc/{beside}")),
        Err(Error::NoSuchPath)
    );
    assert_eq!(
        world.list(grandchild, "/proc").unwrap(),
        ["curproc/".to_owned(), format!("{grandchild}/")]
    );
}

#[test]
fn a_status_is_a_name_and_a_value_a_line() {
    let Family {
        mut world,
        me,
        child,
        grandchild,
        ..
    } = family();
    let text = format!(
        "task {child}\nprogram nest\nparent {me}\ngroup 1\nborn-in 1\nthreads 1\nchildren 1\nlost-ends 0\n"
    );
    assert_eq!(
        world.read(me, &format!("/proc/{child}/status")).unwrap(),
        text
    );
    assert_eq!(world.read(child, "/proc/curproc/status").unwrap(), text);
    let status = world
        .read(me, &format!("/proc/{grandchild}/status"))
        .unwrap();
    assert!(status.contains("\ngroup 2\nborn-in 2\n"), "{status}");
    assert!(
        world
            .read(me, "/proc/curproc/status")
            .unwrap()
            .contains("\nparent -\n")
    );
}

#[test]
fn a_task_that_went_down_is_found_where_it_is() {
    let Family {
        mut world,
        me,
        child,
        ..
    } = family();
    let opened = world.trees(child).open("/limit/groups/2/clone").unwrap();
    let line = format!("\ngroup {}\nborn-in 1\n", opened.group());
    assert!(
        world
            .read(me, &format!("/proc/{child}/status"))
            .unwrap()
            .contains(&line)
    );
    world
        .write(
            me,
            &format!("/limit/groups/{}/ctl", opened.group()),
            "mproc 9\n",
        )
        .unwrap();
    let limits = world.read(me, &format!("/proc/{child}/limit")).unwrap();
    assert!(
        limits.contains("\ntasks                      1           9           8\n"),
        "{limits}"
    );
}

#[test]
fn the_limits_are_those_that_bind() {
    let Family {
        mut world,
        me,
        grandchild,
        ..
    } = family();
    let _ = world.trees(grandchild).open("/limit/clone").unwrap();
    world
        .write(me, "/limit/groups/2/ctl", "mproc 5\nmlim 1\n")
        .unwrap();
    let text = world
        .read(me, &format!("/proc/{grandchild}/limit"))
        .unwrap();
    assert_eq!(world.read(grandchild, "/proc/curproc/limit").unwrap(), text);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("resource                used       limit        left")
    );
    // No limit of its own: the group above leaves so much.
    assert_eq!(
        lines.next(),
        Some("groups                     0         max           0")
    );
    assert_eq!(
        lines.next(),
        Some("tasks                      1         max           4")
    );
    assert_eq!(
        lines.next(),
        Some("threads                    1         max         max")
    );
    assert_eq!(text.lines().count(), 12);
}

#[test]
fn paths_that_lead_nowhere_say_so() {
    let Family {
        mut world,
        me,
        beside,
        child,
        ..
    } = family();
    let out = &mut String::new();
    for path in [
        "/proc/nobody/status",
        "/proc/99/status",
        "/proc/0.1/limit",
        "/proc/curproc/nothing",
        &format!("/proc/{beside}/status"),
        &format!("/proc/{beside}/limit"),
    ] {
        assert_eq!(
            world.trees(me).read(path, out),
            Err(Error::NoSuchPath),
            "{path}"
        );
    }
    for file in ["mem", "regs", "note", "notepg"] {
        let path = format!("/proc/{child}/{file}");
        assert_eq!(
            world.trees(me).read(&path, out),
            Err(Error::NotServed(Feature::Inspect))
        );
    }
    assert_eq!(
        world.trees(me).read("/proc/curproc/ctl", out),
        Err(Error::NotReadable)
    );
    assert_eq!(
        world.trees(me).read("/proc/curproc", out),
        Err(Error::IsADirectory)
    );
    assert_eq!(
        world.list(me, "/proc/curproc/status"),
        Err(Error::NotADirectory)
    );
    assert_eq!(
        world.write(me, "/proc/curproc/status", "x\n"),
        Err(Error::NotWritable)
    );
    assert_eq!(
        world.trees(me).make_directory("/proc/5"),
        Err(Error::FixedDirectory)
    );
    assert!(out.is_empty());
}

#[test]
fn a_task_is_named_and_killed_by_its_files() {
    let Family {
        mut world,
        me,
        beside,
        child,
        ..
    } = family();
    let mut out = String::new();
    let file = format!("/proc/{child}/file");
    world.trees(me).read(&file, &mut out).unwrap();
    assert_eq!(out, "nest\n");
    let ctl = format!("/proc/{child}/ctl");
    for wrong in ["", "kill", "kill now\n", "Kill\n", "stop\n", "kill\nkill\n"] {
        let refused = world.write(me, &ctl, wrong);
        assert!(matches!(refused, Err(Error::BadText(_))), "{wrong:?}");
    }
    let others = format!("/proc/{beside}/ctl");
    assert_eq!(world.write(me, &others, "kill\n"), Err(Error::NoSuchPath));
    assert_eq!(world.write(me, &file, "kill\n"), Err(Error::NotWritable));
    world.write(me, &ctl, "kill\n").unwrap();
    assert_eq!(world.write(me, &ctl, "kill\n"), Err(Error::NoSuchPath));
}
