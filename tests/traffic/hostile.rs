//! Lines that an attacker may write into a log, in every way that a client can reach: odd bytes,
//! half escapes, endless fields, everything that parsers and decoders stumble over.

use super::stamp;
use fastrand::Rng;

const FRAGMENTS: &[&[u8]] = &[
    b"/wp-login.php",
    b"/xmlrpc.php",
    b"/.env",
    b"/.git/config",
    b"../../etc/passwd",
    b"<script>",
    b"' OR 1=1--",
    b"union select",
    b"${jndi:ldap://x/a}",
    b"%00",
    b"%2e%2e%2f",
    b"%252e",
    b"%c0%ae",
    b"%",
    b"%f",
    b"%ff%fe",
    b"\xff\xfe",
    b"\\x",
    b"\\x22",
    b"\\",
    b"\"",
    b"\\\"",
    b"'",
    b"\x00",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80",
    b"\xc3",
    b"?",
    b"&&&&",
    b"=",
    b"a=b&a=c",
    b";",
    b"#",
    b" ",
    b"\t",
    b"] [",
    b" - - [",
    b"HTTP/1.1\" 200",
    b" from 203.0.113.7 port 22 ssh2",
    b"`${x}`",
    b"admin",
    b"login",
    b"api",
    b"//",
    b"/./",
    b":",
    b"{\"a\":",
    b"}",
    b"[[[[",
    b"null",
    b"1e999",
    b"99999999999999999999",
    b"-1",
    b"0",
    b"sqlmap/1.8",
    b"Googlebot/2.1",
    b"curl/8",
    b"(",
    b"((a*)*)*",
];

/// A field with anything in it, at most some ten thousand bytes.
fn anything(random: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.usize(..6) {
        match random.u8(..8) {
            0 => out.extend((0..random.usize(..30)).map(|_| random.u8(..))),
            1 => {
                let one = FRAGMENTS[random.usize(..FRAGMENTS.len())];
                let times = if random.u8(..6) == 0 { 2_000 } else { random.usize(..20) };
                out.extend(one.repeat(times));
            }
            _ => out.extend_from_slice(FRAGMENTS[random.usize(..FRAGMENTS.len())]),
        }
    }
    // A line break ends the record; whoever writes the log sees to that.
    out.retain(|byte| *byte != b'\n');
    out
}

fn address(random: &mut Rng) -> Vec<u8> {
    match random.u8(..12) {
        0 => anything(random),
        1 => b"::ffff:198.51.100.7".to_vec(),
        2 => format!("2001:db8::{:x}", random.u8(..4)).into_bytes(),
        3 => b"fe80::1%eth0".to_vec(),
        _ => format!("198.51.100.{}", random.u8(..6)).into_bytes(),
    }
}

fn request(random: &mut Rng) -> Vec<u8> {
    let methods: [&[u8]; 7] =
        [b"GET ", b"POST ", b"HEAD ", b"PROPFIND ", b"", b"\x16\x03\x01", b"get "];
    let mut out = methods[random.usize(..methods.len())].to_vec();
    if random.u8(..4) != 0 {
        out.push(b'/');
    }
    out.extend(anything(random));
    if random.bool() {
        out.push(b'?');
        out.extend(anything(random));
    }
    if random.u8(..8) != 0 {
        out.extend_from_slice(b" HTTP/1.1");
    }
    out
}

fn status(random: &mut Rng) -> &'static str {
    ["200", "301", "401", "403", "404", "404", "429", "499", "500", "000", "-", "99999"]
        [random.usize(..12)]
}

/// Lines of an access log, of nginx's error log and of sshd, at that second of the day.
pub fn line(log: &str, second: u32, random: &mut Rng) -> Vec<u8> {
    let mut out = Vec::new();
    match log {
        "nginx" => {
            out.extend(address(random));
            out.extend_from_slice(b" - ");
            out.extend(if random.u8(..4) == 0 { anything(random) } else { b"-".to_vec() });
            let stamp = stamp(second, "%d/%b/%Y:%H:%M:%S +0000");
            out.extend_from_slice(format!(" [{stamp}] \"").as_bytes());
            out.extend(request(random));
            let size = if random.u8(..8) == 0 { u64::MAX } else { random.u64(..100_000) };
            out.extend_from_slice(format!("\" {} {size} \"", status(random)).as_bytes());
            out.extend(anything(random));
            out.extend_from_slice(b"\" \"");
            out.extend(anything(random));
            out.push(b'"');
        }
        "nginx-error" => {
            let stamp = stamp(second, "%Y/%m/%d %H:%M:%S");
            out.extend_from_slice(format!("{stamp} [error] 31#31: *7 ").as_bytes());
            let messages: [&[u8]; 4] = [
                b"open() \"/srv/www/x\" failed (2: No such file or directory)",
                b"limiting requests, excess: 20.880 by zone \"one\"",
                b"access forbidden by rule",
                b"user \"root\": password mismatch",
            ];
            out.extend_from_slice(messages[random.usize(..4)]);
            if random.u8(..3) == 0 {
                out.extend(anything(random));
            }
            out.extend_from_slice(b", client: ");
            out.extend(address(random));
            out.extend_from_slice(b", server: example.com, request: \"");
            out.extend(request(random));
            out.extend_from_slice(b"\", host: \"");
            out.extend(anything(random));
            out.push(b'"');
        }
        _ => {
            let stamp = stamp(second, "%b %e %H:%M:%S");
            out.extend_from_slice(format!("{stamp} web1 sshd[{}]: ", random.u16(..)).as_bytes());
            let messages: [&[u8]; 5] = [
                b"Failed password for ",
                b"Invalid user ",
                b"Accepted publickey for ",
                b"Connection closed by authenticating user ",
                b"Failed password for invalid user ",
            ];
            out.extend_from_slice(messages[random.usize(..5)]);
            out.extend(anything(random));
            out.extend_from_slice(b" from ");
            out.extend(address(random));
            out.extend_from_slice(b" port 40022 ssh2");
        }
    }
    out
}
