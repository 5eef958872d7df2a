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
    Here { len: u8, bytes: [u8; HERE_BYTES_MAX] },
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

// By their bytes, wherever these are.

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
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
        let long = Value::filled(1, HERE_BYTES_MAX + 1);
        let mut values =
            vec![Value::from_bytes(&[2]), long.clone(), Value::from_bytes(&[1]), Value::from_bytes(&[])];
        values.sort();
        assert_eq!(values, [Value::from_bytes(&[]), Value::from_bytes(&[1]), long, Value::from_bytes(&[2])]);
    }

    #[test]
    fn a_value_takes_no_more_room_than_a_list() {
        assert_eq!(size_of::<Option<Value>>(), size_of::<Vec<u8>>());
    }
}
