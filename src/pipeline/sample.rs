//! Logs that look real, made from a seed: for `demo` and `bench`. The same seed gives the same
//! lines.

use crate::clock::Timestamp;
use std::fmt::Write as _;
use std::time::Duration;

const PAGES: [&str; 12] = [
    "/",
    "/blog/",
    "/blog/how-to-bake-rye-bread/",
    "/about/",
    "/contact/",
    "/shop/",
    "/shop/product/1042",
    "/assets/app.3f2a91.js",
    "/assets/style.77c0.css",
    "/images/hero-1600.webp",
    "/feed/",
    "/api/v1/cart",
];

const BROWSERS: [&str; 6] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
];

const PROBES: [&str; 8] = [
    "/.env",
    "/.git/config",
    "/wp-config.php.bak",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/cgi-bin/luci/;stok=/locale",
    "/.aws/credentials",
    "/phpmyadmin/index.php",
    "/actuator/env",
];

/// Makes lines of the nginx combined format.
#[derive(Debug)]
pub struct SampleLogs {
    random: fastrand::Rng,
    stamp_second: i64,
    stamp: String,
}

impl SampleLogs {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            stamp_second: i64::MIN,
            stamp: String::new(),
        }
    }

    /// The time as the log has it.
    pub fn stamp(&mut self, time: Timestamp) -> &str {
        if self.stamp_second != time.as_secs() {
            self.stamp_second = time.as_secs();
            self.stamp.clear();
            // Writing to a String can't fail.
            write!(self.stamp, "{}", time.to_jiff().strftime("%d/%b/%Y:%H:%M:%S +0000")).ok();
        }
        &self.stamp
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.get(self.random.usize(..from.len())).copied().unwrap_or_default()
    }

    /// A visitor's request, about 200 bytes with the line break.
    pub fn visitor(&mut self, time: Timestamp, out: &mut String) {
        let page = self.pick(&PAGES);
        let agent = self.pick(&BROWSERS);
        let client: u16 = self.random.u16(..);
        let status = if self.random.u8(..) < 8 { 304 } else { 200 };
        let bytes = self.random.u32(200..60_000);
        let [a, b] = client.to_be_bytes();
        let stamp = self.stamp(time);
        // Writing to a String can't fail.
        writeln!(
            out,
            "198.51.{a}.{b} - - [{stamp}] \"GET {page} HTTP/1.1\" {status} {bytes} \"https://www.example.com/\" \"{agent}\""
        ).ok();
    }

    /// A probe for secrets or a known hole, answered with 404.
    pub fn probe(&mut self, client: &str, time: Timestamp, out: &mut String) {
        let path = self.pick(&PROBES);
        let stamp = self.stamp(time);
        writeln!(
            out,
            "{client} - - [{stamp}] \"GET {path} HTTP/1.1\" 404 153 \"-\" \"Mozilla/5.0 zgrab/0.x\""
        )
        .ok();
    }

    /// A guessed WordPress password.
    pub fn login_guess(&mut self, client: &str, time: Timestamp, out: &mut String) {
        let stamp = self.stamp(time);
        writeln!(
            out,
            "{client} - - [{stamp}] \"POST /wp-login.php HTTP/1.1\" 200 4523 \"-\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0\""
        ).ok();
    }

    /// An attacker's address out of many.
    pub fn attacker(&mut self) -> String {
        format!("203.0.{}.{}", 113 + self.random.u8(..8), self.random.u8(1..255))
    }

    /// `lines` lines, `attack_percent` of them attacks, at `per_second` lines of event time.
    pub fn access_log(
        &mut self,
        lines: u64,
        attack_percent: u8,
        per_second: u64,
        start: Timestamp,
    ) -> String {
        let capacity = usize::try_from(lines).unwrap_or(0).saturating_mul(220);
        let mut out = String::with_capacity(capacity);
        for number in 0..lines {
            let time = start.plus(Duration::from_secs(number / per_second.max(1)));
            self.line(attack_percent, time, &mut out);
        }
        out
    }

    /// One line, with a chance of `attack_percent` that it is an attack.
    pub fn line(&mut self, attack_percent: u8, time: Timestamp, out: &mut String) {
        if self.random.u8(..100) >= attack_percent {
            return self.visitor(time, out);
        }
        let client = self.attacker();
        if self.random.bool() {
            self.probe(&client, time, out);
        } else {
            self.login_guess(&client, time, out);
        }
    }
}
