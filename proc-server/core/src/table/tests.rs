//! What the table promises, claim by claim.

use interfaces::process::{ExitReason, FewArguments};
use interfaces::provision::ProgramId;

use super::*;
use crate::task::Said;

const EXIT: ExitReason = ExitReason::Exited { code: 0 };

fn table(tasks: usize, threads: usize) -> TaskTable<'static> {
    TaskTable::new(
        Box::leak(vec![Task::vacant(); tasks].into_boxed_slice()),
        Box::leak(vec![Thread::VACANT; threads].into_boxed_slice()),
    )
}

fn order(parent: Option<TaskId>) -> Order<'static> {
    Order {
        parent,
        program: ProgramId(0),
        group: None,
        operator: false,
        arguments: Said::Few(FewArguments::NONE),
    }
}

fn start(table: &mut TaskTable<'_>, parent: Option<TaskId>) -> TaskId {
    let task = table.reserve(&order(parent)).unwrap().task;
    table.started(task).unwrap();
    assert_eq!(table.check(), Ok(()));
    task
}

fn end(table: &mut TaskTable<'_>, task: TaskId) -> Gone {
    table.end(task, Some(EXIT)).unwrap();
    assert_eq!(table.check(), Ok(()));
    let gone = table.remove(task).unwrap();
    assert_eq!(table.check(), Ok(()));
    gone
}

#[test]
fn a_place_whose_generations_are_used_up_is_never_given_again() {
    let mut table = table(1, 4);
    table.age(0, 1);
    let before = start(&mut table, None);
    end(&mut table, before);
    let last = start(&mut table, None);
    assert_eq!(last.generation, u32::MAX);
    end(&mut table, last);
    assert_eq!(table.reserve(&order(None)), Err(Full));
    assert_eq!(table.get(last).map(Task::life), None);
    assert_eq!((table.tasks_taken(), table.threads_taken()), (0, 0));
}

#[test]
fn a_badge_of_an_earlier_tenant_names_nobody() {
    let mut table = table(1, 1);
    let first = start(&mut table, None);
    assert_eq!(table.running(first.tag()), Some(first));
    end(&mut table, first);
    assert_eq!(table.running(first.tag()), None);
    let next = start(&mut table, None);
    assert_eq!(next.index, first.index);
    assert_eq!(table.running(first.tag()), None);
    assert_eq!(table.running(next.tag()), Some(next));
}

#[test]
fn nobody_is_served_before_it_runs_or_once_it_ends() {
    let mut table = table(2, 2);
    let task = table.reserve(&order(None)).unwrap().task;
    assert_eq!(table.running(task.tag()), None);
    table.started(task).unwrap();
    assert_eq!(table.running(task.tag()), Some(task));
    table.end(task, Some(EXIT)).unwrap();
    assert_eq!(table.running(task.tag()), None);
    assert_eq!(table.first_ending(), Some(task));
}

#[test]
fn a_task_that_never_ran_is_nobodys_child_and_nobody_is_told() {
    let mut table = table(4, 4);
    let parent = start(&mut table, None);
    let task = table.reserve(&order(Some(parent))).unwrap().task;
    assert_eq!(
        table.children(parent, None),
        Some((heapless::Vec::new(), false))
    );
    table.end(task, None).unwrap();
    assert_eq!(table.remove(task).unwrap().ended, None);
    assert_eq!(table.check(), Ok(()));
}

#[test]
fn descent_ends_where_somebody_in_between_is_gone() {
    let mut table = table(8, 8);
    let top = start(&mut table, None);
    let middle = start(&mut table, Some(top));
    let bottom = start(&mut table, Some(middle));
    assert!(table.is_descendant(bottom, top) && table.is_descendant(bottom, middle));
    assert!(!table.is_descendant(top, bottom) && !table.is_descendant(top, top));
    assert_eq!(end(&mut table, middle).parent, Some(top));
    assert!(!table.is_descendant(bottom, top));
    assert_eq!(table.parent(bottom), None);
    assert_eq!(end(&mut table, bottom).parent, None);
}

#[test]
fn a_parent_that_ends_is_told_nothing_more() {
    let mut table = table(4, 4);
    let parent = start(&mut table, None);
    let child = start(&mut table, Some(parent));
    table.end(parent, Some(EXIT)).unwrap();
    assert_eq!(end(&mut table, child).parent, None);
}

#[test]
fn a_full_table_changes_nothing() {
    let mut table = table(2, 1);
    let task = start(&mut table, None);
    assert_eq!(table.reserve(&order(None)), Err(Full));
    assert_eq!(table.reserve_thread(task), Err(Full));
    assert_eq!(table.check(), Ok(()));
    assert_eq!(table.remove_thread(task, 0), Err(NotNow));
    assert_eq!(table.remove(task), Err(NotNow));
}
