//! Whether a file has none of some words, found without holding it: to put a large inventory into memory takes
//! longer than to search it.
//! Not here: any file that is not plainly what it should be; whoever reads the whole tells what is wrong with it.

use memchr::memmem::Finder;
use rolewall_policy::problem::INPUT_BYTES_MAX;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// So much of a file is looked at at once, in bytes: it stays in a cache of the processor.
const PIECE_BYTES: usize = 64 << 10;

/// True only of a regular file of valid UTF-8 that is not too large and has none of the words.
pub(crate) fn has_none(path: &Path, words: &[String]) -> bool {
    // Before it is opened: opening a pipe would wait for its writer.
    let is_plain = path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= INPUT_BYTES_MAX);
    is_plain && File::open(path).is_ok_and(|file| none_in(file.take(INPUT_BYTES_MAX + 1), words))
}

fn none_in(mut file: impl Read, words: &[String]) -> bool {
    let finders: Vec<Finder<'_>> = words.iter().map(|word| Finder::new(word.as_bytes())).collect();
    // A word may begin in one piece and end in the next.
    let overlap = words.iter().map(String::len).max().unwrap_or(0);
    let mut piece = vec![0; PIECE_BYTES + overlap];
    let (mut filled, mut valid, mut total) = (0, 0, 0);
    loop {
        let read = match file.read(&mut piece[filled..]) {
            Ok(0) => return valid == filled && total <= INPUT_BYTES_MAX,
            Ok(read) => read,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return false,
        };
        total += read as u64;
        filled += read;
        let Some(more) = valid_up_to(&piece[valid..filled]) else { return false };
        valid += more;
        if finders.iter().any(|finder| finder.find(&piece[..filled]).is_some()) {
            return false;
        }
        let kept = filled.min(overlap.max(filled - valid));
        piece.copy_within(filled - kept..filled, 0);
        (filled, valid) = (kept, kept - (filled - valid));
    }
}

/// How much of it is UTF-8, if nothing but a character that is cut off at the end is not.
fn valid_up_to(bytes: &[u8]) -> Option<usize> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.len()),
        Err(error) => error.error_len().is_none().then_some(error.valid_up_to()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at a time.
    struct Dripping<'a>(&'a [u8], usize);

    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let len = self.1.min(self.0.len()).min(into.len());
            let (now, rest) = self.0.split_at(len);
            into[..len].copy_from_slice(now);
            self.0 = rest;
            Ok(len)
        }
    }

    fn none(bytes: &[u8]) -> Vec<bool> {
        let words = ["\"sip1\"".to_owned(), "\"10.0.0.1\"".to_owned()];
        [1, 2, 7, PIECE_BYTES, 1 << 20].into_iter().map(|n| none_in(Dripping(bytes, n), &words)).collect()
    }

    #[test]
    fn a_word_is_found_wherever_it_is_and_however_it_is_cut() {
        assert_eq!(none(b""), [true; 5]);
        assert_eq!(none(b"name = \"sip2\" # sip1"), [true; 5]);
        assert_eq!(none(b"name = \"sip1\""), [false; 5]);
        let mut long = vec![b'#'; PIECE_BYTES - 3];
        long.extend_from_slice(b"\"10.0.0.1\"\n");
        assert_eq!(none(&long), [false; 5]);
        let mut longer = vec![b'#'; 3 * PIECE_BYTES + 77];
        assert_eq!(none(&longer), [true; 5]);
        longer.extend_from_slice(b"\"sip1\"");
        assert_eq!(none(&longer), [false; 5]);
    }

    #[test]
    fn what_is_not_utf_8_is_left_to_whoever_tells_so() {
        assert_eq!(none("# Köln, 東京".as_bytes()), [true; 5]);
        assert_eq!(none(b"# K\xf6ln"), [false; 5]);
        assert_eq!(none(&"# Köl"[..].as_bytes()[..4]), [false; 5]);
        let mut cut = "#".repeat(PIECE_BYTES + 9).into_bytes();
        cut.extend_from_slice("東京".as_bytes());
        assert_eq!(none(&cut), [true; 5]);
        cut.pop();
        assert_eq!(none(&cut), [false; 5]);
    }

    #[test]
    fn a_file_that_is_none_is_left_to_whoever_tells_so() {
        let words = ["\"sip1\"".to_owned()];
        assert!(!has_none(Path::new("/nowhere/at/all"), &words));
        assert!(!has_none(Path::new("/"), &words));
        assert!(!has_none(Path::new("/dev/zero"), &words));
    }
}
