//! The first packets: the server's greeting, TLS where it is wanted, and the login.
//! Not here: queries. Source: MySQL's "Client/Server Protocol", connection phase.

use super::error::SqlError;
use super::packet::{Left, Packets, plain, refusal};
use super::target::Target;
use super::tls::{Proof, Trust};
use super::wire::{Deadline, Timed, Wire};
use rolewall_policy::settings::sql::Tls;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Capabilities. Neither LOCAL_FILES, by which a server reads the client's files, nor MULTI_STATEMENTS is among
/// those that we say we have.
const LONG_PASSWORD: u32 = 1;
const LONG_FLAG: u32 = 1 << 2;
const CONNECT_WITH_DB: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const PLUGIN_AUTH: u32 = 1 << 19;
/// MySQL 5.5 and every MariaDB have these.
const NEEDED: u32 = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH;
const OURS: u32 = NEEDED | LONG_PASSWORD | LONG_FLAG | CONNECT_WITH_DB | TRANSACTIONS;
/// What the server may send at once.
const PACKET_BYTES_MAX: u32 = 1 << 20;
/// utf8mb4_general_ci
const CHARSET: u8 = 45;

const GREETING: &str = "greeting";
const LOGIN: &str = "the login";
const NATIVE: &str = "mysql_native_password";
const CACHING: &str = "caching_sha2_password";

/// A conversation in which the server knows who we are.
pub(super) fn login(
    target: &Target,
    trust: Option<&Trust>,
    tls: Tls,
    deadline: Deadline,
) -> Result<Packets, SqlError> {
    let mut packets = Packets::over(Wire::Plain(Timed::connect(&target.server, deadline)?));
    let greeting = Greeting::read(&packets.read(GREETING)?)?;
    let (packets, proof) = match trust.filter(|_| !packets.wire.is_local()) {
        Some(trust) if greeting.capabilities & SSL != 0 => {
            packets.write(&head(OURS | SSL))?;
            let secured = packets.moved(|wire| match wire {
                Wire::Plain(timed) => Ok(Wire::Tls(trust.secure(timed, &target.server, deadline)?)),
                tls => Ok(tls),
            })?;
            (secured, trust.proof)
        }
        Some(_) if tls == Tls::Required => return Err(SqlError::NoTls),
        _ => (packets, Proof::None),
    };
    let may_tell = packets.wire.is_local() || proof == Proof::Checked;
    let mut login = Login { packets, target, may_tell };
    login.respond(&greeting)?;
    Ok(login.packets)
}

struct Greeting {
    capabilities: u32,
    plugin: String,
    scramble: Vec<u8>,
}

/// Bytes of the random number that the password is mixed with.
const SCRAMBLE_BYTES: usize = 20;

impl Greeting {
    fn read(packet: &[u8]) -> Result<Greeting, SqlError> {
        if packet.first() == Some(&0xff) {
            return Err(refusal(packet, "the connection"));
        }
        Greeting::parse(packet).ok_or(SqlError::Malformed(GREETING))
    }

    fn parse(packet: &[u8]) -> Option<Greeting> {
        let mut left = Left(packet);
        if left.byte()? != 10 {
            return None;
        }
        let _version = left.until_nul();
        let _thread = left.number(4)?;
        let mut scramble = left.bytes(8)?.to_vec();
        left.bytes(1)?;
        let low = left.number(2)?;
        let _charset_and_status = left.bytes(3)?;
        let high = left.number(2)?;
        let capabilities = u32::try_from(low | high << 16).ok()?;
        let length = usize::from(left.byte()?);
        left.bytes(10)?;
        let rest = left.bytes(length.saturating_sub(8).max(13))?;
        scramble.extend_from_slice(rest);
        scramble.truncate(SCRAMBLE_BYTES);
        let plugin = plain(left.until_nul());
        (capabilities & NEEDED == NEEDED && scramble.len() == SCRAMBLE_BYTES).then_some(Greeting {
            capabilities,
            plugin,
            scramble,
        })
    }
}

/// What both the request for TLS and the login begin with.
fn head(capabilities: u32) -> Vec<u8> {
    let mut head = capabilities.to_le_bytes().to_vec();
    head.extend(PACKET_BYTES_MAX.to_le_bytes());
    head.push(CHARSET);
    head.extend([0; 23]);
    head
}

struct Login<'t> {
    packets: Packets,
    target: &'t Target,
    /// Whether the password itself may go over the wire.
    may_tell: bool,
}

impl Login<'_> {
    fn respond(&mut self, greeting: &Greeting) -> Result<(), SqlError> {
        // What the server proposes may not be this user's; it says so then.
        let plugin = if greeting.plugin == CACHING { CACHING } else { NATIVE };
        let answer = self.answer(plugin, &greeting.scramble)?;
        let tls = if matches!(self.packets.wire, Wire::Tls(_)) { SSL } else { 0 };
        let mut response = head(OURS | tls);
        let Target { user, database, .. } = self.target;
        response.extend(user.bytes().chain([0]));
        response.push(u8::try_from(answer.len()).unwrap_or_default());
        response.extend(answer);
        response.extend(database.bytes().chain([0]));
        response.extend(plugin.bytes().chain([0]));
        self.packets.write(&response)?;
        self.until_known()
    }

    fn until_known(&mut self) -> Result<(), SqlError> {
        /// A switch, a request for the password, and the outcome.
        const STEPS_MAX: usize = 6;
        for _ in 0..STEPS_MAX {
            let packet = self.packets.read(LOGIN)?;
            match packet.first() {
                Some(0x00) => return Ok(()),
                Some(0xff) => return Err(refusal(&packet, LOGIN)),
                Some(0xfe) => self.switch(&packet)?,
                Some(0x01) => self.more(&packet)?,
                _ => break,
            }
        }
        Err(SqlError::Malformed(LOGIN))
    }

    /// The server wants another way for this user.
    fn switch(&mut self, packet: &[u8]) -> Result<(), SqlError> {
        let mut left = Left(packet.get(1..).unwrap_or_default());
        if left.0.is_empty() {
            return Err(SqlError::Plugin("mysql_old_password".into()));
        }
        let plugin = plain(left.until_nul());
        let scramble = left.0.get(..SCRAMBLE_BYTES).unwrap_or(left.0).to_vec();
        let answer = self.answer(&plugin, &scramble)?;
        self.packets.write(&answer)
    }

    fn answer(&self, plugin: &str, scramble: &[u8]) -> Result<Vec<u8>, SqlError> {
        let password = self.target.password.expose().as_bytes();
        match plugin {
            NATIVE | CACHING if password.is_empty() => Ok(Vec::new()),
            NATIVE => Ok(native(password, scramble)),
            CACHING => Ok(caching(password, scramble)),
            _ => Err(SqlError::Plugin(plugin.to_owned())),
        }
    }

    /// `caching_sha2_password`: it knows us already, or wants the password itself.
    fn more(&mut self, packet: &[u8]) -> Result<(), SqlError> {
        match packet.get(1..) {
            Some([0x03]) => Ok(()),
            Some([0x04]) if self.may_tell => {
                let password = self.target.password.expose().bytes().chain([0]).collect::<Vec<u8>>();
                self.packets.write(&password)
            }
            Some([0x04]) => Err(SqlError::PasswordInTheOpen),
            _ => Err(SqlError::Malformed(LOGIN)),
        }
    }
}

/// SHA1(password) XOR SHA1(scramble, SHA1(SHA1(password)))
fn native(password: &[u8], scramble: &[u8]) -> Vec<u8> {
    let once = Sha1::digest(password);
    let mixed = Sha1::new().chain_update(scramble).chain_update(Sha1::digest(once)).finalize();
    once.iter().zip(mixed).map(|(a, b)| a ^ b).collect()
}

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble)
fn caching(password: &[u8], scramble: &[u8]) -> Vec<u8> {
    let once = Sha256::digest(password);
    let mixed = Sha256::new().chain_update(Sha256::digest(once)).chain_update(scramble).finalize();
    once.iter().zip(mixed).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_greeting_is_read_without_panic(
            at in 0..GREETED.len(),
            bytes in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let greeting = [&GREETED[..at], &bytes[..], GREETED.get(at + bytes.len()..).unwrap_or_default()].concat();
            if let Ok(greeting) = Greeting::read(&greeting) {
                prop_assert_eq!(greeting.scramble.len(), SCRAMBLE_BYTES);
                prop_assert!(!greeting.plugin.chars().any(char::is_control));
            }
        }
    }

    /// As MariaDB 10.11 sends it.
    const GREETED: &[u8] = b"\x0a5.5.5-10.11.19-MariaDB\0\x05\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0ijklmnopqrst\0mysql_native_password\0";

    #[test]
    fn a_greeting_is_read_and_each_shorter_one_refused() {
        let greeting = Greeting::parse(GREETED).unwrap();
        assert_eq!(greeting.scramble, b"abcdefghijklmnopqrst");
        assert_eq!(greeting.plugin, NATIVE);
        let needed = GREETED.len() - "mysql_native_password\0".len();
        for length in 0..needed {
            assert!(Greeting::parse(&GREETED[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn a_greeting_that_is_an_error_says_which() {
        let refused = Greeting::read(b"\xff\x10\x04Too many connections").err().unwrap();
        assert!(refused.is_away());
        assert!(refused.to_string().contains("Too many connections"));
    }

    #[test]
    fn answers_are_those_that_another_program_computes() {
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        // By Python's hashlib, from the formulas in MySQL's documentation.
        assert_eq!(
            hex(native(b"S3cret", b"abcdefghijklmnopqrst")),
            "e78e87fdfa3434a99f421d66a2f6c8b2754a941b"
        );
        assert_eq!(
            hex(caching(b"S3cret", b"abcdefghijklmnopqrst")),
            "e22e74ed8cc42c23ddd3e44e89771aa807e630b8c5ef2750223dc273357c8424"
        );
    }
}
