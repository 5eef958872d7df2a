//! One connection to an endpoint: bounded in time and in bytes, in clear text or within TLS.
//! Not here: what is asked over it.

use super::super::answer::Tls;
use super::tls;
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// More than any answer that is read here needs.
const BYTES_MAX: usize = 64 * 1024;
/// How much of an unexpected answer is shown.
const EXCERPT_BYTES: usize = 48;

/// What a reader of bytes makes of those that have come so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply<T> {
    /// More have to come.
    Partial,
    /// It is all there.
    Whole(T),
    /// It is not of the protocol.
    Foreign,
}

impl<T> Reply<T> {
    /// The value made another.
    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Reply<U> {
        match self {
            Reply::Partial => Reply::Partial,
            Reply::Whole(value) => Reply::Whole(with(value)),
            Reply::Foreign => Reply::Foreign,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Not in time.
    Silent,
    /// The connection was closed.
    Closed,
    /// More than is read.
    TooLong,
    /// Not of the protocol: how it begins.
    Foreign(Vec<u8>),
    /// What the system said.
    Failed(String),
}

impl Stop {
    pub(crate) fn words(&self) -> String {
        match self {
            Stop::Silent => "nothing came in time".into(),
            Stop::Closed => "it closed the connection".into(),
            Stop::TooLong => format!("its answer is longer than {BYTES_MAX} bytes"),
            Stop::Foreign(bytes) => excerpt(bytes),
            Stop::Failed(error) => error.clone(),
        }
    }
}

/// A connection that ends at its deadline.
#[derive(Debug)]
pub(super) struct Timed {
    socket: TcpStream,
    deadline: Instant,
    /// The first bytes that came, to tell TLS from something else.
    pub(super) first: Vec<u8>,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        let count = self.socket.read(buffer)?;
        let wanted = EXCERPT_BYTES.saturating_sub(self.first.len()).min(count);
        self.first.extend_from_slice(&buffer[..wanted]);
        Ok(count)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

#[derive(Debug)]
enum Stream {
    Clear(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
    /// A handshake did not end well.
    Ended,
}

/// A connection over which questions go out and answers come in.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: Stream,
    peer: SocketAddr,
    local: SocketAddr,
}

impl Channel {
    /// Connects, and gives the whole conversation until `deadline`.
    pub(crate) fn open(peer: SocketAddr, deadline: Instant) -> io::Result<Channel> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let socket = TcpStream::connect_timeout(&peer, left)?;
        socket.set_nodelay(true)?;
        let local = socket.local_addr()?;
        Ok(Channel { stream: Stream::Clear(Timed { socket, deadline, first: Vec::new() }), peer, local })
    }

    /// The other side, and this one.
    pub(crate) fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.peer, self.local)
    }

    /// Whether it is within TLS.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Shakes hands. Without a session nothing can be asked over this connection any more.
    pub(crate) fn secure(&mut self, domain: Option<&str>) -> Tls {
        let Stream::Clear(mut timed) = std::mem::replace(&mut self.stream, Stream::Ended) else {
            return Tls::Nothing(Stop::Closed.words());
        };
        timed.first.clear();
        match tls::handshake(timed, self.peer.ip(), domain) {
            Ok((stream, session)) => {
                self.stream = Stream::Tls(Box::new(stream));
                Tls::Session(Box::new(session))
            }
            Err(tls) => tls,
        }
    }

    /// Sends a question, which may be none, and reads until the answer is whole.
    pub(crate) fn ask<T>(&mut self, question: &[u8], read: impl Fn(&[u8]) -> Reply<T>) -> Result<T, Stop> {
        self.send(question)?;
        let mut received = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match read(&received) {
                Reply::Whole(answer) => return Ok(answer),
                Reply::Foreign => return Err(Stop::Foreign(received)),
                Reply::Partial if received.len() >= BYTES_MAX => return Err(Stop::TooLong),
                Reply::Partial => {}
            }
            match self.read(&mut chunk) {
                Ok(0) if received.is_empty() => return Err(Stop::Closed),
                Ok(0) => return Err(Stop::Foreign(received)),
                Ok(count) => received.extend_from_slice(&chunk[..count]),
                Err(error) if received.is_empty() => return Err(stop(&error)),
                Err(_) => return Err(Stop::Foreign(received)),
            }
        }
    }

    /// Sends what wants no answer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let sent = match &mut self.stream {
            Stream::Clear(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Stream::Ended => return Err(Stop::Closed),
        };
        sent.map_err(|error| stop(&error))
    }

    fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Clear(stream) => stream.read(chunk),
            Stream::Tls(stream) => stream.read(chunk),
            Stream::Ended => Ok(0),
        }
    }
}

fn stop(error: &io::Error) -> Stop {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Stop::Silent,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Stop::Closed,
        _ => Stop::Failed(crate::failure::in_words(error)),
    }
}

/// The beginning of what somebody else sent: printable, short, on one line.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(EXCERPT_BYTES)];
    let text: String = shown.escape_ascii().map(char::from).collect();
    if bytes.len() > EXCERPT_BYTES { text + "…" } else { text }
}

/// Words of the other side, cut to a line that can be shown.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const CHARACTERS_MAX: usize = 160;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * CHARACTERS_MAX)]);
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(printable).take(CHARACTERS_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A channel to somebody who sends these bytes again and again, with a pause before each.
    fn to(bytes: &'static [u8], pause: Duration, timeout: Duration) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            std::thread::sleep(pause);
            while !bytes.is_empty() && stream.write_all(bytes).is_ok() {
                std::thread::sleep(pause);
            }
        });
        Channel::open(peer, Instant::now() + timeout).unwrap()
    }

    fn never(_: &[u8]) -> Reply<()> {
        Reply::Partial
    }

    #[test]
    fn an_answer_without_end_is_read_up_to_its_bound() {
        let mut channel = to(&[b'x'; 1000], Duration::ZERO, Duration::from_secs(20));
        assert_eq!(channel.ask(b"?", never), Err(Stop::TooLong));
    }

    #[test]
    fn an_answer_by_drops_ends_at_the_deadline() {
        let timeout = Duration::from_millis(300);
        let mut channel = to(b"x", Duration::from_millis(20), timeout);
        let began = Instant::now();
        let Err(Stop::Foreign(bytes)) = channel.ask(b"?", never) else { panic!("it cannot end") };
        assert!(bytes.iter().all(|b| *b == b'x'));
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn silence_and_a_closed_connection_are_told_apart() {
        let mut silent = to(b"x", Duration::from_secs(5), Duration::from_millis(100));
        assert_eq!(silent.ask(&[], never), Err(Stop::Silent));
        let mut closed = to(b"", Duration::ZERO, Duration::from_secs(20));
        assert_eq!(closed.ask(&[], never), Err(Stop::Closed));
    }

    #[test]
    fn what_is_shown_of_a_peer_steers_no_terminal() {
        assert_eq!(excerpt(b"\x1b[31m\r\n"), "\\x1b[31m\\r\\n");
        assert_eq!(shown(b" a\x1b[31mb\n"), "a [31mb");
    }
}
