//! Tables: the groups as a tree, the tasks, the audit, the pool.

use core::fmt::Write as _;

use client::interfaces::limits::Account;
use client::interfaces::{GroupId, Resource, TaskId};
use client::{limits, process, truth};
use console_core::bar::Bar;

use crate::failure::{Done, Failure};
use crate::groups;
use crate::screen::Screen;

/// How deep the tree is drawn; what is deeper stands at this depth.
const DEPTH: usize = 8;
/// The columns for a group's name.
const NAME: usize = 22;

/// A line per group, below its parent.
pub fn groups(screen: &mut Screen) -> Done {
    some_groups(screen, usize::MAX, "").map(|_| ())
}

/// As many groups as there is room for, each line with this end; how many were left out.
pub fn some_groups(screen: &mut Screen, room: usize, end: &str) -> Result<usize, Failure> {
    writeln!(
        screen,
        "{:<NAME$}{:>6}{:>7} {:12}{:>8}{:>9}{end}",
        "group", "tasks", "limit", "", "frames", "limit"
    )?;
    let (mut shown, mut left_out) = (0_usize, 0_usize);
    // The groups above the one at hand: a walk comes to a parent before its children.
    let mut above = heapless::Vec::<GroupId, DEPTH>::new();
    for group in groups::every() {
        // What has vanished since is no part of the picture.
        let Ok(account) = limits::read_account(Some(group?)) else {
            continue;
        };
        while above
            .last()
            .is_some_and(|&last| account.parent != Some(last))
        {
            above.pop();
        }
        if shown < room {
            row(screen, above.len(), &account, end)?;
            shown = shown.saturating_add(1);
        } else {
            left_out = left_out.saturating_add(1);
        }
        // Too deep: the line stands where the last one stood.
        let _ = above.push(account.group);
    }
    Ok(left_out)
}

fn row(screen: &mut Screen, depth: usize, account: &Account, end: &str) -> Done {
    let mut name = heapless::String::<NAME>::new();
    for _ in 0..depth {
        // Eight times two fit.
        let _ = name.push_str("  ");
    }
    let mut label = heapless::String::<80>::new();
    if account.group == GroupId::ROOT {
        let _ = label.push_str("root");
    } else if account.label.is_empty() {
        let _ = write!(label, "{}", account.group);
    } else {
        let _ = write!(label, "{} {}", account.label, account.group);
    }
    for character in label.chars() {
        // What is too long is cut, with one column left free.
        if name.len() < NAME - 1 {
            let _ = name.push(character);
        }
    }
    let tasks = bar(account, Resource::Tasks);
    let frames = bar(account, Resource::Frames);
    writeln!(
        screen,
        "{name:<NAME$}{:>6}{:>7} {tasks}{:>8}{:>9} {frames}{end}",
        tasks.used, tasks.limit, frames.used, frames.limit
    )?;
    Ok(())
}

fn bar(account: &Account, kind: Resource) -> Bar {
    Bar {
        used: account.usage.get(kind),
        limit: groups::limit(account, kind),
    }
}

/// A line per task.
pub fn tasks(screen: &mut Screen) -> Done {
    writeln!(
        screen,
        "{:>8} {:>8} {:>8} {:>7} {:>8}  program",
        "task", "parent", "group", "threads", "children"
    )?;
    for group in groups::every() {
        let group = group?;
        let mut after: Option<TaskId> = None;
        // A list that changed under way ends here; the next `ps` shows it.
        while let Ok(page) = limits::list_tasks(Some(group), after) {
            for &task in &page.items {
                task_row(screen, group, task)?;
            }
            after = page.items.last().copied();
            if !page.more || after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

fn task_row(screen: &mut Screen, group: GroupId, task: TaskId) -> Done {
    let mut ids = [(); 3].map(|()| heapless::String::<24>::new());
    let [own, parent, of] = &mut ids;
    // The longest id has 21 bytes.
    let _ = write!(own, "{task}");
    let _ = write!(of, "{group}");
    let me = limits::who_am_i().is_ok_and(|me| me.task == task);
    let Ok(account) = process::read_task((!me).then_some(task)) else {
        // Gone since, or in this console's own group and none of its children.
        writeln!(screen, "{own:>8} {:>8} {of:>8}", "")?;
        return Ok(());
    };
    if let Some(task) = account.parent {
        let _ = write!(parent, "{task}");
    }
    writeln!(
        screen,
        "{own:>8} {parent:>8} {of:>8} {:>7} {:>8}  {}",
        account.threads, account.children, account.program
    )?;
    Ok(())
}

/// What the ledger says of each group must be what the servers have on record for it, and what the kernel bears out.
pub fn audit(screen: &mut Screen) -> Done {
    let (mut agreed, mut differed, mut checked) = (0_u32, 0_u32, 0_u64);
    for group in groups::every() {
        let group = group?;
        let Ok(result) = truth::audit(group) else {
            continue; // Gone since.
        };
        checked = checked.saturating_add(result.checked);
        if result.is_equal() {
            agreed = agreed.saturating_add(1);
        } else {
            differed = differed.saturating_add(1);
            writeln!(screen, "group {group}: {result}")?;
        }
    }
    let all = truth::inspect()?;
    if let Some(wrong) = all.wrong {
        writeln!(screen, "{wrong}")?;
        differed = differed.saturating_add(1);
    }
    writeln!(
        screen,
        "ledger and kernel agree in {agreed} groups, {checked} capabilities asked for, {} of all servers",
        all.checked
    )?;
    if differed == 0 {
        Ok(())
    } else {
        Err(Failure::of(format_args!(
            "they differ in {differed} groups"
        )))
    }
}

/// What is left of the machine's memory.
pub fn pool(screen: &mut Screen) -> Done {
    let pool = process::pool()?;
    writeln!(
        screen,
        "{} of {} pages free, the largest block has 2^{} bytes",
        pool.free, pool.pages, pool.largest
    )?;
    writeln!(
        screen,
        "{} slots for shared pages free, {} regions, {} page faults served",
        pool.free_slots, pool.regions, pool.faults
    )?;
    Ok(())
}
