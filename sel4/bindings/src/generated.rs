//! What the build script generated; see `generator/`.

#![allow(
    dead_code,
    clippy::doc_markdown,
    clippy::too_many_arguments,
    clippy::fn_params_excessive_bools,
    clippy::similar_names,
    clippy::many_single_char_names,
    clippy::unreadable_literal,
    clippy::identity_op,
    clippy::indexing_slicing,
    clippy::inline_always,
    reason = "generated: it says all that the kernel's files say, in one form; its indices are constants within bounds"
)]

use crate::{Error, MessageInfo, ipc_buffer, system};

include!(concat!(env!("OUT_DIR"), "/generated.rs"));

/// Word `index` of an answer; 0 beyond its length.
#[inline]
fn received(answer: MessageInfo, words: [u64; 4], index: usize) -> u64 {
    if index >= answer.length() {
        0
    } else if let Some(&word) = words.get(index) {
        word
    } else {
        ipc_buffer::ipc_buffer_word(index)
    }
}
