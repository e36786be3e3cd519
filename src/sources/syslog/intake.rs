//! The sockets of a syslog source: a thread for each place to listen at, and one for each connection.
//!
//! In: datagrams and connections. Out: messages, handed over one by one; who can't hand over stops
//! reading. Connections, their silence and what one sender may hold are bounded.

use super::config::{Listen, Transport, hears};
use super::framing::{Framer, Message, message, one_line};
use super::tls::Tls;
use super::{SyslogConfig, Teller, drops};
use crate::event::added::Added;
use crate::event::net::client_net;
use crate::event::{Said, What};
use crate::limits;
use crate::sources::supervise::{lock, spawn};
use crate::telemetry::{counter, gauge, names};
use crossbeam_channel::Sender;
use ipnet::IpNet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;
use rustls::{ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the threads of a source share.
pub(super) struct Shared {
    say: Sender<Said>,
    stopping: Arc<AtomicBool>,
    teller: Arc<Teller>,
    senders: Vec<IpNet>,
    idle: Duration,
    connections_max: usize,
    /// Open connections by sender.
    open: Mutex<BTreeMap<IpNet, usize>>,
}

impl Shared {
    pub(super) fn new(
        config: &SyslogConfig,
        say: Sender<Said>,
        stopping: &Arc<AtomicBool>,
        teller: &Arc<Teller>,
    ) -> Self {
        Self {
            say,
            stopping: Arc::clone(stopping),
            teller: Arc::clone(teller),
            senders: config.nets(),
            idle: config.idle,
            connections_max: config.connections_max,
            open: Mutex::default(),
        }
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Hands a message over; waits while the spool is full. False when nobody takes any more.
    fn say(&self, message: Message, sender: IpAddr) -> bool {
        if message.bytes.is_empty() {
            return true;
        }
        if message.cut {
            counter(names::RECORDS_TRUNCATED).add(1);
        }
        let mut added = Added::new();
        added.insert("sender".to_owned(), sender.to_string().into());
        let what = What::LineWith(one_line(message.bytes), added);
        self.say.send(Said { cursor: None, what, faults: Vec::new() }).is_ok()
    }

    fn hears(&self, sender: IpAddr) -> bool {
        let heard = hears(&self.senders, sender);
        if !heard {
            counter(names::INTAKE_REFUSED).add(1);
        }
        heard
    }

    /// Takes a place for a connection; `None` where there are too many.
    fn take_place(self: &Arc<Self>, sender: IpAddr) -> Option<Taken> {
        let net = client_net(sender);
        let mut open = lock(&self.open);
        let all: usize = open.values().sum();
        let of_sender = open.get(&net).copied().unwrap_or(0);
        if all >= self.connections_max || of_sender >= limits::INTAKE_CONNECTIONS_A_SENDER_MAX {
            drop(open);
            counter(names::INTAKE_REFUSED).add(1);
            self.teller.tell(&format!(
                "too many syslog connections ({} at once, {} of one sender): further ones are refused\nhint: `connections_max`",
                self.connections_max,
                limits::INTAKE_CONNECTIONS_A_SENDER_MAX
            ));
            return None;
        }
        *open.entry(net).or_default() += 1;
        gauge(names::INTAKE_CONNECTIONS).raise(1);
        Some(Taken { shared: Arc::clone(self), net })
    }
}

/// A connection's place, given back when dropped.
struct Taken {
    shared: Arc<Shared>,
    net: IpNet,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut open = lock(&self.shared.open);
        if let Some(count) = open.get_mut(&self.net) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.net);
            }
        }
        gauge(names::INTAKE_CONNECTIONS).lower(1);
    }
}

/// Begins to listen everywhere; why not, in words.
pub(super) fn listen(config: &SyslogConfig, shared: &Arc<Shared>) -> Result<(), String> {
    for place in config.places() {
        let failed = |error: io::Error| {
            let hint = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "\nhint: ports below 1024 need the capability CAP_NET_BIND_SERVICE"
                }
                ErrorKind::AddrInUse => "\nhint: another program listens there",
                _ => "",
            };
            format!("failed to listen at `{place}`: {error}{hint}")
        };
        let name = place.to_string();
        let shared = Arc::clone(shared);
        let begun = match place.transport {
            Transport::Udp => {
                let socket = udp(place).map_err(failed)?;
                spawn(&name, move || datagrams(&socket, &shared))
            }
            Transport::Tcp => {
                let listener = tcp(place).map_err(failed)?;
                spawn(&name, move || accept(&listener, None, &shared))
            }
            Transport::Tls => {
                let tls = Tls::open(
                    config.certificate.as_deref(),
                    config.key.as_deref(),
                    config.client_ca.as_deref(),
                )?;
                let tls = Arc::new(tls);
                let listener = tcp(place).map_err(failed)?;
                spawn(&name, move || accept(&listener, Some(&tls), &shared))
            }
        };
        begun.map_err(failed)?;
    }
    Ok(())
}

fn udp(place: Listen) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(place.address)?;
    let bytes = limits::INTAKE_DATAGRAMS_BYTES;
    // Without the right to more, the kernel gives what it lets everybody have.
    if sockopt::set_socket_recv_buffer_size_force(&socket, bytes).is_err() {
        sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    socket.set_read_timeout(Some(Duration::from_millis(limits::INTAKE_LOOK_MILLIS)))?;
    Ok(socket)
}

fn tcp(place: Listen) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(place.address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn datagrams(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = vec![0; limits::RECORD_BYTES_MAX + 1];
    let mut dropped = 0;
    let mut looked = Instant::now();
    let mut until: Option<Instant> = None;
    loop {
        if shared.stopping() && until.is_none() {
            until = Some(Instant::now() + Duration::from_millis(limits::INTAKE_DRAIN_MILLIS_MAX));
            if socket.set_nonblocking(true).is_err() {
                return;
            }
        }
        match socket.recv_from(&mut buffer) {
            Ok((count, sender)) => {
                let sender = sender.ip().to_canonical();
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                if shared.hears(sender) && !shared.say(message(bytes), sender) {
                    return;
                }
            }
            Err(error) if is_empty(&error) && until.is_some() => return,
            // What is told of one datagram (it could not be answered) says nothing of the next.
            Err(_) => {}
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return;
        }
        if looked.elapsed() >= Duration::from_secs(limits::INTAKE_DROPS_LOOK_SECS) {
            looked = Instant::now();
            let now = drops::drops(socket).unwrap_or(dropped);
            if now > dropped {
                counter(names::INTAKE_DROPPED).add(now - dropped);
                dropped = now;
                shared.teller.tell(
                    "the kernel dropped syslog datagrams that came faster than they were taken\nhint: senders that must lose nothing use `tcp:` or `tls:`",
                );
            }
        }
    }
}

fn is_empty(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn accept(listener: &TcpListener, tls: Option<&Arc<Tls>>, shared: &Arc<Shared>) {
    let look = Timespec {
        tv_sec: 0,
        tv_nsec: i64::try_from(limits::INTAKE_LOOK_MILLIS * 1_000_000).unwrap_or(0),
    };
    while !shared.stopping() {
        match listener.accept() {
            Ok((stream, address)) => {
                let sender = address.ip().to_canonical();
                if !shared.hears(sender) {
                    continue;
                }
                let Some(taken) = shared.take_place(sender) else { continue };
                let tls = tls.map(|tls| tls.config(&shared.teller));
                let body = move || {
                    if let Err(error) = Connection::open(stream, tls, sender, &taken.shared)
                        .and_then(|mut connection| connection.run())
                    {
                        tracing::debug!(%sender, %error, "a syslog connection ended");
                    }
                    drop(taken);
                };
                if let Err(error) = spawn("syslog-in", body) {
                    shared.teller.tell(&format!("failed to start a thread: {error}"));
                }
            }
            Err(error) => {
                if !is_empty(&error) && error.kind() != ErrorKind::ConnectionAborted {
                    // Too many open files, most likely.
                    shared.teller.tell(&format!("failed to take a syslog connection: {error}"));
                    std::thread::sleep(Duration::from_millis(limits::INTAKE_LOOK_MILLIS));
                }
                let mut wanted = [PollFd::new(listener, PollFlags::IN)];
                // A signal, or nothing: it is looked again anyway.
                let _looked = poll(&mut wanted, Some(&look));
            }
        }
    }
}

/// A connection's bytes, in the clear.
enum Wire {
    Plain,
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

struct Connection<'s> {
    stream: TcpStream,
    wire: Wire,
    sender: IpAddr,
    shared: &'s Shared,
}

impl<'s> Connection<'s> {
    fn open(
        stream: TcpStream,
        tls: Option<Arc<rustls::ServerConfig>>,
        sender: IpAddr,
        shared: &'s Shared,
    ) -> io::Result<Self> {
        // Whether a listener's setting is inherited depends on the system.
        stream.set_nonblocking(false)?;
        let look = Duration::from_millis(limits::INTAKE_LOOK_MILLIS);
        stream.set_read_timeout(Some(look))?;
        stream.set_write_timeout(Some(Duration::from_secs(limits::INTAKE_HANDSHAKE_SECS_MAX)))?;
        sockopt::set_socket_keepalive(&stream, true)?;
        let wire = match tls {
            None => Wire::Plain,
            Some(config) => {
                let session = ServerConnection::new(config).map_err(io::Error::other)?;
                Wire::Tls(Box::new(StreamOwned::new(session, stream.try_clone()?)))
            }
        };
        Ok(Self { stream, wire, sender, shared })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.wire {
            Wire::Plain => self.stream.read(buffer),
            Wire::Tls(stream) => match stream.read(buffer) {
                // Many senders end a connection without a word.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
                read => read,
            },
        }
    }

    /// Shakes hands over TLS, step by step: whoever sends a byte now and then gets no longer.
    fn shake_hands(&mut self) -> io::Result<()> {
        let Wire::Tls(wire) = &mut self.wire else { return Ok(()) };
        let StreamOwned { conn, sock } = &mut **wire;
        let until = Instant::now() + Duration::from_secs(limits::INTAKE_HANDSHAKE_SECS_MAX);
        loop {
            while conn.wants_write() {
                conn.write_tls(sock)?;
            }
            if !conn.is_handshaking() {
                return Ok(());
            }
            if self.shared.stopping() || Instant::now() >= until {
                return Err(ErrorKind::TimedOut.into());
            }
            match conn.read_tls(sock) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    if let Err(error) = conn.process_new_packets() {
                        // The other side is told why; it may have gone.
                        drop(conn.write_tls(sock));
                        return Err(io::Error::other(error));
                    }
                }
                Err(error) if is_empty(&error) || error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn run(&mut self) -> io::Result<()> {
        self.shake_hands()?;
        let mut framer = Framer::default();
        let mut buffer = vec![0; limits::SPOOL_READ_BYTES_MAX];
        let mut heard = Instant::now();
        let mut until: Option<Instant> = None;
        let (shared, sender) = (self.shared, self.sender);
        let ended = loop {
            if shared.stopping() && until.is_none() {
                // What has come already is taken, or its sender would think that it was.
                until =
                    Some(Instant::now() + Duration::from_millis(limits::INTAKE_DRAIN_MILLIS_MAX));
                self.stream.set_nonblocking(true)?;
            }
            match self.read(&mut buffer) {
                Ok(0) => break Ok(true),
                Ok(count) => {
                    heard = Instant::now();
                    let bytes = buffer.get(..count).unwrap_or_default();
                    if !framer.feed(bytes, |message| shared.say(message, sender)) {
                        return Ok(());
                    }
                }
                Err(error) if is_empty(&error) => {
                    if until.is_some() || heard.elapsed() > shared.idle {
                        break Ok(false);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                break Ok(false);
            }
        };
        match framer.finish() {
            Ok(None) => {}
            // A line needs no end where its sender has ended.
            Ok(Some(message)) if matches!(ended, Ok(true)) => {
                shared.say(message, sender);
            }
            _ => counter(names::INTAKE_CUT).add(1),
        }
        ended.map(|_| ())
    }
}
