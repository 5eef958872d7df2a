//! The bytes of a key, of a map's data, or of what a rule compares.
//! Not here: what they mean ([`crate::DataType`]), and how nft spells them ([`crate::text`]).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Bytes as a register or a set holds them: network order where the field has it, host order for
/// `mark`, `iif` and `ct state`; each field of a concatenation padded to four bytes.
#[derive(Clone)]
pub struct Value(Held);

/// So many bytes need no box: every single field (an IPv6 address has 16), and most pairs. A set of ten
/// thousand addresses is read, judged, sent and read back, and a box for each would cost most of that.
const HERE_BYTES_MAX: usize = 22;

#[derive(Clone)]
enum Held {
    /// Behind the value's own bytes stand zero bytes.
    Here {
        len: u8,
        bytes: [u8; HERE_BYTES_MAX],
    },
    Boxed(Box<[u8]>),
}

impl Value {
    /// From bytes as they are.
    pub fn from_bytes(bytes: &[u8]) -> Value {
        match u8::try_from(bytes.len()) {
            Ok(len) if bytes.len() <= HERE_BYTES_MAX => {
                let mut here = [0; HERE_BYTES_MAX];
                here[..bytes.len()].copy_from_slice(bytes);
                Value(Held::Here { len, bytes: here })
            }
            _ => Value(Held::Boxed(bytes.into())),
        }
    }

    /// So many of one byte.
    pub fn filled(byte: u8, len: usize) -> Value {
        let mut value = match len {
            0..=HERE_BYTES_MAX => Value::from_bytes(&[0; HERE_BYTES_MAX][..len]),
            _ => Value(Held::Boxed(vec![0; len].into())),
        };
        value.bytes_mut().fill(byte);
        value
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Held::Here { len, bytes } => &bytes[..usize::from(*len)],
            Held::Boxed(bytes) => bytes,
        }
    }

    /// The bytes, to be changed; their number stays.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Held::Here { len, bytes } => &mut bytes[..usize::from(*len)],
            Held::Boxed(bytes) => bytes,
        }
    }

    /// The field as it stands in a concatenation: padded with zero bytes to a multiple of four.
    pub fn push_padded(into: &mut Vec<u8>, field: &[u8]) {
        into.extend_from_slice(field);
        into.resize(into.len().next_multiple_of(4), 0);
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::from_bytes(&bytes)
    }
}

// By their bytes, wherever these are. Where both are here they are compared as they stand, zero bytes included:
// of two that differ in nothing else the shorter is the first, as it is of slices.

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    #[inline]
    fn cmp(&self, other: &Value) -> Ordering {
        match (&self.0, &other.0) {
            (Held::Here { len, bytes }, Held::Here { len: other_len, bytes: other }) => {
                numbers(bytes).cmp(&numbers(other)).then(len.cmp(other_len))
            }
            _ => self.bytes().cmp(other.bytes()),
        }
    }
}

/// In the order of the bytes: sorting and finding compares them more often than anything else is done.
#[inline]
fn numbers(bytes: &[u8; HERE_BYTES_MAX]) -> (u128, u64) {
    let (first, last) = (bytes.first_chunk(), bytes.last_chunk());
    (first.map_or(0, |b| u128::from_be_bytes(*b)), last.map_or(0, |b| u64::from_be_bytes(*b)))
}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes().hash(state);
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.bytes()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_its_bytes_however_many_they_are() {
        for len in [0, 1, HERE_BYTES_MAX, HERE_BYTES_MAX + 1, 300] {
            let bytes: Vec<u8> = (0..len).map(|n| n.to_le_bytes()[0]).collect();
            let value = Value::from_bytes(&bytes);
            assert_eq!(value.bytes(), bytes);
            assert_eq!(value, value.clone());
            assert_eq!(Value::filled(7, len).bytes(), vec![7; len]);
        }
    }

    #[test]
    fn values_are_in_the_order_of_their_bytes() {
        // Of every length on either side of where they lie, with the differences at either end.
        let bytes = |len: usize| {
            let of = move |first: u8, last: u8| {
                let mut bytes = vec![0; len];
                bytes.iter_mut().take(1).for_each(|b| *b = first);
                bytes.iter_mut().rev().take(1).for_each(|b| *b = last);
                bytes
            };
            [of(0, 0), of(0, 1), of(1, 0), of(0xff, 0), of(0, 0xff)]
        };
        let all: Vec<Vec<u8>> = (0..HERE_BYTES_MAX + 3).flat_map(bytes).collect();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let (value_a, value_b) = (Value::from_bytes(a), Value::from_bytes(b));
            assert_eq!(value_a.cmp(&value_b), a.cmp(b), "{a:?} {b:?}");
            assert_eq!(value_a == value_b, a == b, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_value_takes_no_more_room_than_a_list() {
        assert_eq!(size_of::<Option<Value>>(), size_of::<Vec<u8>>());
    }
}
