//! The attribute that makes a function a program's entry.
//!
//! Without a parser for all of Rust: what matters of the function is its name, which is the word after `fn`.

use proc_macro::{Group, Ident, Span, TokenStream, TokenTree};

/// Pages of stack if the attribute does not say: 64 KiB.
const STACK_PAGES: &str = "16";

/// The name the function gets, so that a `main` of another kind can stand beside it on the host.
const RENAMED: &str = "__program_main";

/// Makes `fn main(argument: usize) -> !` the program's entry.
///
/// - `#[entry]`: with a static stack of 16 pages, and an unused page below it.
/// - `#[entry(stack_pages = 32)]`: with a stack of that size.
/// - `#[entry(no_stack)]`: without one; whoever starts the program gives it one.
#[proc_macro_attribute]
pub fn entry(attribute: TokenStream, function: TokenStream) -> TokenStream {
    match expand(attribute, function) {
        Ok(tokens) => tokens,
        Err((message, span)) => error(message, span),
    }
}

type Failure = (&'static str, Span);

fn expand(attribute: TokenStream, function: TokenStream) -> Result<TokenStream, Failure> {
    let stack = stack(attribute)?;
    let mut result = renamed(function)?;
    let rest = format!("::sel4_root_task::entry_point!({RENAMED}, {stack});");
    let rest: TokenStream = rest
        .parse()
        .map_err(|_| ("stack_pages wants an expression", Span::call_site()))?;
    result.extend(rest);
    Ok(result)
}

/// What the attribute says of the stack, as the macro takes it.
fn stack(attribute: TokenStream) -> Result<String, Failure> {
    const FORMS: &str = "known are #[entry], #[entry(stack_pages = NUMBER)] and #[entry(no_stack)]";
    let mut tokens = attribute.into_iter();
    let Some(first) = tokens.next() else {
        return Ok(STACK_PAGES.to_owned());
    };
    let span = first.span();
    match (first.to_string().as_str(), tokens.next()) {
        ("no_stack", None) => Ok("no_stack".to_owned()),
        ("stack_pages", Some(TokenTree::Punct(equals))) if equals.as_char() == '=' => {
            let pages: TokenStream = tokens.collect();
            if pages.is_empty() {
                Err((FORMS, span))
            } else {
                Ok(pages.to_string())
            }
        }
        _ => Err((FORMS, span)),
    }
}

/// The function under its new name.
fn renamed(function: TokenStream) -> Result<TokenStream, Failure> {
    let mut tokens: Vec<TokenTree> = function.into_iter().collect();
    let is_fn =
        |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word.to_string() == "fn");
    let position = tokens
        .iter()
        .position(is_fn)
        .ok_or(("#[entry] is for a function", Span::call_site()))?;
    let name = tokens.iter_mut().skip(position).nth(1);
    let name = name.ok_or(("#[entry] is for a function", Span::call_site()))?;
    *name = TokenTree::Ident(Ident::new(RENAMED, name.span()));
    Ok(tokens.into_iter().collect())
}

/// An error of the compiler's at that place.
fn error(message: &str, span: Span) -> TokenStream {
    let tokens: TokenStream = format!("compile_error! {{ {message:?} }}")
        .parse()
        .unwrap_or_default();
    tokens
        .into_iter()
        .map(|token| {
            let mut token = match token {
                TokenTree::Group(group) => {
                    TokenTree::Group(Group::new(group.delimiter(), group.stream()))
                }
                other => other,
            };
            token.set_span(span);
            token
        })
        .collect()
}
