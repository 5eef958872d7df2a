//! The bytes between us and the server: a socket that keeps a deadline, and TLS over it.
//! Not here: what the bytes mean.

use super::error::SqlError;
use super::target::Server;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The moment at which nobody waits any longer, for whatever it may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    whole: Duration,
}

impl Deadline {
    pub(super) fn after(whole: Duration) -> Deadline {
        Deadline { at: Instant::now() + whole, whole }
    }

    fn left(self) -> io::Result<Duration> {
        let left = self.at.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
    }

    /// An error of input or output, told apart: too late, or otherwise.
    pub(super) fn error(self, error: io::Error) -> SqlError {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => SqlError::Late(self.whole.as_secs()),
            _ => SqlError::Lost(error),
        }
    }
}

/// A socket whose every read and write ends at the deadline, however slowly the other end drips.
#[derive(Debug)]
pub(super) struct Timed {
    socket: Socket,
    deadline: Deadline,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Timed {
    /// To the first of the server's addresses that answers.
    pub(super) fn connect(server: &Server, deadline: Deadline) -> Result<Timed, SqlError> {
        let socket = match server {
            Server::Tcp { addresses, .. } => Socket::Tcp(any_of(addresses, deadline)?),
            Server::Socket(path) => Socket::Unix(by_path(path, deadline).map_err(SqlError::Connect)?),
        };
        Ok(Timed { socket, deadline })
    }
}

fn any_of(addresses: &[SocketAddr], deadline: Deadline) -> Result<TcpStream, SqlError> {
    let mut failed = io::Error::from(ErrorKind::AddrNotAvailable);
    for (index, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        // One that does not answer leaves time for the others.
        let connected = deadline.left().and_then(|left| TcpStream::connect_timeout(address, left / others));
        match connected {
            Ok(stream) => {
                // Without it each small packet waits for the answer to the one before.
                stream.set_nodelay(true).map_err(SqlError::Connect)?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    Err(match failed.kind() {
        ErrorKind::TimedOut => SqlError::Late(deadline.whole.as_secs()),
        _ => SqlError::Connect(failed),
    })
}

/// A server whose queue is full would keep us waiting: the timeout for sending counts for connecting too.
fn by_path(path: &Path, deadline: Deadline) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(deadline.left()?))?;
    connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.left()?;
        match &mut self.socket {
            Socket::Tcp(socket) => {
                socket.set_read_timeout(Some(left))?;
                socket.read(buffer)
            }
            Socket::Unix(socket) => {
                socket.set_read_timeout(Some(left))?;
                socket.read(buffer)
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let left = self.deadline.left()?;
        match &mut self.socket {
            Socket::Tcp(socket) => {
                socket.set_write_timeout(Some(left))?;
                socket.write(buffer)
            }
            Socket::Unix(socket) => {
                socket.set_write_timeout(Some(left))?;
                socket.write(buffer)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In the clear, or encrypted.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Wire {
    fn timed(&self) -> &Timed {
        match self {
            Wire::Plain(timed) => timed,
            Wire::Tls(stream) => &stream.sock,
        }
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.timed().deadline
    }

    /// Whether it never leaves this host.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.timed().socket, Socket::Unix(_))
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(timed) => timed.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(timed) => timed.write(buffer),
            Wire::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(timed) => timed.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}
