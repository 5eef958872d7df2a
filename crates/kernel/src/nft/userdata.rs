//! User data: what nft stores beside rules, sets and elements so that a listing reads well.
//! Not here: anything that Linux acts upon; it only keeps these bytes.
//!
//! Each item is one byte of type, one of length, and the value. The numbers are nft's own, read off
//! `nft --debug=mnl` of version 1.0.6; integers are in the host's byte order.

use crate::netlink::text;
use rolewall_ruleset::{DataType, Set};

/// Of a rule and of an element: the comment.
const COMMENT: u8 = 0;
/// Of an element: flags; 1 marks an interval without an end, which reaches to the last value.
const ELEMENT_FLAGS: u8 = 1;
const INTERVAL_OPEN: u32 = 1;

const SET_KEY_BYTEORDER: u8 = 0;
const SET_DATA_BYTEORDER: u8 = 1;
const SET_DATA_INTERVAL: u8 = 6;
const SET_COMMENT: u8 = 7;

const BYTEORDER_NONE: u32 = 0;
const BYTEORDER_HOST: u32 = 1;
const BYTEORDER_NETWORK: u32 = 2;

/// A rule's comment, or none.
pub(crate) fn of_rule(comment: Option<&str>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    push_comment(&mut bytes, COMMENT, comment);
    (!bytes.is_empty()).then_some(bytes)
}

/// Whether an interval reaches to the last value of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntervalEnd {
    Closed,
    Open,
}

/// An element's comment, and the mark of an interval without an end.
pub(crate) fn of_element(comment: Option<&str>, end: IntervalEnd) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    push_comment(&mut bytes, COMMENT, comment);
    if end == IntervalEnd::Open {
        push_u32(&mut bytes, ELEMENT_FLAGS, INTERVAL_OPEN);
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// What nft needs to print a set: in which byte order key and data are, and the comment.
pub(crate) fn of_set(set: &Set) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_u32(&mut bytes, SET_KEY_BYTEORDER, byteorder(&set.key));
    if let Some(data) = &set.data {
        push_u32(&mut bytes, SET_DATA_BYTEORDER, byteorder(data));
        push_u32(&mut bytes, SET_DATA_INTERVAL, 0);
    }
    push_comment(&mut bytes, SET_COMMENT, set.comment.as_deref());
    bytes
}

/// The comment of a rule or an element.
pub(crate) fn comment(userdata: Option<&[u8]>) -> Option<String> {
    item(userdata?, COMMENT)
}

/// The comment of a set.
pub(crate) fn set_comment(userdata: Option<&[u8]>) -> Option<String> {
    item(userdata?, SET_COMMENT)
}

fn item(mut bytes: &[u8], wanted: u8) -> Option<String> {
    while let [kind, len, rest @ ..] = bytes {
        let (value, next) = rest.split_at_checked(usize::from(*len))?;
        if *kind == wanted {
            return Some(text(value));
        }
        bytes = next;
    }
    None
}

/// A comment of more than 253 bytes makes user data of more than `NFT_USERDATA_MAXLEN` (256), which Linux
/// refuses; so its cut length is never read.
fn push_comment(bytes: &mut Vec<u8>, kind: u8, comment: Option<&str>) {
    let Some(comment) = comment else { return };
    let len = u8::try_from(comment.len() + 1).unwrap_or(u8::MAX);
    bytes.extend_from_slice(&[kind, len]);
    bytes.extend_from_slice(comment.as_bytes());
    bytes.push(0);
}

fn push_u32(bytes: &mut Vec<u8>, kind: u8, value: u32) {
    bytes.extend_from_slice(&[kind, 4]);
    bytes.extend_from_slice(&value.to_ne_bytes());
}

/// nft's numbers of the types without a name here that it prints in host order: time, arphrd, realm,
/// classid, uid, gid, ct_status, devgroup, cgroupsv2.
const OTHER_HOST_ORDER: [u32; 9] = [18, 21, 22, 23, 24, 25, 28, 35, 46];

/// nft's byte order of a type; a concatenation has none.
fn byteorder(types: &[DataType]) -> u32 {
    match types {
        [DataType::NfProto | DataType::InetProto | DataType::Verdict] => BYTEORDER_NONE,
        [DataType::PktType] => BYTEORDER_HOST,
        [DataType::Other { id, .. }] if OTHER_HOST_ORDER.contains(id) => BYTEORDER_HOST,
        [one] if one.host_order() => BYTEORDER_HOST,
        [_] => BYTEORDER_NETWORK,
        _ => BYTEORDER_NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_comment_is_what_nft_writes() {
        assert_eq!(of_rule(Some("why")).as_deref(), Some(&[0, 4, b'w', b'h', b'y', 0][..]));
        assert_eq!(comment(of_rule(Some("why")).as_deref()), Some("why".to_owned()));
        assert_eq!(of_rule(None), None);
    }

    #[test]
    fn a_comment_is_found_behind_other_items_and_broken_ones_are_not_followed() {
        assert_eq!(comment(Some(&[1, 4, 1, 0, 0, 0, 0, 2, b'c', 0])), Some("c".to_owned()));
        assert_eq!(comment(Some(&[1, 200, 1])), None);
        assert_eq!(comment(Some(&[0])), None);
    }
}
