//! The preprocessor's conditions: which lines of a file are there under a configuration.

use sel4_kernel::Configuration;

/// `text` without comments and without what its `#ifdef`s leave out.
///
/// Known are `#ifdef`, `#ifndef`, `#else` and `#endif`. A name that is not `CONFIG_…` is an include guard or belongs to
/// the compiler; it counts as not defined, so that `#ifndef GUARD` lets its file through.
pub fn visible(text: &str, configuration: Configuration) -> Result<String, String> {
    let mut shown = String::new();
    let mut open: Vec<bool> = Vec::new();
    for line in without_comments(text).lines() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix("#ifdef ") {
            open.push(configuration.is_set(name.trim()));
        } else if let Some(name) = trimmed.strip_prefix("#ifndef ") {
            open.push(!configuration.is_set(name.trim()));
        } else if trimmed.starts_with("#if") {
            return Err(format!("a condition of an unknown form: {trimmed}"));
        } else if trimmed.starts_with("#else") {
            let last = open.last_mut().ok_or("an #else without a condition")?;
            *last = !*last;
        } else if trimmed.starts_with("#endif") {
            open.pop().ok_or("an #endif without a condition")?;
        } else if open.iter().all(|&open| open) {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    if open.is_empty() {
        Ok(shown)
    } else {
        Err("a condition that does not end".to_owned())
    }
}

/// Takes out C's comments of both kinds, and the bit-field files' (`--` to the end of the line).
fn without_comments(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        result.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    result.push_str(rest);
    let line_comments = |line: &str| {
        let line = line.split("//").next().unwrap_or_default();
        line.split("--").next().unwrap_or_default().to_owned()
    };
    result
        .lines()
        .map(line_comments)
        .collect::<Vec<_>>()
        .join("\n")
}
