//! A query and its rows, as text, within bounds.
//! Not here: what is asked, and what the rows mean. Source: MySQL's "Client/Server Protocol", COM_QUERY.

use super::error::SqlError;
use super::packet::{Left, Packets, plain, refusal};

/// Far more than a cluster has nodes or roles of nodes.
const ROWS_MAX: usize = 200_000;
/// Of all rows of one answer.
const BYTES_MAX: usize = 64 << 20;
const COLUMNS_MAX: u64 = 256;

const COM_QUIT: u8 = 1;
const COM_QUERY: u8 = 3;
const ANSWER: &str = "answering";

/// One of the two queries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'q> {
    /// Its key in rolewall.toml.
    pub(super) name: &'static str,
    pub(super) text: &'q str,
    /// The columns that are wanted, in this order.
    pub(super) columns: &'static [&'static str],
}

/// A row's values in the order of the wanted columns; NULL is an empty text.
pub(super) type Row = Vec<String>;

impl Packets {
    /// A statement that gives nothing back.
    pub(super) fn execute(&mut self, statement: &str, doing: &'static str) -> Result<(), SqlError> {
        self.command(statement)?;
        let packet = self.read(ANSWER)?;
        match packet.first() {
            Some(0x00) => Ok(()),
            Some(0xff) => Err(refusal(&packet, doing)),
            _ => Err(SqlError::Malformed(ANSWER)),
        }
    }

    pub(super) fn rows(&mut self, asked: Asked<'_>) -> Result<Vec<Row>, SqlError> {
        self.command(asked.text)?;
        let picks = self.columns(asked)?;
        let too_much = |what: String| SqlError::TooMuch { query: asked.name, what };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        loop {
            let packet = self.read(ANSWER)?;
            if is_end(&packet) {
                return Ok(rows);
            }
            if packet.first() == Some(&0xff) {
                return Err(refusal(&packet, doing(asked)));
            }
            bytes += packet.len();
            if rows.len() == ROWS_MAX {
                return Err(too_much(format!("{ROWS_MAX} rows")));
            }
            if bytes > BYTES_MAX {
                return Err(too_much(format!("{BYTES_MAX} bytes")));
            }
            rows.push(row(&packet, &picks, asked)?);
        }
    }

    /// Says good-bye; whether the server hears it is all the same.
    pub(super) fn quit(mut self) {
        self.begin();
        let _ = self.write(&[COM_QUIT]);
    }

    fn command(&mut self, text: &str) -> Result<(), SqlError> {
        self.begin();
        let mut packet = vec![COM_QUERY];
        packet.extend_from_slice(text.as_bytes());
        self.write(&packet)
    }

    /// Where each wanted column is among those that come; by its name, in either case of letters.
    fn columns(&mut self, asked: Asked<'_>) -> Result<Picks, SqlError> {
        let packet = self.read(ANSWER)?;
        if packet.first() == Some(&0xff) {
            return Err(refusal(&packet, doing(asked)));
        }
        // 0x00: no rows come of it. 0xfb: the server wants one of our files.
        let count = Left(&packet).length().filter(|count| (1..=COLUMNS_MAX).contains(count));
        let count = count.ok_or(SqlError::Malformed(ANSWER))?;
        let mut found = Vec::new();
        for _ in 0..count {
            let name = column_name(&self.read(ANSWER)?).ok_or(SqlError::Malformed(ANSWER))?;
            found.push(name);
        }
        if !is_end(&self.read(ANSWER)?) {
            return Err(SqlError::Malformed(ANSWER));
        }
        Picks::of(&found, asked)
    }
}

fn doing(asked: Asked<'_>) -> &'static str {
    if asked.name == "nodes" { "the query inventory.sql.nodes" } else { "the query inventory.sql.roles" }
}

/// The fifth text: after catalogue, schema, table and original table.
fn column_name(packet: &[u8]) -> Option<String> {
    let mut left = Left(packet);
    for _ in 0..4 {
        left.text()?;
    }
    Some(plain(left.text()?))
}

/// A packet of the kind EOF; a row that begins with 0xfe is far longer.
fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}

struct Picks {
    columns: usize,
    wanted: Vec<usize>,
}

impl Picks {
    fn of(found: &[String], asked: Asked<'_>) -> Result<Picks, SqlError> {
        let index = |column: &&'static str| {
            let at = found.iter().position(|name| name.eq_ignore_ascii_case(column));
            at.ok_or_else(|| SqlError::NoColumn { query: asked.name, column, found: found.join(", ") })
        };
        let wanted = asked.columns.iter().map(index).collect::<Result<_, _>>()?;
        Ok(Picks { columns: found.len(), wanted })
    }
}

fn row(packet: &[u8], picks: &Picks, asked: Asked<'_>) -> Result<Row, SqlError> {
    let mut left = Left(packet);
    let mut values = Vec::with_capacity(picks.columns);
    for _ in 0..picks.columns {
        values.push(left.value().ok_or(SqlError::Malformed(ANSWER))?.unwrap_or_default());
    }
    let text = |(&index, &column): (&usize, &&'static str)| {
        let value = values.get(index).copied().unwrap_or_default();
        let text = std::str::from_utf8(value).map(str::to_owned);
        text.map_err(|_| SqlError::NotText { query: asked.name, column })
    };
    picks.wanted.iter().zip(asked.columns).map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASKED: Asked<'static> = Asked { name: "roles", text: "", columns: &["nodeid", "role"] };

    #[test]
    fn columns_are_taken_by_name_whatever_their_order() {
        let picks = Picks::of(&["Role".into(), "x".into(), "NodeId".into()], ASKED).unwrap();
        assert_eq!(row(b"\x03sip\xfb\x017", &picks, ASKED).unwrap(), ["7", "sip"]);
        assert_eq!(row(b"\xfb\xfb\x017", &picks, ASKED).unwrap(), ["7", ""]);
        let missing = Picks::of(&["id".into(), "role".into()], ASKED).err().unwrap().to_string();
        assert!(missing.contains("no column \"nodeid\"; its columns are id, role"), "{missing}");
    }

    #[test]
    fn a_row_that_is_cut_or_no_text_is_refused() {
        let picks = Picks::of(&["nodeid".into(), "role".into()], ASKED).unwrap();
        for cut in [&b""[..], b"\x01", b"\x017", b"\x017\x03si", b"\xff"] {
            assert!(matches!(row(cut, &picks, ASKED), Err(SqlError::Malformed(_))), "{cut:?}");
        }
        assert!(matches!(row(b"\x017\x02\xff\xfe", &picks, ASKED), Err(SqlError::NotText { .. })));
    }

    proptest! {
        #[test]
        fn any_packet_is_read_without_panic(
            packet in prop::collection::vec(prop_oneof![any::<u8>(), 0..4u8, 0xfa..=0xffu8], 0..60),
        ) {
            let picks = Picks::of(&["role".into(), "x".into(), "nodeid".into()], ASKED).unwrap();
            if let Ok(row) = row(&packet, &picks, ASKED) {
                prop_assert_eq!(row.len(), ASKED.columns.len());
            }
            if let Some(name) = column_name(&packet) {
                prop_assert!(!name.chars().any(char::is_control));
            }
            prop_assert!(!refusal(&packet, "x").to_string().chars().any(char::is_control));
            let _ = is_end(&packet);
        }
    }
}
