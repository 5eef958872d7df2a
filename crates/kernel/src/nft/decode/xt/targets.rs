//! Targets by name and revision.
//! Not here: matches ([`super::matches`]).

use super::Blob;
use rolewall_ruleset::xt::{Action, Address, HopChange, MarkChange, MarkMode, Translation, TranslationKind};

/// What a target does; none where its name or layout is not known.
pub(super) fn action(name: &str, revision: u32, blob: Blob<'_>) -> Option<Action> {
    match (name, revision) {
        ("REJECT", 0) => Some(Action::Reject { with: blob.u32(0)? }),
        (
            "LOG" | "NFLOG" | "ULOG" | "TRACE" | "TCPMSS" | "TCPOPTSTRIP" | "CHECKSUM" | "CLASSIFY" | "AUDIT"
            | "LED" | "IDLETIMER" | "RATEEST" | "TEE" | "SECMARK" | "CONNSECMARK",
            _,
        ) => Some(Action::Aside),
        ("MARK", 2) => Some(Action::Mark { mask: blob.u32(4)?, xor: blob.u32(0)? }),
        ("CONNMARK", 1 | 2) => conn_mark(revision, blob),
        ("NOTRACK", 0) => Some(Action::Notrack),
        ("CT", 0..=2) => ct(blob),
        ("TOS", 1) => Some(Action::Tos { mask: blob.u8(1)?, xor: blob.u8(0)? }),
        ("DSCP", 0) => Some(Action::Tos { mask: 0xfc, xor: blob.u8(0)?.checked_shl(2)? }),
        ("TTL" | "HL", 0) => hop_limit(blob),
        ("SNAT", _) => translate(TranslationKind::Source, blob),
        ("DNAT", _) => translate(TranslationKind::Destination, blob),
        ("MASQUERADE", _) => translate(TranslationKind::Masquerade, blob),
        ("REDIRECT", _) => translate(TranslationKind::Redirect, blob),
        ("NETMAP", _) => translate(TranslationKind::Netmap, blob),
        ("SET", 1..=3) => sets(revision, blob),
        _ => None,
    }
}

/// `struct xt_connmark_tginfo1`, `struct xt_connmark_tginfo2`.
fn conn_mark(revision: u32, blob: Blob<'_>) -> Option<Action> {
    let (mode, shift) = match revision {
        1 => (blob.u8(12)?, 0),
        _ => {
            let bits = i8::try_from(blob.u8(13)?).ok()?;
            (blob.u8(14)?, if blob.u8(12)? == 0 { bits } else { -bits })
        }
    };
    let mode = match mode {
        0 => MarkMode::Set,
        1 => MarkMode::Save,
        2 => MarkMode::Restore,
        _ => return None,
    };
    let (ct_mark, ct_mask, packet_mask) = (blob.u32(0)?, blob.u32(4)?, blob.u32(8)?);
    Some(Action::ConnMark(MarkChange { mode, ct_mark, ct_mask, packet_mask, shift }))
}

/// `struct xt_ct_target_info`, and `_v1`, which begins with it. The second flag says that it was written as
/// `NOTRACK`.
fn ct(blob: Blob<'_>) -> Option<Action> {
    const NOTRACK: u16 = 1;
    const ZONE_MARK: u16 = 16;
    let flags = blob.u16(0)?;
    let zone = blob.u16(2)? != 0 || flags & ZONE_MARK != 0;
    Some(if flags & NOTRACK != 0 { Action::Notrack } else { Action::Template { zone } })
}

/// `struct ipt_TTL_info`, `struct ip6t_HL_info`.
fn hop_limit(blob: Blob<'_>) -> Option<Action> {
    let by = blob.u8(1)?;
    Some(Action::HopLimit(match blob.u8(0)? {
        0 => HopChange::Set(by),
        1 => HopChange::Raise(by),
        2 => HopChange::Lower(by),
        _ => return None,
    }))
}

/// `struct nf_nat_ipv4_multi_range_compat`, `struct nf_nat_range` or `struct nf_nat_range2`: targets and
/// revisions use them in any mixture, and their sizes tell which it is.
fn translate(kind: TranslationKind, blob: Blob<'_>) -> Option<Action> {
    const OLD_BYTES_MAX: usize = 24;
    const ADDRESSES: u32 = 1;
    const PORTS: u32 = 2;
    const SCATTERED: u32 = 4 | 16 | 32;
    let is_old = blob.len() <= OLD_BYTES_MAX;
    let flags = blob.u32(if is_old { 4 } else { 0 })?;
    let (first, last, ports) = match is_old {
        true => (old_address(blob, 8)?, old_address(blob, 12)?, 16),
        false => (blob.address(4)?, blob.address(20)?, 36),
    };
    Some(Action::Translate(Translation {
        kind,
        addresses: (flags & ADDRESSES != 0).then_some((first, last)),
        ports: match flags & PORTS != 0 {
            true => Some((blob.be16(ports)?, blob.be16(ports + 2)?)),
            false => None,
        },
        scattered: flags & SCATTERED != 0,
    }))
}

fn old_address(blob: Blob<'_>, at: usize) -> Option<Address> {
    let mut address = [0; 16];
    address[..4].copy_from_slice(&blob.bytes::<4>(at)?);
    Some(address)
}

/// `struct xt_set_info_target_v1` to `_v3`: each set's number, or none.
fn sets(revision: u32, blob: Blob<'_>) -> Option<Action> {
    const NONE: u16 = u16::MAX;
    let places: &[usize] = if revision == 3 { &[0, 4, 8] } else { &[0, 4] };
    let indices: Option<Vec<u16>> = places.iter().map(|at| blob.u16(*at)).collect();
    Some(Action::ChangeSets { indices: indices?.into_iter().filter(|index| *index != NONE).collect() })
}
