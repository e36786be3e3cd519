//! A name server for tests, on loopback: it says what it was told to, right or wrong.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test helpers; each user takes a part of them"
)]

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is said of a name.
#[derive(Debug, Clone)]
pub enum Says {
    /// Names, as a PTR record each.
    Names(Vec<String>),
    /// Addresses, as an A or AAAA record each.
    Addresses(Vec<IpAddr>),
    /// Another name, as a CNAME record.
    Alias(String),
    /// A code: 2 could not, 3 there is no such name, 5 would not.
    Code(u8),
    /// Nothing.
    Silence,
    /// These bytes after the question's number.
    Garbage(Vec<u8>),
    /// That the answer was cut.
    Cut,
    /// The same as the other, after a while.
    Late(Duration, Box<Says>),
}

type Book = Arc<Mutex<BTreeMap<String, Says>>>;

/// The running server.
pub struct NameServer {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    book: Book,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    /// Starts one that knows nothing: each name is none.
    pub fn start() -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let port = socket.local_addr().unwrap().port();
        let book: Book = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (known, heard) = (Arc::clone(&book), Arc::clone(&asked));
        std::thread::spawn(move || {
            let mut packet = [0; 1_500];
            while let Ok((len, from)) = socket.recv_from(&mut packet) {
                let Some((name, end)) = question(&packet[..len]) else { continue };
                heard.lock().unwrap().push(name.clone());
                let says = known.lock().unwrap().get(&name).cloned().unwrap_or(Says::Code(3));
                let (says, wait) = match says {
                    Says::Late(wait, says) => (*says, Some(wait)),
                    says => (says, None),
                };
                let Some(reply) = reply(&packet[..end], &says) else { continue };
                let socket = Arc::clone(&socket);
                std::thread::spawn(move || {
                    if let Some(wait) = wait {
                        std::thread::sleep(wait);
                    }
                    socket.send_to(&reply, from).ok();
                });
            }
        });
        Self { port, book, asked }
    }

    /// What it says of a name from now on.
    pub fn says(&self, name: &str, says: Says) {
        self.book.lock().unwrap().insert(name.to_ascii_lowercase(), says);
    }

    /// The same of an address: what its reverse name says.
    pub fn names(&self, address: &str, says: Says) {
        self.says(&reverse(address), says);
    }

    /// An address has this name, and the name these addresses.
    pub fn knows(&self, address: &str, name: &str, leads_to: &[&str]) {
        self.names(address, Says::Names(vec![name.to_owned()]));
        let addresses = leads_to.iter().map(|text| text.parse().unwrap()).collect();
        self.says(name, Says::Addresses(addresses));
    }

    /// How often it was asked about a name.
    pub fn times(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }

    /// How often it was asked at all.
    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// The name under which an IPv4 address has its names.
pub fn reverse(address: &str) -> String {
    let parts: Vec<&str> = address.split('.').rev().collect();
    format!("{}.in-addr.arpa", parts.join("."))
}

/// The name that is asked for, in small letters, and where the question ends.
fn question(packet: &[u8]) -> Option<(String, usize)> {
    let mut place = 12;
    let mut labels = Vec::new();
    loop {
        let len = usize::from(*packet.get(place)?);
        place += 1;
        if len == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(packet.get(place..place + len)?).to_ascii_lowercase());
        place += len;
    }
    (packet.len() >= place + 4).then(|| (labels.join("."), place + 4))
}

fn reply(question: &[u8], says: &Says) -> Option<Vec<u8>> {
    let mut out = question.to_vec();
    // A response, recursion wanted and there; one question, nothing more than the answers.
    out[2] = 0x81;
    out[3] = 0x80;
    let mut answers: Vec<(u16, Vec<u8>)> = Vec::new();
    match says {
        Says::Names(names) => answers.extend(names.iter().map(|name| (12, labels(name)))),
        Says::Alias(name) => answers.push((5, labels(name))),
        Says::Addresses(addresses) => {
            answers.extend(addresses.iter().map(|address| match address {
                IpAddr::V4(address) => (1, address.octets().to_vec()),
                IpAddr::V6(address) => (28, address.octets().to_vec()),
            }));
        }
        Says::Code(code) => out[3] |= code,
        Says::Cut => out[2] |= 2,
        Says::Garbage(bytes) => {
            out.truncate(2);
            out.extend(bytes);
            return Some(out);
        }
        Says::Silence | Says::Late(..) => return None,
    }
    out[4..12].copy_from_slice(&[0, 1, 0, u8::try_from(answers.len()).unwrap(), 0, 0, 0, 0]);
    for (kind, data) in answers {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        out.extend(data);
    }
    Some(out)
}

fn labels(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
