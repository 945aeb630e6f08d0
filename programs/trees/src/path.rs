//! Paths, cut into names.

use core::fmt::{self, Write};

use interfaces::Text;

use crate::error::Error;

/// What is left of a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'p>(&'p str);

impl<'p> Parts<'p> {
    /// The names of an absolute path. Slashes in a row are one; there is no way up.
    pub fn of(path: &'p str) -> Result<Self, Error> {
        let mut parts = Self(path.strip_prefix('/').ok_or(Error::NoSuchPath)?);
        let all = parts;
        while let Some(name) = parts.next() {
            if name == "." || name == ".." {
                return Err(Error::NoSuchPath);
            }
        }
        Ok(all)
    }

    /// The next name, if there is one.
    pub fn next(&mut self) -> Option<&'p str> {
        let rest = self.0.trim_start_matches('/');
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        self.0 = rest;
        (!name.is_empty()).then_some(name)
    }

    /// Whether there are no more names, as there must be none after a file's.
    pub fn end(mut self) -> Result<(), Error> {
        self.next().map_or(Ok(()), |_| Err(Error::NotADirectory))
    }

    /// The names but for the last, and the last.
    pub fn split_last(self) -> Option<(Self, &'p str)> {
        let (above, last) = self
            .0
            .trim_end_matches('/')
            .rsplit_once('/')
            .unwrap_or(("", self.0));
        let last = last.trim_end_matches('/');
        (!last.is_empty()).then_some((Self(above), last))
    }
}

/// An id as a name.
pub(crate) fn id_name(id: impl fmt::Display) -> Text<24> {
    let mut name = Text::default();
    // The longest id has 21 bytes.
    let _ = write!(name, "{id}");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_its_names_however_many_slashes_part_them() {
        for path in ["/a/b", "//a///b/"] {
            let mut parts = Parts::of(path).unwrap();
            assert_eq!(parts.split_last().map(|(_, last)| last), Some("b"));
            assert_eq!(parts.next(), Some("a"));
            assert!(parts.end().is_err());
            assert_eq!(parts.next(), Some("b"));
            assert_eq!((parts.next(), parts.end()), (None, Ok(())));
        }
    }

    #[test]
    fn one_name_alone_is_the_last() {
        let (above, last) = Parts::of("/a/").unwrap().split_last().unwrap();
        assert_eq!((above.end(), last), (Ok(()), "a"));
        assert!(Parts::of("/").unwrap().split_last().is_none());
    }

    #[test]
    fn there_is_no_way_up_and_no_relative_path() {
        for path in ["", "a", "/..", "/a/../b", "/./a"] {
            assert_eq!(
                Parts::of(path).map(|_| ()),
                Err(Error::NoSuchPath),
                "{path}"
            );
        }
    }
}
