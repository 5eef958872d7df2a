//! Servers in a host that echo what they get: TCP on the wildcard of both families, UDP on each address.
//! Not here: any protocol above; what is measured with them is whether packets get through.

use crate::descriptors::{open_port, room_for};
use crate::host::Host;
use rolewall_kernel::NetNsError;
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::net::{Shutdown, shutdown};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Connections that may wait to be accepted, as many as `net.core.somaxconn` allows by default.
const BACKLOG: i32 = 4096;

/// The token of the descriptor that ends the loop.
const STOP: u64 = u64::MAX;

/// Which ports to serve.
#[derive(Debug, Clone, Default)]
pub struct Listen {
    tcp: BTreeSet<u16>,
    udp: BTreeSet<u16>,
}

/// Ports that are being served by one thread; closed when dropped.
///
/// TCP listens on `[::]`, which is every address of both families. UDP has a socket for each address of
/// the host and of `lo`, so that the answer comes from the address that was asked. A connection whose
/// peer does not read is closed.
#[derive(Debug)]
pub struct Server {
    stop: Arc<OwnedFd>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// Why ports could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The host's namespace could not be entered.
    #[error("host {host}: {source}")]
    NetNs {
        /// The host.
        host: String,
        /// Why.
        source: NetNsError,
    },
    /// A port could not be opened.
    #[error("host {host}: listening on {proto} {address}: {source}")]
    Listen {
        /// The host.
        host: String,
        /// `tcp` or `udp`.
        proto: &'static str,
        /// The address and port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The loop that serves could not be set up.
    #[error("host {host}: setting up its servers: {source}")]
    Loop {
        /// The host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Listen {
    /// Nothing yet.
    pub fn new() -> Listen {
        Listen::default()
    }

    /// TCP ports more: `[80, 443]`, `8000..=8010`.
    #[must_use]
    pub fn tcp(mut self, ports: impl IntoIterator<Item = u16>) -> Listen {
        self.tcp.extend(ports);
        self
    }

    /// UDP ports more.
    #[must_use]
    pub fn udp(mut self, ports: impl IntoIterator<Item = u16>) -> Listen {
        self.udp.extend(ports);
        self
    }
}

impl Host {
    /// Serves ports until the value is dropped.
    pub fn serve(&self, listen: Listen) -> Result<Server, ServeError> {
        let host = || self.name().to_owned();
        let sockets = self.in_namespace(|| open(self, &listen));
        let sockets = sockets.map_err(|source| ServeError::NetNs { host: host(), source })??;
        Server::start(sockets, &listen).map_err(|source| ServeError::Loop { host: host(), source })
    }
}

impl Server {
    /// Connections that TCP `port` has accepted so far; none if it is not served.
    pub fn tcp_accepted(&self, port: u16) -> u64 {
        count(&self.counts.tcp, port)
    }

    /// Datagrams that UDP `port` has received so far, whoever sent them; none if it is not served.
    pub fn udp_received(&self, port: u16) -> u64 {
        count(&self.counts.udp, port)
    }

    fn start(sockets: Vec<Socket>, listen: &Listen) -> io::Result<Server> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let counts = Arc::new(Counts::new(listen));
        let serving = Serving::new(sockets, &stop, Arc::clone(&counts))?;
        let thread =
            std::thread::Builder::new().name("lab-server".to_owned()).spawn(move || serving.run())?;
        Ok(Server { stop, counts, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1u64.to_ne_bytes());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What has arrived, by port.
#[derive(Debug)]
struct Counts {
    tcp: BTreeMap<u16, AtomicU64>,
    udp: BTreeMap<u16, AtomicU64>,
}

impl Counts {
    fn new(listen: &Listen) -> Counts {
        let zeros = |ports: &BTreeSet<u16>| ports.iter().map(|port| (*port, AtomicU64::new(0))).collect();
        Counts { tcp: zeros(&listen.tcp), udp: zeros(&listen.udp) }
    }
}

fn count(counts: &BTreeMap<u16, AtomicU64>, port: u16) -> u64 {
    counts.get(&port).map_or(0, |count| count.load(Ordering::Relaxed))
}

fn count_one(counts: &BTreeMap<u16, AtomicU64>, port: u16) {
    if let Some(count) = counts.get(&port) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A served socket with its port.
#[derive(Debug)]
enum Socket {
    Tcp(TcpListener, u16),
    Udp(UdpSocket, u16),
}

/// Opens all sockets, for a thread inside the namespace.
fn open(host: &Host, listen: &Listen) -> Result<Vec<Socket>, ServeError> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let addresses: BTreeSet<IpAddr> = host.addresses().chain(loopback).collect();
    room_for(listen.tcp.len() + listen.udp.len() * addresses.len());
    let refuse = |proto, address| {
        move |source| ServeError::Listen { host: host.name().to_owned(), proto, address, source }
    };
    let mut sockets = Vec::new();
    for port in &listen.tcp {
        let address = SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port));
        sockets.push(Socket::Tcp(open_port(|| listen_tcp(address)).map_err(refuse("tcp", address))?, *port));
    }
    for (port, ip) in listen.udp.iter().flat_map(|port| addresses.iter().map(move |ip| (port, ip))) {
        let address = SocketAddr::from((*ip, *port));
        let socket = open_port(|| UdpSocket::bind(address)).and_then(|s| s.set_nonblocking(true).map(|()| s));
        sockets.push(Socket::Udp(socket.map_err(refuse("udp", address))?, *port));
    }
    Ok(sockets)
}

/// A listener that takes both families whatever `net.ipv6.bindv6only` says, with a backlog for storms.
fn listen_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET6, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_ipv6_v6only(&socket, false)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// The loop of one server thread.
struct Serving {
    epoll: OwnedFd,
    sockets: Vec<Socket>,
    connections: HashMap<u64, TcpStream>,
    next_connection: u64,
    counts: Arc<Counts>,
    /// Kept open as long as the loop waits on it.
    _stop: Arc<OwnedFd>,
}

impl Serving {
    fn new(sockets: Vec<Socket>, stop: &Arc<OwnedFd>, counts: Arc<Counts>) -> io::Result<Serving> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (token, socket) in (0u64..).zip(&sockets) {
            match socket {
                Socket::Tcp(listener, _) => watch(&epoll, listener, token)?,
                Socket::Udp(socket, _) => watch(&epoll, socket, token)?,
            }
        }
        watch(&epoll, &**stop, STOP)?;
        let next_connection = sockets.len() as u64;
        let connections = HashMap::new();
        Ok(Serving { epoll, sockets, connections, next_connection, counts, _stop: Arc::clone(stop) })
    }

    fn run(mut self) {
        let mut events = Vec::with_capacity(256);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            for event in &events {
                match event.data.u64() {
                    STOP => return,
                    token => self.handle(token),
                }
            }
        }
    }

    fn handle(&mut self, token: u64) {
        match usize::try_from(token).ok().and_then(|index| self.sockets.get(index)) {
            Some(Socket::Udp(socket, port)) => answer_all(socket, &self.counts, *port),
            Some(Socket::Tcp(listener, port)) => {
                let accepted: Vec<TcpStream> =
                    std::iter::from_fn(|| listener.accept().ok()).map(|(c, _)| c).collect();
                let port = *port;
                accepted.into_iter().for_each(|connection| self.adopt(connection, port));
            }
            None => {
                if self.connections.get_mut(&token).is_some_and(|c| echo(c).is_err()) {
                    self.connections.remove(&token);
                }
            }
        }
    }

    fn adopt(&mut self, connection: TcpStream, port: u16) {
        count_one(&self.counts.tcp, port);
        let ready = connection.set_nonblocking(true).and_then(|()| connection.set_nodelay(true));
        let token = self.next_connection;
        if ready.and_then(|()| watch(&self.epoll, &connection, token)).is_ok() {
            self.next_connection += 1;
            self.connections.insert(token, connection);
        }
    }
}

impl Drop for Serving {
    /// Ends listening and talking even where a process that is being started has a copy of the descriptor.
    fn drop(&mut self) {
        for socket in &self.sockets {
            if let Socket::Tcp(listener, _) = socket {
                let _ = shutdown(listener, Shutdown::Both);
            }
        }
        for connection in self.connections.values() {
            let _ = shutdown(connection, Shutdown::Both);
        }
    }
}

fn watch(epoll: &OwnedFd, socket: impl AsFd, token: u64) -> io::Result<()> {
    Ok(epoll::add(epoll, socket, epoll::EventData::new_u64(token), epoll::EventFlags::IN)?)
}

/// Answers every datagram that waits. An error is of one earlier answer, a port unreachable say.
fn answer_all(socket: &UdpSocket, counts: &Counts, port: u16) {
    let mut buffer = [0; 2048];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((count, from)) => {
                count_one(&counts.udp, port);
                let _ = socket.send_to(&buffer[..count], from);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => {}
        }
    }
}

/// Sends back all that has come; an error when the connection is to be closed.
fn echo(connection: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match connection.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => connection.write_all(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
