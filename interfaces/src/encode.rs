//! Encoding into a buffer.
//!
//! What `postcard::to_slice` does, byte for byte, at half the cost: most of what travels is numbers of one byte or
//! two, and for those a copy of a few bytes takes longer than the bytes themselves.

use postcard::ser_flavors::Flavor;
use serde::Serialize;

/// How much of a buffer is written.
struct Written<'a> {
    buffer: &'a mut [u8],
    bytes: usize,
}

impl Flavor for Written<'_> {
    type Output = usize;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        let place = self
            .buffer
            .get_mut(self.bytes)
            .ok_or(postcard::Error::SerializeBufferFull)?;
        *place = byte;
        // Below the buffer's length just now, so the sum fits.
        self.bytes = self.bytes.wrapping_add(1);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.bytes)
    }
}

/// Encodes a value; gives the number of bytes, or nothing if the buffer is too small.
#[inline]
pub fn encode<T: Serialize + ?Sized>(value: &T, buffer: &mut [u8]) -> Option<usize> {
    postcard::serialize_with_flavor(value, Written { buffer, bytes: 0 }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_what_postcard_writes_and_nothing_beyond_the_buffer() {
        let value = (7_u8, u64::MAX, 300_u32, "a word", [1_u16, 2, 3]);
        let (mut ours, mut theirs) = ([0; 64], [0; 64]);
        let bytes = encode(&value, &mut ours).expect("it fits");
        assert_eq!(
            &ours[..bytes],
            postcard::to_slice(&value, &mut theirs).expect("it fits")
        );
        for short in 0..bytes {
            assert_eq!(encode(&value, &mut ours[..short]), None);
        }
    }
}
