//! What the console decides, without a system call.
//!
//! | module | decides |
//! |---|---|
//! | [`keys`] | which key the bytes of a terminal stand for |
//! | [`editor`] | what the line is that is being edited, and how it is shown |
//! | [`command`] | what a line asks for |
//! | [`script`] | what a line of a script asks for beyond that: names, expectations |
//! | [`answer`] | what the last command printed |
//! | [`bar`] | how full something looks |
//! | [`news`] | what a watcher is told, in words |
//! | [`words`] | words, numbers and ids |
//! | [`puppet`] | what a puppet is told, and what it answers |

#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod answer;
pub mod bar;
pub mod command;
pub mod editor;
pub mod keys;
pub mod news;
pub mod puppet;
pub mod script;
pub mod words;
