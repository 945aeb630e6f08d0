//! The kernel's names in Rust's spelling.

/// `X86IOPortIn8` as `x86_io_port_in8`.
pub fn snake(name: &str) -> String {
    // One word to the kernel's authors, two to the rule below.
    let name = name.replace("CNode", "Cnode").replace("VSpace", "Vspace");
    let letters: Vec<char> = name.chars().collect();
    let mut result = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let before = index
            .checked_sub(1)
            .and_then(|before| letters.get(before))
            .copied();
        let after = letters.get(index.saturating_add(1)).copied();
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase()
                        && after.is_some_and(|after| after.is_ascii_lowercase()))
            });
        if starts_word && !result.ends_with('_') {
            result.push('_');
        }
        result.push(letter.to_ascii_lowercase());
    }
    // `type` is a word of Rust's own.
    if result == "type" {
        "kind".to_owned()
    } else {
        result
    }
}

/// The name of a constant.
pub fn constant(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}
