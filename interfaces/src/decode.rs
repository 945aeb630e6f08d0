//! Decoding: the reverse of [`encode`](mod@crate::encode), for bytes that may be anything.

use serde::de::value::U32Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, SeqAccess, Visitor};

use crate::encode::{EIGHT, FOUR, Wrong};

/// Decodes a value from the beginning of some bytes; gives the bytes behind it too.
///
/// # Errors
///
/// If the bytes do not begin with an encoding of a `T`.
#[inline]
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), Wrong> {
    let mut reader = Reader { rest: bytes };
    let value = T::deserialize(&mut reader)?;
    Ok((value, reader.rest))
}

/// What is left to be read.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(Wrong)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Wrong> {
        let (&byte, rest) = self.rest.split_first().ok_or(Wrong)?;
        self.rest = rest;
        Ok(byte)
    }

    #[inline]
    fn number(&mut self) -> Result<u64, Wrong> {
        let byte = self.byte()?;
        if byte & 1 == 0 {
            Ok(u64::from(byte >> 1))
        } else {
            self.large(byte)
        }
    }

    /// A number of more than one byte; not one that a shorter form has.
    fn large(&mut self, first: u8) -> Result<u64, Wrong> {
        let (number, least) = if first & 0b10 == 0 {
            let second = self.byte()?;
            (u32::from_le_bytes([first, second, 0, 0]) >> 2, 1 << 7)
        } else if first & 0b100 == 0 {
            let [second, third] = self.take()?;
            (u32::from_le_bytes([first, second, third, 0]) >> 3, 1 << 14)
        } else if first & 0b1000 == 0 {
            let [second, third, fourth] = self.take()?;
            let bytes = [first, second, third, fourth];
            (u32::from_le_bytes(bytes) >> 4, 1 << 21)
        } else if first == FOUR {
            (u32::from_le_bytes(self.take()?), 1 << 28)
        } else if first == EIGHT {
            let number = u64::from_le_bytes(self.take()?);
            return if number >> 32 == 0 {
                Err(Wrong)
            } else {
                Ok(number)
            };
        } else {
            return Err(Wrong);
        };
        if number < least {
            return Err(Wrong);
        }
        Ok(u64::from(number))
    }

    #[inline]
    fn short_number(&mut self) -> Result<u32, Wrong> {
        u32::try_from(self.number()?).map_err(|_| Wrong)
    }

    fn length(&mut self) -> Result<usize, Wrong> {
        Ok(usize::from(u16::from_le_bytes(self.take()?)))
    }

    fn slice(&mut self) -> Result<&'a [u8], Wrong> {
        let length = self.length()?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Wrong)?;
        self.rest = rest;
        Ok(bytes)
    }
}

macro_rules! simple {
    ($($method:ident, $visit:ident, |$reader:ident| $value:expr;)+) => {
        $(#[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            let $reader = self;
            visitor.$visit($value)
        })+
    };
}

macro_rules! unsupported {
    ($($method:ident)+) => {
        $(#[cold]
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Wrong> {
            Err(Wrong)
        })+
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Wrong;

    // No message has any of these, or tells by itself what it is.
    unsupported! {
        deserialize_any deserialize_ignored_any deserialize_identifier deserialize_map deserialize_char
        deserialize_f32 deserialize_f64 deserialize_i128 deserialize_u128
    }

    simple! {
        deserialize_u8, visit_u8, |reader| reader.byte()?;
        deserialize_i8, visit_i8, |reader| reader.byte()?.cast_signed();
        deserialize_u16, visit_u16, |reader| u16::from_le_bytes(reader.take()?);
        deserialize_i16, visit_i16, |reader| i16::from_le_bytes(reader.take()?);
        deserialize_u32, visit_u32, |reader| reader.short_number()?;
        deserialize_i32, visit_i32, |reader| reader.short_number()?.cast_signed();
        deserialize_u64, visit_u64, |reader| reader.number()?;
        deserialize_i64, visit_i64, |reader| reader.number()?.cast_signed();
        deserialize_bytes, visit_bytes, |reader| reader.slice()?;
        deserialize_byte_buf, visit_bytes, |reader| reader.slice()?;
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(Wrong),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_str(core::str::from_utf8(self.slice()?).map_err(|_| Wrong)?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => Err(Wrong),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let left = self.length()?;
        visitor.visit_seq(Parts { reader: self, left })
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_seq(Parts {
            reader: self,
            left: length,
        })
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(length, visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_enum(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of something, so many of which are left.
struct Parts<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_, 'de> {
    type Error = Wrong;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::EnumAccess<'de> for &mut Reader<'de> {
    type Error = Wrong;
    type Variant = Self;

    #[inline]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Wrong> {
        let tag: U32Deserializer<Wrong> = u32::from(self.byte()?).into_deserializer();
        Ok((seed.deserialize(tag)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'de> {
    type Error = Wrong;

    #[inline]
    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Wrong> {
        seed.deserialize(self)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Wrong> {
        de::Deserializer::deserialize_tuple(self, length, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        de::Deserializer::deserialize_tuple(self, fields.len(), visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encode;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Dot,
        Line(u32),
        Box { wide: u64, high: Option<i32> },
        Pair(u8, bool),
    }

    fn round(shape: &Shape) -> usize {
        let mut buffer = [0; 64];
        let bytes = encode(shape, &mut buffer).expect("it fits");
        let (back, rest) = decode::<Shape>(&buffer[..bytes]).expect("it is one");
        assert_eq!((&back, rest), (shape, &[][..]));
        for short in 0..bytes {
            assert_eq!(decode::<Shape>(&buffer[..short]), Err(Wrong));
        }
        bytes
    }

    #[test]
    fn what_goes_in_comes_out_and_half_of_it_does_not() {
        assert_eq!(round(&Shape::Dot), 1);
        assert_eq!(round(&Shape::Line(300)), 3);
        let large = Shape::Box {
            wide: u64::MAX,
            high: Some(-2),
        };
        assert_eq!(round(&large), 1 + 9 + 1 + 5);
        assert_eq!(round(&Shape::Pair(200, true)), 3);
    }

    #[test]
    fn a_number_has_one_encoding() {
        for bytes in [
            &[0xfd, 1][..],
            &[0xfb, 0xff, 1],
            &[0xf7, 0xff, 0xff, 1],
            &[FOUR, 0xff, 0xff, 0xff, 0xf],
            &[EIGHT, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
            &[0x2f, 0, 0, 0, 0, 0, 0, 0, 1],
        ] {
            assert_eq!(decode::<u64>(bytes), Err(Wrong), "{bytes:x?}");
        }
        assert_eq!(decode::<u64>(&[0x01, 0x02]), Ok((0x80, &[][..])));
        assert_eq!(
            decode::<u32>(&[EIGHT, 0, 0, 0, 0, 1, 0, 0, 0]),
            Err(Wrong),
            "too large"
        );
    }

    #[test]
    fn unknown_tags_are_refused() {
        assert_eq!(decode::<Shape>(&[4]), Err(Wrong));
        assert_eq!(decode::<Option<u8>>(&[2, 0]), Err(Wrong));
        assert_eq!(decode::<bool>(&[2]), Err(Wrong));
    }
}
