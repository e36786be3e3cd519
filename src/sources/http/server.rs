//! The HTTP server: a thread of its own with a small runtime, for all connections.
//!
//! In: `[intake]`. Out: requests, answered by [`answer`](super::answer). HTTP/1.1 alone, with or without
//! TLS; heads, headers, connections and their time are bounded, and one sender can't take all of them.

use super::Shared;
use super::answer::answer;
use super::config::{IntakeConfig, Listen};
use crate::event::net::client_net;
use crate::limits;
use crate::sources::supervise::{lock, spawn};
use crate::sources::syslog::Teller;
use crate::sources::syslog::tls::Tls;
use crate::telemetry::{counter, gauge, names};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The server while it runs; ended when dropped.
#[derive(Debug)]
pub(super) struct Server {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to listen; why not, in words.
    pub(super) fn start(
        config: &IntakeConfig,
        shared: &Arc<Shared>,
        teller: Arc<Teller>,
    ) -> Result<Self, String> {
        let place = config.place().ok_or("`intake.listen` is no place to listen at")?;
        let tls = match &config.certificate {
            Some(certificate) => {
                let tls = Tls::open(Some(certificate), config.key.as_deref(), None)?;
                Some(Arc::new(tls))
            }
            None => None,
        };
        let failed = |error: io::Error| {
            let hint = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "\nhint: ports below 1024 need the capability CAP_NET_BIND_SERVICE"
                }
                ErrorKind::AddrInUse => "\nhint: another program listens there",
                _ => "",
            };
            format!("failed to listen at `{}`: {error}{hint}", config.listen)
        };
        let bound = bind(&place).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Secrets, hashes and inflating: more at once would only take more memory.
            .max_blocking_threads(2)
            .build()
            .map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let connections = Connections {
            shared: Arc::clone(shared),
            teller,
            tls,
            most: config.connections_max,
            open: Arc::default(),
            stopped,
        };
        let thread = spawn("http-intake", move || {
            runtime.block_on(connections.accept(bound));
            runtime.shutdown_timeout(Duration::from_millis(limits::HTTP_STOP_MILLIS_MAX));
        });
        Ok(Self { stop, thread: Some(thread.map_err(failed)?) })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there was told where it happened.
            drop(thread.join());
        }
    }
}

/// A socket that listens, before it belongs to a runtime.
enum Bound {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

fn bind(place: &Listen) -> io::Result<Bound> {
    match place {
        Listen::Tcp(address) => {
            let listener = std::net::TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(Bound::Tcp(listener))
        }
        Listen::Unix(path) => {
            remove_stale(path)?;
            let listener = std::os::unix::net::UnixListener::bind(path)?;
            // Whoever the folder's rights let in: a proxy of the same group.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
            listener.set_nonblocking(true)?;
            Ok(Bound::Unix(listener))
        }
    }
}

/// Removes a socket that a crash has left; nothing else, and none that somebody listens at.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// What the server's tasks share.
struct Connections {
    shared: Arc<Shared>,
    teller: Arc<Teller>,
    tls: Option<Arc<Tls>>,
    most: usize,
    open: Arc<Mutex<BTreeMap<Option<IpNet>, usize>>>,
    stopped: watch::Receiver<bool>,
}

/// A connection's place, given back when dropped.
struct Place {
    open: Arc<Mutex<BTreeMap<Option<IpNet>, usize>>>,
    net: Option<IpNet>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        if let Some(count) = open.get_mut(&self.net) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.net);
            }
        }
        gauge(names::INTAKE_CONNECTIONS).lower(1);
    }
}

impl Connections {
    async fn accept(mut self, bound: Bound) {
        let begun = match bound {
            Bound::Tcp(listener) => TcpListener::from_std(listener).map(Listener::Tcp),
            Bound::Unix(listener) => UnixListener::from_std(listener).map(Listener::Unix),
        };
        let listener = match begun {
            Ok(listener) => listener,
            Err(error) => return self.teller.tell(&format!("failed to listen: {error}")),
        };
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
            };
            match accepted {
                Ok((stream, sender)) => self.begin(stream, sender),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // Too many open files, most likely.
                    self.teller.tell(&format!("failed to take a connection: {error}"));
                    tokio::time::sleep(Duration::from_millis(limits::INTAKE_LOOK_MILLIS)).await;
                }
            }
        }
        // Those that wait for the spool hear soon what becomes of them.
        let until = Duration::from_millis(limits::HTTP_STOP_MILLIS_MAX);
        let all_gone = async {
            while !lock(&self.open).is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        drop(timeout(until, all_gone).await);
    }

    fn begin(&self, stream: Stream, sender: Option<IpAddr>) {
        let Some(place) = self.take_place(sender) else { return };
        let tls = self.tls.as_ref().map(|tls| TlsAcceptor::from(tls.config(&self.teller)));
        let (shared, stopped) = (Arc::clone(&self.shared), self.stopped.clone());
        tokio::spawn(async move {
            let limit = Duration::from_secs(limits::INTAKE_HANDSHAKE_SECS_MAX);
            match (stream, tls) {
                (Stream::Tcp(stream), Some(tls)) => {
                    if let Ok(Ok(stream)) = timeout(limit, tls.accept(stream)).await {
                        serve(stream, sender, shared, stopped).await;
                    }
                }
                (Stream::Tcp(stream), None) => serve(stream, sender, shared, stopped).await,
                (Stream::Unix(stream), _) => serve(stream, sender, shared, stopped).await,
            }
            drop(place);
        });
    }

    /// Takes a place for a connection; `None` where there are too many. A proxy at a unix socket is one
    /// sender for all of its own, so that only the whole counts there.
    fn take_place(&self, sender: Option<IpAddr>) -> Option<Place> {
        let net = sender.map(client_net);
        let mut open = lock(&self.open);
        let all: usize = open.values().sum();
        let of_sender = open.get(&net).copied().unwrap_or(0);
        let own = net.is_some() && of_sender >= limits::HTTP_CONNECTIONS_A_SENDER_MAX;
        if all >= self.most || own {
            drop(open);
            counter(names::HTTP_REFUSED).add(1);
            self.teller.tell("too many connections to the HTTP intake: further ones are closed\nhint: `intake.connections_max`");
            return None;
        }
        *open.entry(net).or_default() += 1;
        gauge(names::INTAKE_CONNECTIONS).raise(1);
        Some(Place { open: Arc::clone(&self.open), net })
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

enum Stream {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

impl Listener {
    async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Some(address.ip().to_canonical())))
            }
            Self::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    sender: Option<IpAddr>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(request, sender, shared).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits::HTTP_HEAD_SECS_MAX))
        .max_buf_size(limits::HTTP_HEAD_BYTES_MAX)
        .max_headers(limits::HTTP_HEADERS_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let limit = tokio::time::sleep(Duration::from_secs(limits::HTTP_CONNECTION_SECS_MAX));
    let mut limit = std::pin::pin!(limit);
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection of the HTTP intake ended");
                }
                return;
            }
            () = &mut limit => return,
            _ = stopped.wait_for(|stopped| *stopped), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
