//! Watching a group: a ring of events, a notification that says when there is something new, a snapshot to begin with.
//!
//! ```ignore
//! let mut watcher = Watcher::open(4)?;
//! watcher.watch(Some(group), Kinds::ALL)?;
//! let at = watcher.snapshot(|item| println!("{item:?}"))?;
//! loop {
//!     match watcher.wait_next() {
//!         Next::Record(record) => println!("{:?}", record.event),
//!         Next::Lost(count) => println!("too slow: {count} events lost"), // watch again for a new snapshot
//!         Next::Empty => {}
//!     }
//! }
//! ```
//!
//! Nobody waits for a watcher: one that does not read loses the oldest events, and is told exactly how many.

use core::sync::atomic::AtomicU64;

use interfaces::events::{
    Item, Kinds, PAGE_PLACES, ReadSnapshot, Reader, RingId, SnapshotRefusal, Unwatch, WORDS, Watch,
    WatchRefusal, Watching,
};
use interfaces::process::{CloseRing, ExtendRing, OpenRing, OpenedRing};
use interfaces::provision::{Progress, RingRefusal};
use interfaces::{CallError, GroupId};

use crate::server::{Server, call};

pub use interfaces::events::{Event, Kind, Next, Record};

/// Words of a page.
const PAGE_WORDS: usize = PAGE_PLACES * WORDS;

/// A ring of one's own. Closed when it is dropped.
#[derive(Debug)]
pub struct Watcher {
    ring: RingId,
    notification: sel4::cap::Notification,
    reader: Reader<'static>,
}

impl Watcher {
    /// Opens a ring of so many pages, with room for 64 events each but for one.
    pub fn open(pages: u8) -> Result<Self, CallError<RingRefusal>> {
        let OpenedRing {
            ring,
            address,
            slot,
            mut progress,
        } = call(Server::Process, &OpenRing { pages })?;
        while progress == Progress::More {
            progress = call(Server::Process, &ExtendRing { ring }).inspect_err(|_| close(ring))?;
        }
        let words = usize::from(pages).saturating_mul(PAGE_WORDS);
        // SAFETY: the memory-server has mapped so many pages there, to be read, until the ring is closed, which is when
        // this value is dropped; the slice goes nowhere else. Whoever writes there does so word by word.
        let words = unsafe { core::slice::from_raw_parts(address as *const AtomicU64, words) };
        Ok(Self {
            ring,
            notification: sel4::cap::Notification::from_bits(u64::from(slot)),
            reader: Reader::new(words, 0),
        })
    }

    /// The ring's name.
    #[must_use]
    pub const fn ring(&self) -> RingId {
        self.ring
    }

    /// Watches a group and all below it from now on, the caller's own if none is named, in place of what it watched
    /// before. What is still unread of that is skipped.
    pub fn watch(
        &mut self,
        group: Option<GroupId>,
        kinds: Kinds,
    ) -> Result<Watching, CallError<WatchRefusal>> {
        let watching = call(
            Server::Limits,
            &Watch {
                ring: self.ring,
                group,
                kinds,
            },
        )?;
        self.reader.skip_to(watching.since);
        Ok(watching)
    }

    /// Watches nothing any more; what is there can still be read.
    pub fn unwatch(&mut self) -> Result<(), CallError<WatchRefusal>> {
        call(Server::Limits, &Unwatch { ring: self.ring })
    }

    /// Lists what is in the watched group, while things go on happening; gives the number of the event at which that,
    /// together with the events since the watch began, is exactly what is there.
    pub fn snapshot(
        &mut self,
        mut each: impl FnMut(Item),
    ) -> Result<u64, CallError<SnapshotRefusal>> {
        loop {
            let page = call(Server::Limits, &ReadSnapshot { ring: self.ring })?;
            for &item in &page.items {
                each(item);
            }
            if !page.more {
                return Ok(page.sequence);
            }
        }
    }

    /// The next event, if there is one.
    pub fn next_event(&mut self) -> Next {
        self.reader.next_record()
    }

    /// The next event; waits until there is one.
    pub fn wait_next(&mut self) -> Next {
        loop {
            match self.next_event() {
                // What was signalled may have been read already: look again.
                Next::Empty => {
                    let _ = self.notification.wait();
                }
                next => return next,
            }
        }
    }

    /// Waits until something has happened since it was last waited for. It may have been read already.
    pub fn wait(&self) {
        let _ = self.notification.wait();
    }

    /// Whether something has happened since it was last asked. Never waits.
    #[must_use]
    pub fn poll(&self) -> bool {
        self.notification.poll() != 0
    }

    /// What has been read, and how much was lost.
    #[must_use]
    pub const fn reader(&self) -> &Reader<'static> {
        &self.reader
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        close(self.ring);
    }
}

/// Closes a ring. It goes with the task at the latest.
fn close(ring: RingId) {
    while call(Server::Process, &CloseRing { ring }) == Ok(Progress::More) {}
}
