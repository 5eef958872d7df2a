//! XMPP: a stream is opened and its features read; where STARTTLS is among them, hands are shaken.
//! Not here: SASL. Nothing is authenticated.

use super::super::answer::{StartTls, Tls, Xmpp};
use super::channel::{Channel, Reply, Stop, shown};
use roxmltree::{Document, Node, ParsingOptions};

/// Who is asked: the clients' port or the servers'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

const STREAMS: &str = "http://etherx.jabber.org/streams";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
const MECHANISMS_MAX: usize = 32;

/// Opens a stream to `domain`.
pub(super) fn open(channel: &mut Channel, side: Side, domain: &str) -> Result<Xmpp, Stop> {
    let namespace = match side {
        Side::Client => "jabber:client",
        Side::Server => "jabber:server",
    };
    let question = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{namespace}' xmlns:stream='{STREAMS}' to='{domain}' \
         version='1.0'>"
    );
    channel.ask(question.as_bytes(), features)
}

/// Takes the offer of STARTTLS.
pub(super) fn start_tls(channel: &mut Channel, domain: Option<&str>) -> Result<Tls, Stop> {
    channel.ask(format!("<starttls xmlns='{TLS}'/>").as_bytes(), proceed)?;
    Ok(channel.secure(domain))
}

/// Whether the other side goes on to TLS (RFC 6120 section 5.4.2).
pub(crate) fn proceed(bytes: &[u8]) -> Reply<()> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start();
    match text.find('>') {
        _ if !"<proceed".starts_with(text) && !text.starts_with("<proceed") => Reply::Foreign,
        Some(_) => Reply::Whole(()),
        None => Reply::Partial,
    }
}

/// The stream's head and its features, or the error that ends it.
pub(crate) fn features(bytes: &[u8]) -> Reply<Xmpp> {
    let text = String::from_utf8_lossy(bytes);
    let trimmed = text.trim_start();
    if !trimmed.is_empty() && !trimmed.starts_with('<') {
        return Reply::Foreign;
    }
    // The prefix is `stream` for everybody (RFC 6120 section 4.8.5).
    let ends = ["</stream:features>", "<stream:features/>", "</stream:error>"];
    let end = ends.iter().filter_map(|end| Some(trimmed.find(end)? + end.len())).min();
    let Some(end) = end else { return Reply::Partial };
    let whole = format!("{}</stream:stream>", &trimmed[..end]);
    // No entity of theirs is expanded.
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 1000, ..ParsingOptions::default() };
    match Document::parse_with_options(&whole, options) {
        Ok(document) => Reply::Whole(stream(document.root_element())),
        Err(_) => Reply::Foreign,
    }
}

fn stream(root: Node<'_, '_>) -> Xmpp {
    let child = |name: &str| root.children().find(|n| n.is_element() && n.tag_name().name() == name);
    let features = child("features");
    let error = child("error").map(|error| {
        let condition = error.first_element_child().map_or("", |n| n.tag_name().name());
        shown(condition.as_bytes())
    });
    Xmpp {
        from: root.attribute("from").map(|from| shown(from.as_bytes())),
        error,
        starttls: features.map_or(StartTls::Absent, starttls),
        mechanisms: features.map(mechanisms).unwrap_or_default(),
    }
}

fn starttls(features: Node<'_, '_>) -> StartTls {
    let Some(offer) = features.children().find(|n| n.has_tag_name((TLS, "starttls"))) else {
        return StartTls::Absent;
    };
    let is_required = offer.children().any(|n| n.has_tag_name((TLS, "required")));
    if is_required { StartTls::Required } else { StartTls::Optional }
}

fn mechanisms(features: Node<'_, '_>) -> Vec<String> {
    let named = features.descendants().filter(|n| n.tag_name().name() == "mechanism");
    named.filter_map(|n| n.text()).map(|text| shown(text.as_bytes())).take(MECHANISMS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                        xmlns:stream='http://etherx.jabber.org/streams' from='im.example' version='1.0'>";

    fn read(rest: &str) -> Reply<Xmpp> {
        features(format!("{HEAD}{rest}").as_bytes())
    }

    fn xmpp(starttls: StartTls, mechanisms: &[&str]) -> Reply<Xmpp> {
        let mechanisms = mechanisms.iter().map(|m| (*m).to_owned()).collect();
        Reply::Whole(Xmpp { from: Some("im.example".into()), error: None, starttls, mechanisms })
    }

    #[test]
    fn features_tell_starttls_and_mechanisms() {
        let required = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/>\
                        </starttls></stream:features>";
        assert_eq!(read(required), xmpp(StartTls::Required, &[]));
        let plain = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
                     <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>\
                     <mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features>";
        assert_eq!(read(plain), xmpp(StartTls::Optional, &["PLAIN", "SCRAM-SHA-1"]));
        assert_eq!(read("<stream:features/>"), xmpp(StartTls::Absent, &[]));
        assert_eq!(read("<stream:features><a>"), Reply::Partial);
    }

    #[test]
    fn an_error_is_told_by_its_condition() {
        let error =
            "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
        let Reply::Whole(told) = read(error) else { panic!("it is whole") };
        assert_eq!(told.error.as_deref(), Some("host-unknown"));
    }

    #[test]
    fn an_entity_of_theirs_is_not_expanded() {
        let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><stream:features>&a;</stream:features>";
        assert_eq!(features(bomb.as_bytes()), Reply::Foreign);
    }

    #[test]
    fn proceeding_is_told_from_failing() {
        assert_eq!(proceed(b"<proceed xmlns='x'/>"), Reply::Whole(()));
        assert_eq!(proceed(b"<failure/>"), Reply::Foreign);
        assert_eq!(proceed(b"<pro"), Reply::Partial);
    }
}
