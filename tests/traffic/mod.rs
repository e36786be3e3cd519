//! Generated logs: a web server's access log and error log, and sshd's log, for one day.

mod attack;
mod peace;
pub mod hostile;

pub use attack::attackers;
pub use peace::honest;

use jiff::Timestamp;

/// 2026-10-12, a Monday, at midnight.
const MIDNIGHT: i64 = 1_791_763_200;

pub const HOUR: u32 = 3_600;

pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0";
pub const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36";

/// A log with its format and lines, by name.
pub type Log = (&'static str, &'static str, Vec<String>);

/// A day under construction.
pub struct Day {
    pub random: fastrand::Rng,
    access: Vec<(u32, String)>,
    errors: Vec<(u32, String)>,
    ssh: Vec<(u32, String)>,
}

impl Day {
    pub fn new(seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { random, access: Vec::new(), errors: Vec::new(), ssh: Vec::new() }
    }

    /// A request at a second of the day.
    pub fn visit(&mut self, second: u32, ip: &str, request: &str, status: u16, agent: &str) {
        self.visit_as(second, ip, "-", request, status, agent);
    }

    /// The same by a user.
    pub fn visit_as(
        &mut self,
        second: u32,
        ip: &str,
        user: &str,
        request: &str,
        status: u16,
        agent: &str,
    ) {
        let stamp = stamp(second, "%d/%b/%Y:%H:%M:%S +0000");
        let bytes = if status == 304 { 0 } else { 200 + self.random.u32(..9_000) };
        let line = format!(
            "{ip} - {user} [{stamp}] \"{request} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\""
        );
        self.access.push((second, line));
    }

    /// A line of nginx's error log.
    pub fn error(&mut self, second: u32, ip: &str, message: &str, request: &str) {
        let stamp = stamp(second, "%Y/%m/%d %H:%M:%S");
        let line = format!(
            "{stamp} [error] 712#712: *4021 {message}, client: {ip}, server: www.example.com, request: \"{request} HTTP/1.1\", host: \"www.example.com\""
        );
        self.errors.push((second, line));
    }

    /// A line of sshd.
    pub fn sshd(&mut self, second: u32, message: &str) {
        let stamp = stamp(second, "%Y-%m-%dT%H:%M:%S.123456+00:00");
        self.ssh.push((second, format!("{stamp} web1 sshd[2212]: {message}")));
    }

    /// A second between two hours.
    pub fn second(&mut self, from_hour: u32, to_hour: u32) -> u32 {
        self.random.u32(from_hour * HOUR..to_hour * HOUR)
    }

    /// The logs, each in the order of time.
    pub fn into_logs(self) -> Vec<Log> {
        let sorted = |mut lines: Vec<(u32, String)>| {
            lines.sort_by_key(|(second, _)| *second);
            lines.into_iter().map(|(_, line)| line).collect()
        };
        vec![
            ("access.log", "nginx", sorted(self.access)),
            ("error.log", "nginx-error", sorted(self.errors)),
            ("auth.log", "sshd", sorted(self.ssh)),
        ]
    }
}

fn stamp(second: u32, format: &str) -> String {
    let moment = Timestamp::from_second(MIDNIGHT + i64::from(second)).unwrap();
    moment.strftime(format).to_string()
}
