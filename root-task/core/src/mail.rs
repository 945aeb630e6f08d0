//! Orders for tasks and their answers: how an operator talks to a program that listens.
//!
//! Nobody waits here: who leaves an order asks for its answer later, who listens asks for orders now and then.
//!
//! # Invariants
//!
//! * A task has at most one order that is not answered and collected; at most [`BOXES`] tasks have one.
//! * Each order is taken once, by the task that it was left for, and answered at most once.
//! * What a task says without having taken an order is dropped.

use interfaces::Text;
use interfaces::console::{ANSWER_BYTES, ORDER_BYTES, PostRefusal};
use interfaces::identity::TaskTag;

/// How many tasks can have an order at once.
pub const BOXES: usize = 16;

/// What a task said to an order.
pub type Answer = Result<Text<ANSWER_BYTES>, Text<ANSWER_BYTES>>;

#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a box is as large as what it may hold; there is no heap"
)]
enum State {
    Left(Text<ORDER_BYTES>),
    Taken,
    Answered(Answer),
}

/// The orders.
#[derive(Debug, Default)]
pub struct Mail(heapless::Vec<(TaskTag, State), BOXES>);

impl Mail {
    /// No order for anybody.
    #[must_use]
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// Leaves an order for a task.
    pub fn post(&mut self, task: TaskTag, order: Text<ORDER_BYTES>) -> Result<(), PostRefusal> {
        if self.place(task).is_some() {
            return Err(PostRefusal::Busy);
        }
        self.0
            .push((task, State::Left(order)))
            .map_err(|_| PostRefusal::Full)
    }

    /// Gives the answer of a task, once; `withdraw` takes an order back that has none.
    pub fn collect(&mut self, task: TaskTag, withdraw: bool) -> Option<Answer> {
        let place = self.place(task)?;
        let (_, state) = self.0.get(place)?;
        if !withdraw && !matches!(state, State::Answered(_)) {
            return None;
        }
        match self.0.swap_remove(place) {
            (_, State::Answered(answer)) => Some(answer),
            _ => None,
        }
    }

    /// Takes a task's answer to the order that it took last, and gives it the next.
    pub fn attend(&mut self, task: TaskTag, answer: Option<Answer>) -> Option<Text<ORDER_BYTES>> {
        let place = self.place(task)?;
        let (_, state) = self.0.get_mut(place)?;
        match (core::mem::replace(state, State::Taken), answer) {
            (State::Left(order), _) => Some(order),
            (State::Taken, Some(answer)) => {
                *state = State::Answered(answer);
                None
            }
            (before, _) => {
                *state = before;
                None
            }
        }
    }

    fn place(&self, task: TaskTag) -> Option<usize> {
        self.0.iter().position(|(of, _)| *of == task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn tag(index: u32) -> TaskTag {
        TaskTag {
            index,
            generation_low: 0,
        }
    }

    fn text<const N: usize>(text: &str) -> Text<N> {
        Text::try_new(text).unwrap()
    }

    #[test]
    fn an_order_is_taken_once_answered_once_and_collected_once() {
        let mut mail = Mail::new();
        assert_eq!(mail.post(tag(1), text("help")), Ok(()));
        assert_eq!(mail.post(tag(1), text("spin")), Err(PostRefusal::Busy));
        assert_eq!(mail.attend(tag(2), None), None);
        assert_eq!(mail.collect(tag(1), false), None);
        assert_eq!(mail.attend(tag(1), None), Some(text("help")));
        assert_eq!(mail.attend(tag(1), None), None);
        assert_eq!(mail.post(tag(1), text("spin")), Err(PostRefusal::Busy));
        assert_eq!(mail.attend(tag(1), Some(Ok(text("yes")))), None);
        assert_eq!(mail.attend(tag(1), Some(Ok(text("again")))), None);
        assert_eq!(mail.collect(tag(1), false), Some(Ok(text("yes"))));
        assert_eq!(mail.collect(tag(1), false), None);
        assert_eq!(mail.post(tag(1), text("spin")), Ok(()));
    }

    #[test]
    fn what_nobody_asked_for_is_dropped() {
        let mut mail = Mail::new();
        assert_eq!(mail.attend(tag(1), Some(Ok(text("hello")))), None);
        mail.post(tag(1), text("help")).unwrap();
        // It speaks before it has taken the order: that is no answer to it.
        assert_eq!(
            mail.attend(tag(1), Some(Ok(text("hello")))),
            Some(text("help"))
        );
        assert_eq!(mail.collect(tag(1), true), None);
        assert_eq!(mail.attend(tag(1), Some(Ok(text("late")))), None);
        assert_eq!(mail.collect(tag(1), false), None);
    }

    #[test]
    fn boxes_are_bounded_and_come_back() {
        let mut mail = Mail::new();
        for task in 0..16 {
            mail.post(tag(task), text("help")).unwrap();
        }
        assert_eq!(mail.post(tag(99), text("help")), Err(PostRefusal::Full));
        assert_eq!(mail.collect(tag(3), true), None);
        assert_eq!(mail.post(tag(99), text("help")), Ok(()));
        assert_eq!(mail.attend(tag(99), None), Some(text("help")));
    }
}
