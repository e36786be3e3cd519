//! Probes: is a target there, and how fast? HTTP and HTTPS by status, TCP by connecting.
//!
//! In: a target. Out: an event `probe` for each look: `probe` (the source's name), `target` (where it
//! connected), `ok`, `latency_ms`, `status`, `reason`.

use super::program::Program;
use super::regular::{Look, Regular};
use crate::clock;
use crate::event::{Brought, FieldKind, Kind, Schema, Value};
use crate::http_client::{HttpClient, HttpError, Method, Request};
use crate::limits;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a probe looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeConfig {
    /// The source's name, `e.probe` in rules.
    pub name: String,
    /// `https://www.example.com/health`, `http://…`, or `tcp://host:port`.
    pub url: String,
    /// The address or name that is connected to, whatever the DNS says of the URL's host.
    pub connect: Option<String>,
    /// How often; a tenth more or less at random.
    pub every: Duration,
    /// What takes longer is a failure.
    pub timeout: Duration,
    /// The status that is well; when absent, 200 to 399.
    pub status: Option<u16>,
}

/// How often a target is looked at when the config doesn't say.
pub const EVERY: Duration = Duration::from_secs(10);

/// Where a probe goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Aim {
    Http { https: bool, host: String, port: u16 },
    Tcp { host: String, port: u16 },
}

impl ProbeConfig {
    fn aim(&self) -> Option<Aim> {
        let (scheme, rest) = self.url.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        if authority.contains('@') {
            return None;
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']')?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = port.map(|port| port.parse::<u16>().map_err(|_| ())).transpose().ok()?;
        if host.is_empty() {
            return None;
        }
        let host = host.to_owned();
        match scheme {
            "https" => Some(Aim::Http { https: true, host, port: port.unwrap_or(443) }),
            "http" => Some(Aim::Http { https: false, host, port: port.unwrap_or(80) }),
            "tcp" => port.map(|port| Aim::Tcp { host, port }),
            _ => None,
        }
    }

    /// Where it connects, as events tell it.
    fn target(&self) -> String {
        let host = || match self.aim() {
            Some(Aim::Http { host, .. } | Aim::Tcp { host, .. }) => host,
            None => self.url.clone(),
        };
        self.connect.clone().unwrap_or_else(host)
    }

    /// What is wrong with it, each in words with its hint.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.aim().is_none() {
            faults.push(format!(
                "`{}` is nothing that can be looked at\nhint: `url = \"https://www.example.com/health\"`, or `\"tcp://192.0.2.7:443\"`",
                crate::event::text::escape(&self.url)
            ));
        }
        if self.status.is_some_and(|status| !(100..600).contains(&status)) {
            faults.push("`status` is no status of HTTP\nhint: 100 to 599".to_owned());
        }
        let host = self.aim().map(|(Aim::Http { host, .. } | Aim::Tcp { host, .. })| host);
        if self.connect.is_some() && host.is_some_and(|host| host.parse::<IpAddr>().is_ok()) {
            // Whose name the certificate and the request are for would be left open.
            faults.push("`connect` has no use where the host of `url` is an address\nhint: write the name there, or leave `connect` out".to_owned());
        }
        if self.every < Duration::from_secs(1) {
            faults.push("`every` is under a second".to_owned());
        }
        if self.timeout.is_zero() || self.timeout > Duration::from_mins(1) {
            faults.push("`timeout` is not within a minute".to_owned());
        }
        faults
    }
}

/// The kind of event that probes give.
pub fn schema() -> Schema {
    let mut schema = Schema::default();
    let fields = [
        ("probe", FieldKind::Text),
        ("target", FieldKind::Text),
        ("ok", FieldKind::Bool),
        ("latency_ms", FieldKind::Int),
        ("status", FieldKind::Int),
        ("reason", FieldKind::Text),
    ];
    for (field, holds) in fields {
        // The names are ours, and right.
        schema.declare("probe", field, holds).ok();
    }
    schema
}

/// The source's program.
pub fn program(probe: ProbeConfig) -> Box<dyn Program> {
    let (name, every) = (format!("probe {}", probe.name), probe.every);
    let mut http = None;
    let take = move || vec![event(&probe, &look(&probe, &mut http))];
    Box::new(Regular::new(vec![Look { name, every, take: Box::new(take) }]))
}

/// How a look went.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    latency: Duration,
    status: Option<u16>,
    /// Why it is not well, in a word or two.
    reason: Option<&'static str>,
}

fn event(probe: &ProbeConfig, seen: &Seen) -> Brought {
    let millis = i64::try_from(seen.latency.as_millis()).unwrap_or(i64::MAX);
    let mut fields: Vec<(Arc<str>, Value)> = vec![
        (Arc::from("probe"), Value::text(&probe.name)),
        (Arc::from("target"), Value::text(probe.target())),
        (Arc::from("ok"), Value::Bool(seen.reason.is_none())),
        (Arc::from("latency_ms"), Value::Int(millis)),
    ];
    if let Some(status) = seen.status {
        fields.push((Arc::from("status"), Value::Int(status.into())));
    }
    if let Some(reason) = seen.reason {
        fields.push((Arc::from("reason"), Value::text(reason)));
    }
    Brought { kind: Kind::from_name("probe"), time: Some(clock::now()), fields }
}

fn look(probe: &ProbeConfig, http: &mut Option<(SocketAddr, HttpClient)>) -> Seen {
    let begun = Instant::now();
    let (status, reason) = match probe.aim() {
        Some(Aim::Tcp { host, port }) => (None, tcp(probe, &host, port)),
        Some(Aim::Http { https, host, port }) => match status(probe, (&host, port), http) {
            Ok(status) if is_well(probe.status, status) => (Some(status), None),
            Ok(status) => (Some(status), Some("status")),
            Err(reason) if https && reason == "connect" && reaches(probe, &host, port) => {
                (None, Some("tls"))
            }
            Err(reason) => (None, Some(reason)),
        },
        None => (None, Some("malformed")),
    };
    Seen { latency: begun.elapsed(), status, reason }
}

fn is_well(wanted: Option<u16>, status: u16) -> bool {
    wanted.map_or((200..400).contains(&status), |wanted| wanted == status)
}

/// Where to connect to.
fn address(probe: &ProbeConfig, host: &str, port: u16) -> Option<SocketAddr> {
    let host = probe.connect.as_deref().unwrap_or(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, port));
    }
    (host, port).to_socket_addrs().ok()?.next()
}

fn tcp(probe: &ProbeConfig, host: &str, port: u16) -> Option<&'static str> {
    let Some(address) = address(probe, host, port) else { return Some("name") };
    match TcpStream::connect_timeout(&address, probe.timeout) {
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::TimedOut => Some("timeout"),
        Err(_) => Some("connect"),
    }
}

/// Whether the port answers: then what failed after it was TLS.
fn reaches(probe: &ProbeConfig, host: &str, port: u16) -> bool {
    tcp(probe, host, port).is_none()
}

fn status(
    probe: &ProbeConfig,
    (host, port): (&str, u16),
    http: &mut Option<(SocketAddr, HttpClient)>,
) -> Result<u16, &'static str> {
    let address = address(probe, host, port).ok_or("name")?;
    if http.as_ref().is_none_or(|(known, _)| *known != address) {
        let client = HttpClient::leading(host, address).map_err(|_| "tls")?;
        *http = Some((address, client));
    }
    let Some((_, client)) = http else { return Err("tls") };
    let request = Request {
        method: Method::GET,
        url: probe.url.clone(),
        // A connection that is kept would hide that no new one comes about.
        headers: vec![("connection".to_owned(), "close".to_owned())],
        body: Vec::new(),
        time_limit: probe.timeout,
        reply_bytes_max: limits::PROBE_REPLY_BYTES_MAX,
    };
    let begun = Instant::now();
    match client.call(&request) {
        Ok(reply) => Ok(reply.status),
        Err(HttpError::Connect { .. }) => Err("connect"),
        // Whoever closes before it has answered says so sooner.
        Err(HttpError::NoReply { .. }) if begun.elapsed() < probe.timeout => Err("reply"),
        Err(HttpError::NoReply { .. }) => Err("timeout"),
        Err(HttpError::Malformed { .. } | HttpError::SetUp { .. }) => Err("malformed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::atomic::AtomicBool;

    /// A server that answers everything with one status.
    fn server(status: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = [0; 2_048];
                let count = stream.read(&mut head).unwrap_or(0);
                // Whoever speaks TLS gets no answer.
                if count > 0 && !head.starts_with(b"GET /health HTTP/1.1") {
                    continue;
                }
                let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                // Whoever only connects has gone already.
                drop(stream.write_all(reply.as_bytes()));
            }
        });
        address
    }

    fn probe(url: &str, connect: Option<&str>) -> ProbeConfig {
        ProbeConfig {
            name: "a".to_owned(),
            url: url.to_owned(),
            connect: connect.map(str::to_owned),
            every: Duration::from_secs(1),
            timeout: Duration::from_secs(20),
            status: None,
        }
    }

    #[test]
    fn http_goes_by_status_at_the_address_that_was_given() {
        let (well, ill) = (server("200 OK"), server("503 Busy"));
        let url = |address: SocketAddr| format!("http://www.example.com:{}/health", address.port());
        let seen = look(&probe(&url(well), Some("127.0.0.1")), &mut None);
        assert_eq!((seen.status, seen.reason), (Some(200), None));
        let seen = look(&probe(&url(ill), Some("127.0.0.1")), &mut None);
        assert_eq!((seen.status, seen.reason), (Some(503), Some("status")));
        let mut accepts = probe(&url(ill), Some("127.0.0.1"));
        accepts.status = Some(503);
        assert_eq!(look(&accepts, &mut None).reason, None);
    }

    #[test]
    fn what_is_not_there_is_not_well() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(look(&probe(&format!("tcp://{free}"), None), &mut None).reason, Some("connect"));
        let seen = look(&probe(&format!("http://{free}/health"), None), &mut None);
        assert_eq!(seen.reason, Some("connect"));
        let there = server("200 OK");
        assert_eq!(look(&probe(&format!("tcp://{there}"), None), &mut None).reason, None);
        // It speaks no TLS.
        let seen = look(&probe(&format!("https://{there}/health"), None), &mut None);
        assert_eq!(seen.reason, Some("tls"));
    }

    #[test]
    fn what_can_not_be_looked_at_is_a_fault() {
        for url in
            ["", "www.example.com", "ftp://x/", "tcp://192.0.2.7", "https://u:p@x/", "https://:1/"]
        {
            assert!(!probe(url, None).faults().is_empty(), "{url}");
        }
        for url in ["https://x/health?a=1", "tcp://[2001:db8::1]:443", "http://192.0.2.7:8080"] {
            assert_eq!(probe(url, None).faults(), [""; 0], "{url}");
        }
    }

    #[test]
    fn looks_come_as_events_until_it_stops() {
        let there = server("200 OK");
        let mut program = program(probe(&format!("http://{there}/health"), None));
        assert!(program.start(None, &AtomicBool::new(false)));
        let said = program.next(Duration::from_secs(30)).unwrap().unwrap();
        let crate::event::What::Event(event) = said.what else { panic!("no event") };
        let json = event.to_json(None).1;
        assert_eq!(json["kind"], "probe");
        assert_eq!(json["fields"]["ok"], true);
        assert_eq!(json["fields"]["target"], "127.0.0.1");
        program.stop();
        assert!(program.next(Duration::ZERO).is_err());
    }
}
