//! A process of a drill's node that listens and echoes, under the name of the program for which it stands.
//! Not here: any protocol above TCP and UDP; a firewall sees none either.

use crate::failure::Failure;
use std::io::{self, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

/// What it says once all its ports are open.
pub(super) const READY: &str = "ready";

/// `NAME=tcp/22,udp/5060`: listens on these ports of every address until it is killed.
pub(super) fn play(part: &str) -> Result<(), Failure> {
    let wrong = || Failure::input(format_args!("\"{part}\" is no part")).help("NAME=tcp/22,udp/5060");
    let (name, ports) = part.split_once('=').ok_or_else(wrong)?;
    for port in ports.split(',') {
        let (proto, number) = port.split_once('/').ok_or_else(wrong)?;
        let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, number.parse().map_err(|_| wrong())?));
        let refuse = |e: io::Error| Failure::host(format_args!("{name}: listening on {port}: {e}"));
        match proto {
            "tcp" => serve_tcp(TcpListener::bind(at).map_err(refuse)?),
            "udp" => serve_udp(UdpSocket::bind(at).map_err(refuse)?),
            _ => return Err(wrong()),
        }
    }
    std::fs::write("/proc/self/comm", name).map_err(Failure::host)?;
    println!("{READY}");
    // Standard input is empty from the start, so it tells nothing; the end comes by a signal.
    loop {
        std::thread::park();
    }
}

fn serve_tcp(listener: TcpListener) {
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || echo(connection));
        }
    });
}

/// Until the far end closes or resets, which most probes do at once.
fn echo(mut connection: TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut buffer = [0; 4096];
    loop {
        match connection.read(&mut buffer)? {
            0 => return Ok(()),
            count => connection.write_all(&buffer[..count])?,
        }
    }
}

fn serve_udp(socket: UdpSocket) {
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        loop {
            // An error is of one earlier answer, a port unreachable say.
            if let Ok((count, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..count], from);
            }
        }
    });
}
