//! A week of a shop's logs, made from a seed: people who browse, log in and mistype, an office
//! behind one address, search engines true and false, an API's client, and attackers of each kind.
//! The same seed gives the same lines. Used by tests and for trying reports by hand.

use jiff::Timestamp;

/// 2026-10-12, a Monday, at midnight.
pub const MONDAY: i64 = 1_791_763_200;
const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;
/// Seconds of a day.
pub const DAYS: u32 = DAY;

/// A customer who mistypes a password six times on Wednesday.
pub const CUSTOMER: &str = "198.51.100.7";
/// An office of twelve behind one address, some of whom mistype on a Monday.
pub const OFFICE: &str = "192.0.2.40";
/// Googlebot, from its network, after a redesign.
pub const GOOGLEBOT: &str = "66.249.66.17";
/// Somebody who says to be Googlebot.
pub const FALSE_GOOGLEBOT: &str = "203.0.113.50";
/// A program of a customer that calls the API in bursts.
pub const API_CLIENT: &str = "192.0.2.67";
/// Guesses WordPress passwords.
pub const WORDPRESS_GUESSER: &str = "203.0.113.9";
/// Guesses passwords of the shop.
pub const GUESSER: &str = "203.0.113.10";
/// Guesses and gets in.
pub const LUCKY_GUESSER: &str = "203.0.113.11";
/// Looks for secrets.
pub const SCANNER: &str = "203.0.113.12";
/// Uses a tool that says so.
pub const TOOL: &str = "203.0.113.13";
/// Asks for the front page thousands of times.
pub const FLOODER: &str = "203.0.113.14";
/// Guesses over SSH.
pub const SSH_GUESSER: &str = "203.0.113.20";
/// An administrator, who mistypes too.
pub const ADMINISTRATOR: &str = "192.0.2.20";

const BROWSERS: [&str; 6] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36 Edg/128.0.0.0",
];
const GOOGLE: &str = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/129.0.6668.89 Safari/537.36";
const PROBES: [&str; 8] = [
    "/.env",
    "/.git/config",
    "/wp-config.php.bak",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/.aws/credentials",
    "/phpinfo.php",
    "/actuator/env",
    "/backup.zip",
];

/// The logs.
pub struct Week {
    random: fastrand::Rng,
    access: Vec<(u32, String)>,
    ssh: Vec<(u32, String)>,
}

impl Week {
    /// Everybody, with so many readers beside.
    pub fn whole(seed: u64, readers: u32) -> Self {
        let mut week = Self::empty(seed);
        week.readers(readers);
        week.customer();
        week.office();
        week.search_engines();
        week.api_client();
        week.attackers();
        week.ssh();
        week
    }

    /// Nobody.
    pub fn empty(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), access: Vec::new(), ssh: Vec::new() }
    }

    /// The access log in the order of time, with its line breaks.
    pub fn access_log(&self) -> String {
        joined(&self.access)
    }

    /// sshd's log.
    pub fn auth_log(&self) -> String {
        joined(&self.ssh)
    }

    /// A request: second of the week, client, `GET /path`, status, referer's path, agent.
    pub fn visit(
        &mut self,
        second: u32,
        ip: &str,
        request: &str,
        status: u16,
        from: &str,
        agent: &str,
    ) {
        let moment = Timestamp::from_second(MONDAY + i64::from(second)).unwrap();
        let stamp = moment.strftime("%d/%b/%Y:%H:%M:%S +0000");
        let bytes = if status == 304 { 0 } else { 200 + self.random.u32(..9_000) };
        let from =
            if from.is_empty() { "-".to_owned() } else { format!("https://www.example.com{from}") };
        self.access.push((
            second,
            format!(
                "{ip} - - [{stamp}] \"{request} HTTP/1.1\" {status} {bytes} \"{from}\" \"{agent}\""
            ),
        ));
    }

    fn sshd(&mut self, second: u32, message: &str) {
        let moment = Timestamp::from_second(MONDAY + i64::from(second)).unwrap();
        let stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.123456+00:00");
        self.ssh.push((second, format!("{stamp} web1 sshd[2212]: {message}")));
    }

    /// A person with a browser: pages with their parts, from one to the next. Gives the second
    /// after.
    pub fn browse(&mut self, mut second: u32, ip: &str, pages: u32, agent: &str) -> u32 {
        let mut from = String::new();
        for page in 0..pages {
            let path = if page == 0 {
                "/".to_owned()
            } else {
                format!("/shop/item-{}", self.random.u32(..400))
            };
            self.visit(second, ip, &format!("GET {path}"), 200, &from, agent);
            for part in ["app.js", "style.css", "hero.webp", "logo.svg"] {
                let status = if page > 0 { 304 } else { 200 };
                self.visit(second, ip, &format!("GET /assets/{part}"), status, &path, agent);
            }
            if self.random.u8(..40) == 0 {
                self.visit(second + 1, ip, "GET /old-offer", 404, &path, agent);
            }
            from = path;
            second += self.random.u32(3..160);
        }
        second
    }

    fn readers(&mut self, readers: u32) {
        for reader in 0..readers {
            let ip = if reader % 4 == 0 {
                format!("2001:db8:{reader:x}:1::{:x}", reader + 1)
            } else {
                format!("198.51.100.{}", 20 + reader % 230)
            };
            for _ in 0..self.random.u32(1..4) {
                let second = self.random.u32(..7) * DAY + self.random.u32(6 * HOUR..22 * HOUR);
                let agent = BROWSERS[self.random.usize(..BROWSERS.len())];
                let pages = self.random.u32(2..9);
                self.browse(second, &ip, pages, agent);
            }
        }
    }

    /// Comes every day; on Wednesday mistypes a password six times, and then orders.
    pub fn customer(&mut self) {
        for day in 0..7 {
            let second = day * DAY + 19 * HOUR + self.random.u32(..2 * HOUR);
            let mut after = self.browse(second, CUSTOMER, 8, BROWSERS[0]);
            self.visit(after, CUSTOMER, "GET /login", 200, "/", BROWSERS[0]);
            let mistakes = if day == 2 { 6 } else { 0 };
            for _ in 0..mistakes {
                after += 9;
                self.visit(after, CUSTOMER, "POST /login", 401, "/login", BROWSERS[0]);
            }
            self.visit(after + 8, CUSTOMER, "POST /login", 302, "/login", BROWSERS[0]);
            self.visit(after + 9, CUSTOMER, "GET /account/", 200, "/login", BROWSERS[0]);
            self.browse(after + 20, CUSTOMER, 5, BROWSERS[0]);
        }
    }

    /// Twelve people with a browser each; on Monday and Thursday some mistype at nine.
    pub fn office(&mut self) {
        for day in 0..5 {
            for person in 0..12_u32 {
                let agent =
                    format!("{} Person/{person}", BROWSERS[person as usize % BROWSERS.len()]);
                let nine = day * DAY + 9 * HOUR + self.random.u32(..240);
                if matches!(day, 0 | 3) && person % 3 == 0 {
                    for again in 0..3 {
                        let second = nine + again * 7;
                        self.visit(second, OFFICE, "POST /login", 401, "/login", &agent);
                    }
                }
                self.visit(nine + 25, OFFICE, "POST /login", 302, "/login", &agent);
                self.visit(nine + 26, OFFICE, "GET /account/", 200, "/login", &agent);
                let later = day * DAY + self.random.u32(10 * HOUR..17 * HOUR);
                self.browse(later, OFFICE, 6, &agent);
            }
        }
    }

    /// Googlebot follows dead links, and so does somebody who took its name.
    pub fn search_engines(&mut self) {
        for number in 0..600 {
            let second = DAY + 2 * HOUR + number * 40;
            let status = if number % 3 == 0 { 200 } else { 404 };
            let path = format!("GET /old/{}/{}.html", word(number), word(number * 31));
            self.visit(second, GOOGLEBOT, &path, status, "", GOOGLE);
        }
        for number in 0..160 {
            let second = 2 * DAY + number * 3;
            let path = format!("GET /catalog/{}", word(number * 7));
            let status = if number % 2 == 0 { 200 } else { 404 };
            self.visit(second, FALSE_GOOGLEBOT, &path, status, "", GOOGLE);
        }
    }

    /// Orders every hour in a burst; its token is renewed late each night.
    pub fn api_client(&mut self) {
        for hour in 0..7 * 24 {
            for number in 0..30 {
                let second = hour * HOUR + number / 3;
                let path = format!("GET /api/v1/orders/{}", hour * 100 + number);
                self.visit(second, API_CLIENT, &path, 200, "", "okhttp/4.12.0");
            }
            if hour % 24 == 3 {
                for again in 0..8 {
                    let second = hour * HOUR + 60 + again * 5;
                    self.visit(second, API_CLIENT, "POST /api/auth", 401, "", "okhttp/4.12.0");
                }
                let second = hour * HOUR + 120;
                self.visit(second, API_CLIENT, "POST /api/auth", 200, "", "okhttp/4.12.0");
            }
        }
    }

    /// One of each kind.
    pub fn attackers(&mut self) {
        for number in 0..400 {
            let second = DAY + 3 * HOUR + number * 4;
            self.visit(second, WORDPRESS_GUESSER, "POST /wp-login.php", 200, "", BROWSERS[1]);
        }
        for number in 0..300 {
            let second = 4 * DAY + HOUR + number * 5;
            self.visit(second, GUESSER, "POST /login", 401, "", "python-requests/2.32.3");
        }
        for number in 0..143 {
            let second = 5 * DAY + 4 * HOUR + number * 6;
            self.visit(second, LUCKY_GUESSER, "POST /login", 401, "", BROWSERS[1]);
        }
        let then = 5 * DAY + 5 * HOUR;
        self.visit(then, LUCKY_GUESSER, "POST /login", 302, "", BROWSERS[1]);
        self.visit(then + 1, LUCKY_GUESSER, "GET /account/", 200, "", BROWSERS[1]);
        for number in 0..60 {
            let path = PROBES[number as usize % PROBES.len()];
            let second = 3 * DAY + 13 * HOUR + number * 2;
            self.visit(second, SCANNER, &format!("GET {path}"), 404, "", BROWSERS[1]);
            let path = format!("GET /item?id={number}%27+union+select+1");
            self.visit(second, TOOL, &path, 200, "", "sqlmap/1.8.3#stable (https://sqlmap.org)");
        }
        for number in 0..3_000 {
            let second = 6 * DAY + 20 * HOUR + number / 40;
            self.visit(second, FLOODER, "GET /", 200, "", BROWSERS[1]);
        }
    }

    fn ssh(&mut self) {
        for number in 0..120 {
            let user = ["root", "admin", "oracle", "test", "git"][number as usize % 5];
            let message = format!(
                "Failed password for invalid user {user} from {SSH_GUESSER} port 50122 ssh2"
            );
            self.sshd(DAY + number * 8, &message);
        }
        for day in 0..7 {
            for again in 0..if day == 1 { 4 } else { 0 } {
                let message =
                    format!("Failed password for alice from {ADMINISTRATOR} port 50122 ssh2");
                self.sshd(day * DAY + 8 * HOUR + again * 5, &message);
            }
            let message =
                format!("Accepted password for alice from {ADMINISTRATOR} port 50122 ssh2");
            self.sshd(day * DAY + 8 * HOUR + 40, &message);
        }
    }
}

fn joined(lines: &[(u32, String)]) -> String {
    let mut sorted: Vec<&(u32, String)> = lines.iter().collect();
    sorted.sort_by_key(|(second, _)| *second);
    let mut out = String::new();
    for (_, line) in sorted {
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A word of its own for each number.
fn word(mut number: u32) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}
