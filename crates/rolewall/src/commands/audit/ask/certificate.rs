//! What a certificate says of itself: names, dates, and whether somebody else signed it.
//! Not here: whether anybody would trust it. An audit asks by address, and sites sign their own.

use super::super::answer::Certificate;
use super::channel::shown;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

/// More names than anybody reads.
const NAMES_MAX: usize = 8;
/// The last second that a date of a certificate can mean: 9999-12-31T23:59:59Z (RFC 5280 section 4.1.2.5).
const LAST_S: u64 = 253_402_300_799;

/// Reads it; what cannot be read stays empty. `domain` is the name that it should be for, if any is known.
pub(crate) fn read(der: &[u8], domain: Option<&str>) -> Certificate {
    let der = CertificateDer::from(der);
    let Ok(certificate) = EndEntityCert::try_from(&der) else { return Certificate::default() };
    let names = certificate.valid_dns_names().take(NAMES_MAX).map(|name| shown(name.as_bytes()));
    let anchors: Vec<TrustAnchor<'_>> = anchor_from_trusted_cert(&der).into_iter().collect();
    Certificate {
        subject: common_name(certificate.subject()),
        names: names.collect(),
        misses: domain.filter(|name| !is_for(&certificate, name)).map(str::to_owned),
        is_self_signed: certificate.issuer() == certificate.subject(),
        not_before_s: match judged_at(&certificate, &anchors, 0) {
            Some(Error::CertNotValidYet { not_before, .. }) => Some(not_before.as_secs()),
            _ => None,
        },
        not_after_s: match judged_at(&certificate, &anchors, LAST_S) {
            Some(Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
            _ => None,
        },
    }
}

fn is_for(certificate: &EndEntityCert<'_>, name: &str) -> bool {
    let name = ServerName::try_from(name);
    name.is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
}

/// The library tells a date only where it is passed: so it is asked at the first and the last second.
fn judged_at(certificate: &EndEntityCert<'_>, anchors: &[TrustAnchor<'_>], at_s: u64) -> Option<Error> {
    let time = UnixTime::since_unix_epoch(Duration::from_secs(at_s));
    let usage = KeyUsage::server_auth();
    certificate.verify_for_usage(ALL_VERIFICATION_ALGS, anchors, &[], time, usage, None, None).err()
}

/// The value behind the object id 2.5.4.3 (RFC 5280 section 4.1.2.4); a short string.
pub(crate) fn common_name(subject: &[u8]) -> Option<String> {
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let at = subject.windows(COMMON_NAME.len()).position(|window| window == COMMON_NAME)?;
    let (_tag, rest) = subject[at + COMMON_NAME.len()..].split_first()?;
    let (&length, rest) = rest.split_first()?;
    // From 128 on, this byte counts bytes of a longer length.
    let value = rest.get(..usize::from(length)).filter(|_| length < 0x80)?;
    Some(shown(value)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_name_is_found_among_other_attributes() {
        let subject = b"\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02XX\
                        \x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04node";
        assert_eq!(common_name(subject).as_deref(), Some("node"));
        assert_eq!(common_name(&subject[..subject.len() - 1]), None);
        assert_eq!(common_name(b""), None);
    }

    #[test]
    fn noise_is_no_certificate() {
        assert_eq!(read(b"\x30\x03\x02\x01\x00", None), Certificate::default());
    }
}
