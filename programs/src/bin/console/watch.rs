//! `watch`, `news`, `unwatch`: what happens in a group, as the ring tells it.

use core::fmt::Write as _;

use client::events::{Next, Watcher};
use client::interfaces::events::Kinds;
use client::time;
use console_core::news::{News, There};

use crate::failure::{Done, Failure};
use crate::keyboard::Keyboard;
use crate::screen::Screen;
use crate::{groups, live};

/// The pages of the console's ring: room for some 250 events between two looks.
const PAGES: u8 = 4;

/// What is watched.
#[derive(Debug, Default)]
pub struct Watch(Option<Watcher>);

impl Watch {
    /// Watches a group, in place of another: prints what is there, and for a person what happens until a key.
    pub fn begin(
        &mut self,
        screen: &mut Screen,
        keyboard: Option<&mut Keyboard>,
        word: &str,
    ) -> Done {
        let group = groups::find(word)?;
        let watcher = match &mut self.0 {
            Some(watcher) => watcher,
            nothing => nothing.insert(Watcher::open(PAGES)?),
        };
        watcher
            .watch(Some(group), Kinds::ALL)
            .map_err(|error| Failure::at(word, error))?;
        let mut printed = Ok(());
        watcher.snapshot(|item| {
            if printed.is_ok() {
                printed = writeln!(screen, "{}", There(item));
            }
        })?;
        printed?;
        let Some(keyboard) = keyboard else {
            return Ok(());
        };
        screen.say(format_args!(
            "any key ends this; `news` shows what comes later"
        ));
        while keyboard.pressed().is_none() {
            self.news(screen)?;
            screen.flush();
            time::sleep(live::LOOK)?;
        }
        Ok(())
    }

    /// Prints what has happened since it was last asked.
    pub fn news(&mut self, screen: &mut Screen) -> Done {
        let watcher = self
            .0
            .as_mut()
            .ok_or_else(|| Failure::of("nothing is watched: see watch"))?;
        loop {
            match watcher.next_event() {
                Next::Record(record) => {
                    writeln!(screen, "{} {}", record.sequence, News(record.event))?;
                }
                Next::Lost(count) => writeln!(screen, "{count} events were lost: too slow")?,
                Next::Empty => return Ok(()),
            }
        }
    }

    /// Watches nothing any more, and gives the ring back.
    pub fn end(&mut self) -> Done {
        match self.0.take() {
            Some(_) => Ok(()),
            None => Err(Failure::of("nothing is watched")),
        }
    }
}
