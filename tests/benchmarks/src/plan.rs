//! The plan: every benchmark by its name, with the unit it is given in and what is done. The host compiles this too.

/// Hands the list to a macro: `name, unit, what` for each.
///
/// Lists are `calls` (one boot of the release system), `ledger` (a boot in which the limits-server serves the
/// operator as it serves the other servers), and `scale` (what is measured again beside many groups and tasks).
macro_rules! every_benchmark {
    ($then:ident) => {
        $then! {
            calls {
                "null", "instructions", "limits.ping: nothing asked, nothing answered";
                "null-low", "instructions", "the same from a lower band";
                "who-am-i", "instructions", "which task and which group the caller is";
                "read-resource", "instructions", "one kind's numbers of a group";
                "read-usage", "instructions", "what a group uses now, of every kind";
                "read-account", "instructions", "everything about a group";
                "would-fit-one-depth-1", "instructions", "ask for room for one kind";
                "would-fit-one-depth-16", "instructions", "the same at depth 16";
                "would-fit-one-depth-64", "instructions", "the same at depth 64";
                "would-fit-six-depth-1", "instructions", "ask for room for six kinds";
                "would-fit-six-depth-16", "instructions", "the same at depth 16";
                "would-fit-six-depth-64", "instructions", "the same at depth 64";
                "open-close", "instructions", "open and close a group";
                "set-limit", "instructions", "change a limit that is set";
                "enter", "instructions", "a task moves itself to a group below";
                "thread", "instructions", "start a thread, it ends itself, join it";
                "spawn-depth-1", "instructions", "spawn, exit and wait; from the archive";
                "spawn-depth-16", "instructions", "the same at depth 16";
                "refused-depth-2", "instructions", "a spawn that the group's own limit refuses";
                "refused-depth-16", "instructions", "the same at depth 16, by the limit at depth 2";
                "touch", "instructions", "first touch of a region's only page";
                "touch-in-order", "instructions", "first touch, per page, of 1,024 in order";
                "fork-64", "instructions", "fork with 64 touched pages, the child exits, wait";
                "fork-64-written", "instructions", "the same, and the parent writes to all 64 pages again";
                "touch-after-fork", "instructions", "first write to a page that a child shares: it is copied";
                "write-after-child", "instructions", "first write to a page that a child shared: it is not";
                "map-unmap", "instructions", "map and unmap a region whose pages nobody touches";
                "kill-per-task", "instructions", "kill a group of 200 tasks, per task";
                "kill-one", "instructions", "kill an idle task and wait for its end";
                "move-task", "instructions", "move an idle task to a group beside its own";
                "freeze-thaw", "instructions", "freeze and thaw a group with one task";
                "sleep", "instructions", "sleep for 1 ns, which is one step of the timer";
                "offer", "instructions", "offer a region to a task, and take the offer back";
                "ring", "instructions", "open and close a ring for events, of one page";
                "open-close-watched", "instructions", "open and close a group, which a ring hears of";
                "memory-per-group", "bytes", "what one more group is charged";
                "memory-per-task", "bytes", "what an idle task is charged, its pages included";
            }
            ledger {
                "charge-one-depth-1", "instructions", "charge frames";
                "charge-one-depth-16", "instructions", "the same at depth 16";
                "charge-one-depth-64", "instructions", "the same at depth 64";
                "release-one-depth-1", "instructions", "release frames";
                "release-one-depth-16", "instructions", "the same at depth 16";
                "release-one-depth-64", "instructions", "the same at depth 64";
                "charge-six-depth-1", "instructions", "charge six kinds";
                "charge-six-depth-16", "instructions", "the same at depth 16";
                "charge-six-depth-64", "instructions", "the same at depth 64";
                "release-six-depth-1", "instructions", "release six kinds";
                "release-six-depth-16", "instructions", "the same at depth 16";
                "release-six-depth-64", "instructions", "the same at depth 64";
            }
        }
    };
}
