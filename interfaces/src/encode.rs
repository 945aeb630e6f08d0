//! The encoding: how a message's value becomes bytes.
//!
//! Declared by the Rust types alone, like postcard, which `system` and `start` still use. Why not postcard here too:
//! its numbers are read and written bit by seven bits, and that was half of what a small message cost. Here the first
//! byte of a number says how long it is, so that both sides take a few instructions for it; it is as short as there, so
//! that the hot requests stay in the four registers of the kernel's fast path.
//!
//! | value | bytes |
//! |---|---|
//! | `bool`, `u8`, `i8`, the tag of an enum, an `Option` or a `Result` | one |
//! | `u16`, `i16`, the length of a text or a list | two, the lowest first |
//! | `u32` and `u64` below 2^7 | one: the number times 2 |
//! | below 2^14, 2^21, 2^28 | two, three, four, the lowest first: the number times 4, 8, 16, plus 1, 3, 7 |
//! | larger ones | the byte 15 and four bytes, or the byte 31 and eight, the lowest first |
//! | `i32`, `i64` | as the unsigned number of the same bits |
//! | a struct, a tuple, an array | its parts, one after the other |
//! | a text, a list | its length, then its parts |
//!
//! # Invariants
//!
//! - Each value has exactly one encoding; the longer form of a number that fits a shorter one is not understood.
//! - What follows an encoding up to the next whole word is zero ([`encode`] writes that too).
//! - Nothing is read or written beyond the slice, and nothing panics, whatever the bytes are.

use core::fmt;

use serde::Serialize;
use serde::ser;

/// The mark of a number of four whole bytes.
pub(crate) const FOUR: u8 = 0x0f;
/// The mark of a number of eight whole bytes.
pub(crate) const EIGHT: u8 = 0x1f;

/// Why something cannot be encoded, or bytes are no encoding. Told to nobody: the message is wrong, and that is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong;

impl fmt::Display for Wrong {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad("not an encoding, or too long for its buffer")
    }
}

impl core::error::Error for Wrong {}

impl ser::Error for Wrong {
    #[cold]
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl serde::de::Error for Wrong {
    #[cold]
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Encodes a value; gives the number of bytes, or nothing if the buffer is too small.
///
/// The rest of the last word is zero, as far as the buffer goes.
#[inline]
pub fn encode<T: Serialize + ?Sized>(value: &T, buffer: &mut [u8]) -> Option<usize> {
    let mut writer = Writer { buffer, bytes: 0 };
    value.serialize(&mut writer).ok()?;
    let bytes = writer.bytes;
    writer.pad();
    Some(bytes)
}

/// How much of a buffer is written.
struct Writer<'a> {
    buffer: &'a mut [u8],
    bytes: usize,
}

impl Writer<'_> {
    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) -> Result<(), Wrong> {
        let place = self
            .buffer
            .get_mut(self.bytes..)
            .and_then(|rest| rest.first_chunk_mut::<N>())
            .ok_or(Wrong)?;
        *place = bytes;
        // At most the buffer's length, so the sum fits.
        self.bytes = self.bytes.wrapping_add(N);
        Ok(())
    }

    #[inline]
    fn number(&mut self, number: u64) -> Result<(), Wrong> {
        if number < 1 << 7 {
            let [byte, ..] = (number << 1).to_le_bytes();
            self.put([byte])
        } else {
            self.large(number)
        }
    }

    fn large(&mut self, number: u64) -> Result<(), Wrong> {
        if number < 1 << 14 {
            let [low, high, ..] = ((number << 2) | 0b1).to_le_bytes();
            self.put([low, high])
        } else if number < 1 << 21 {
            let [low, middle, high, ..] = ((number << 3) | 0b11).to_le_bytes();
            self.put([low, middle, high])
        } else if number < 1 << 28 {
            let [a, b, c, d, ..] = ((number << 4) | 0b111).to_le_bytes();
            self.put([a, b, c, d])
        } else if let Ok(short) = u32::try_from(number) {
            let [a, b, c, d] = short.to_le_bytes();
            self.put([FOUR, a, b, c, d])
        } else {
            self.put([EIGHT])?;
            self.put(number.to_le_bytes())
        }
    }

    fn length(&mut self, length: usize) -> Result<(), Wrong> {
        self.put(u16::try_from(length).map_err(|_| Wrong)?.to_le_bytes())
    }

    fn slice(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let end = self.bytes.checked_add(bytes.len()).ok_or(Wrong)?;
        self.buffer
            .get_mut(self.bytes..end)
            .ok_or(Wrong)?
            .copy_from_slice(bytes);
        self.bytes = end;
        Ok(())
    }

    /// Makes the rest of the last word zero: what stood in the buffer before is nobody's business.
    #[inline]
    fn pad(&mut self) {
        // One store where there is room for it, which the next message overwrites.
        if self.put([0; 8]).is_err()
            && let Some(rest) = self.buffer.get_mut(self.bytes..)
        {
            rest.fill(0);
        }
    }
}

macro_rules! unsupported {
    ($($method:ident: $kind:ty;)+) => {
        $(#[cold]
        fn $method(self, _: $kind) -> Result<(), Wrong> {
            Err(Wrong)
        })+
    };
}

impl ser::Serializer for &mut Writer<'_> {
    type Ok = ();
    type Error = Wrong;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = ser::Impossible<(), Wrong>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    // No message has any of these.
    unsupported! {
        serialize_f32: f32;
        serialize_f64: f64;
        serialize_char: char;
        serialize_i128: i128;
        serialize_u128: u128;
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Wrong> {
        self.put([u8::from(value)])
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), Wrong> {
        self.put([value])
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<(), Wrong> {
        self.put(value.to_le_bytes())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Result<(), Wrong> {
        self.put(value.to_le_bytes())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Result<(), Wrong> {
        self.put(value.to_le_bytes())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Result<(), Wrong> {
        self.number(u64::from(value))
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<(), Wrong> {
        self.number(u64::from(value.cast_unsigned()))
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Wrong> {
        self.number(value)
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Wrong> {
        self.number(value.cast_unsigned())
    }

    fn serialize_str(self, value: &str) -> Result<(), Wrong> {
        self.serialize_bytes(value.as_bytes())
    }

    #[cold]
    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Wrong> {
        Err(Wrong)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Wrong> {
        self.length(value.len())?;
        self.slice(value)
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Wrong> {
        self.put([0])
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Wrong> {
        self.put([1])?;
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Wrong> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Wrong> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(
        self,
        _: &'static str,
        tag: u32,
        _: &'static str,
    ) -> Result<(), Wrong> {
        self.put([u8::try_from(tag).map_err(|_| Wrong)?])
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Wrong> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        tag: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Wrong> {
        self.serialize_unit_variant(name, tag, variant)?;
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Wrong> {
        self.length(length.ok_or(Wrong)?)?;
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        tag: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Wrong> {
        self.serialize_unit_variant(name, tag, variant)?;
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Wrong> {
        Err(Wrong)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        tag: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, Wrong> {
        self.serialize_unit_variant(name, tag, variant)?;
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of whatever has parts: one after the other.
macro_rules! parts {
    ($($kind:ident, $method:ident;)+) => {
        $(impl ser::$kind for &mut Writer<'_> {
            type Ok = ();
            type Error = Wrong;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Wrong> {
                value.serialize(&mut **self)
            }

            #[inline]
            fn end(self) -> Result<(), Wrong> {
                Ok(())
            }
        })+
    };
}

parts! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
}

/// The same where the parts have names, which do not travel.
macro_rules! named_parts {
    ($($kind:ident;)+) => {
        $(impl ser::$kind for &mut Writer<'_> {
            type Ok = ();
            type Error = Wrong;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                _: &'static str,
                value: &T,
            ) -> Result<(), Wrong> {
                value.serialize(&mut **self)
            }

            #[inline]
            fn end(self) -> Result<(), Wrong> {
                Ok(())
            }
        })+
    };
}

named_parts! {
    SerializeStruct;
    SerializeStructVariant;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    #[test]
    fn numbers_take_as_few_bytes_as_they_fit() {
        for (number, bytes) in [
            (0, 1),
            (0x7f, 1),
            (0x80, 2),
            (0x3fff, 2),
            (0x4000, 3),
            (0x1f_ffff, 3),
            (0x20_0000, 4),
            (0xfff_ffff, 4),
            (0x1000_0000, 5),
            (u64::from(u32::MAX), 5),
            (1 << 32, 9),
            (u64::MAX, 9),
        ] {
            let mut buffer = [0xaa; 16];
            assert_eq!(encode(&number, &mut buffer), Some(bytes), "{number:#x}");
            assert_eq!(decode::<u64>(&buffer[..bytes]), Ok((number, &[][..])));
        }
    }

    #[test]
    fn what_was_in_the_buffer_does_not_travel() {
        for (length, room) in [(1, 8), (1, 5), (8, 8), (3, 24)] {
            let mut buffer = [0xaa; 24];
            let value = vec![7_u8; length];
            let mut writer = Writer {
                buffer: &mut buffer[..room],
                bytes: 0,
            };
            writer.slice(&value).expect("it fits");
            writer.pad();
            let end = length.next_multiple_of(8).min(room);
            assert!(buffer[length..end].iter().all(|&byte| byte == 0));
            assert!(buffer[room..].iter().all(|&byte| byte == 0xaa));
        }
    }

    #[test]
    fn nothing_is_written_beyond_the_buffer() {
        let value = (7_u8, u64::MAX, 300_u32, "a word", [1_u16, 2, 3]);
        let mut buffer = [0; 64];
        let bytes = encode(&value, &mut buffer).expect("it fits");
        for short in 0..bytes {
            assert_eq!(encode(&value, &mut buffer[..short]), None);
        }
    }
}
