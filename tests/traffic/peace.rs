//! Clients that nobody should ever block, as busy as they get.

use super::{CHROME, Day, FIREFOX, HOUR};

const GOOGLEBOT: &str = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/129.0.6668.89 Safari/537.36";
const BINGBOT: &str = "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36";
const AHREFS: &str = "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)";
const UPTIME: &str = "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)";

const SEARCHES: &[&str] = &[
    "GET /search?q=union+select+example",
    "GET /search?q=%3Cscript%3E+tag",
    "GET /search?q=O%27Brien",
    "GET /search?q=caf%C3%A9+50%25+off",
    "GET /search?q=/etc/passwd",
    "GET /search?q=%22to+be%22+or+%22not+to+be%22",
    "GET /search?q=rm+-rf&page=2",
    "GET /list?tags=php|python|perl",
];

const ASKED_FOR: &[&str] = &[
    "/favicon.ico",
    "/apple-touch-icon.png",
    "/apple-touch-icon-precomposed.png",
    "/apple-touch-icon-120x120.png",
    "/robots.txt",
    "/ads.txt",
    "/.well-known/security.txt",
    "/.well-known/assetlinks.json",
    "/.well-known/apple-app-site-association",
    "/.well-known/traffic-advice",
    "/manifest.json",
    "/assets/app.js.map",
    "/browserconfig.xml",
];

/// Everything at once.
pub fn honest(day: &mut Day) {
    readers(day);
    office(day);
    search_engines(day);
    pollers(day);
    machines(day);
    ssh(day);
}

/// People with browsers: pages with their parts, icons that are missing, dead links, searches.
fn readers(day: &mut Day) {
    for person in 0..120 {
        let ip = if person % 3 == 0 {
            format!("2001:db8:{person:x}:1::{:x}", person + 1)
        } else {
            format!("198.51.100.{}", person + 100)
        };
        let mut second = day.second(6, 22);
        for page in 0..day.random.u32(2..6) {
            day.visit(second, &ip, &format!("GET /article/{}", person * 7 + page), 200, FIREFOX);
            for part in 0..15 {
                let status = if page > 0 { 304 } else { 200 };
                day.visit(second, &ip, &format!("GET /assets/{part}.js"), status, FIREFOX);
            }
            if day.random.u8(..4) == 0 {
                day.visit(second + 1, &ip, &format!("GET /old/page-{page}.php"), 404, FIREFOX);
            }
            if let Some(search) = day.random.choice(SEARCHES) {
                day.visit(second + 2, &ip, search, 200, FIREFOX);
            }
            second += day.random.u32(5..90);
        }
        for path in ASKED_FOR {
            day.visit(second, &ip, &format!("GET {path}"), 404, FIREFOX);
        }
        // A gallery of which half the pictures went missing in a redesign.
        if person % 10 == 0 {
            for picture in 0..60 {
                let name = format!("GET /gallery/{person}/picture{picture}.jpg");
                day.visit(second, &ip, &name, 404, FIREFOX);
            }
        }
    }
}

/// Sixty people behind one address, on a Monday: all in at nine, typos, protected pages, limits.
fn office(day: &mut Day) {
    let ip = "192.0.2.40";
    for person in 0..60_u32 {
        let nine = 9 * HOUR + day.random.u32(..120);
        day.visit(nine, ip, "GET /", 200, CHROME);
        for part in 0..100 {
            day.visit(nine, ip, &format!("GET /assets/part-{part}.svg"), 200, CHROME);
        }
        for panel in 0..8 {
            day.visit(nine + 1, ip, &format!("GET /api/panel/{panel}"), 200, CHROME);
        }
        if person % 4 == 0 {
            day.visit(nine + 3, ip, "POST /login", 401, CHROME);
        }
        day.visit(nine + 9, ip, "POST /login", 302, CHROME);
        day.visit(nine + 10, ip, "GET /intern/", 401, CHROME);
        if person % 6 == 0 {
            day.visit_as(nine + 11, ip, &format!("user{person}"), "GET /intern/", 401, CHROME);
            let mismatch = format!("user \"user{person}\": password mismatch");
            day.error(nine + 11, ip, &mismatch, "GET /intern/");
        }
        day.visit_as(nine + 12, ip, &format!("user{person}"), "GET /intern/", 200, CHROME);
        editor(day, person);
        let limited = "limiting requests, excess: 20.480 by zone \"pages\"";
        day.error(nine + person % 7, ip, limited, &format!("GET /assets/part-{person}.svg"));
    }
}

/// One of the office's people writes an article.
fn editor(day: &mut Day, person: u32) {
    let ip = "192.0.2.40";
    let later = day.second(10, 17);
    day.visit(
        later,
        ip,
        "POST /blog/wp-login.php",
        if person.is_multiple_of(5) { 200 } else { 302 },
        CHROME,
    );
    for call in 0..10 {
        day.visit(later + call, ip, "POST /blog/wp-admin/admin-ajax.php", 200, CHROME);
    }
}

/// Crawlers that follow the dead links of a redesign, faster at times.
fn search_engines(day: &mut Day) {
    for number in 0..2_400 {
        let second = 2 * HOUR + number / 2;
        let status = if number % 3 == 0 { 200 } else { 404 };
        let path = format!("GET /old/{}/{}.html", name(number), name(number * 31));
        day.visit(second, "66.249.66.17", &path, status, GOOGLEBOT);
    }
    for number in 0..1_000 {
        let path = format!("GET /old/{}.php", name(number * 17));
        day.visit(4 * HOUR + number * 3, "157.55.39.10", &path, 404, BINGBOT);
        day.visit(5 * HOUR + number * 2, "192.0.2.60", &path, 404, AHREFS);
    }
}

/// A word of its own for each number.
fn name(mut number: u32) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

/// Clients that ask for the same again and again.
fn pollers(day: &mut Day) {
    for minute in 0..24 * 60 {
        let second = minute * 60;
        day.visit(second, "192.0.2.61", "HEAD /", 200, UPTIME);
        day.visit(second + 10, "192.0.2.61", "HEAD /gone", 404, UPTIME);
        day.visit(
            second + 5,
            "203.0.113.2",
            &format!("POST /wp-cron.php?doing_wp_cron={second}.01"),
            200,
            "WordPress/6.8; https://www.example.com",
        );
        if minute % 15 == 0 {
            for reader in 0..20 {
                day.visit(
                    second + reader,
                    &format!("192.0.2.{}", 70 + reader),
                    "GET /feed/",
                    304,
                    "Miniflux/2.2.1",
                );
            }
            for _ in 0..4 {
                day.visit_as(
                    second,
                    "192.0.2.62",
                    "bob",
                    "PROPFIND /dav/calendars/bob/",
                    401,
                    "DAVx5/4.4.3-ose (dav4jvm; okhttp/4.12.0) Android/14",
                );
            }
        }
        // An expired token, every ten seconds for half the day.
        if minute < 12 * 60 {
            for tenth in 0..6 {
                day.visit(
                    second + tenth * 10,
                    "192.0.2.63",
                    "GET /api/v1/orders",
                    401,
                    "okhttp/4.12.0",
                );
            }
            day.visit(second, "192.0.2.63", "POST /oauth/token", 401, "okhttp/4.12.0");
        }
    }
    for second in 0..HOUR {
        day.visit(15 * HOUR + second, "192.0.2.64", "GET /healthz", 200, "ELB-HealthChecker/2.0");
    }
}

/// Programs with bursts: payments, certificates, an API's client, the mobile app, Outlook.
fn machines(day: &mut Day) {
    for hour in [8, 12, 18] {
        for number in 0..400 {
            day.visit(
                hour * HOUR + number / 40,
                "192.0.2.65",
                "POST /hooks/payment",
                200,
                "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            );
        }
    }
    for number in 0..60 {
        let challenge = format!("GET /.well-known/acme-challenge/{}-token", name(number * 97));
        day.visit(3 * HOUR + number / 10, "192.0.2.66", &challenge, 404, "Mozilla/5.0 (compatible; Let's Encrypt validation server; +https://www.letsencrypt.org)");
    }
    for number in 0..300 {
        let object = format!("GET /api/v1/items/{}", name(number * 1_009));
        day.visit(13 * HOUR + number / 5, "192.0.2.67", &object, 404, "python-requests/2.32.3");
        day.visit(
            14 * HOUR + number / 2,
            "192.0.101.17",
            "POST /xmlrpc.php?for=jetpack",
            200,
            "Jetpack by WordPress.com",
        );
    }
    for number in 0..40 {
        day.visit(
            16 * HOUR + number,
            "192.0.2.68",
            "POST /xmlrpc.php",
            200,
            "wp-android/25.3 (Android 14)",
        );
        day.visit(
            17 * HOUR + number * 30,
            "192.0.2.69",
            "POST /autodiscover/autodiscover.xml",
            404,
            "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0)",
        );
    }
}

/// Logins: ansible and CI, an office's typos, a person who gave up twice, monitoring.
fn ssh(day: &mut Day) {
    for number in 0..400 {
        let second = number * 200;
        let port = 40_000 + number;
        day.sshd(second, &format!("Accepted publickey for deploy from 192.0.2.20 port {port} ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"));
        day.sshd(second + 4, &format!("Disconnected from user deploy 192.0.2.20 port {port}"));
    }
    for minute in 0..24 * 60 {
        day.sshd(minute * 60, "Connection closed by 192.0.2.30 port 50122 [preauth]");
    }
    for number in 0..60 {
        let second = 8 * HOUR + number * 500;
        let user = format!("dev{}", number % 20);
        if number % 3 == 0 {
            for again in 0..2 {
                day.sshd(
                    second + again,
                    &format!("Failed password for {user} from 192.0.2.40 port 50122 ssh2"),
                );
            }
        }
        day.sshd(
            second + 5,
            &format!("Accepted password for {user} from 192.0.2.40 port 50122 ssh2"),
        );
    }
    for round in 0..2 {
        for attempt in 0..3 {
            day.sshd(
                20 * HOUR + round * 60 + attempt * 4,
                "Failed password for alice from 198.51.100.7 port 50122 ssh2",
            );
        }
        day.sshd(
            20 * HOUR + round * 60 + 14,
            "Connection closed by authenticating user alice 198.51.100.7 port 50122 [preauth]",
        );
    }
}
