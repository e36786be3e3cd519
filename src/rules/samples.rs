//! A value and a predicate for each well-known field, for the reference and for editors. A test
//! feeds each value to its predicate.

use crate::event::Field;

/// A field as a rule may use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// A value, as Rhai writes it (`"GET"`, `404`).
    pub value: &'static str,
    /// A predicate that is true for that value.
    pub predicate: &'static str,
}

macro_rules! samples {
    ($($variant:ident $value:literal $predicate:literal;)*) => {
        /// How a rule may use a field.
        pub const fn sample(field: Field) -> Sample {
            match field { $(
                Field::$variant => Sample { value: $value, predicate: $predicate },
            )* }
        }
    };
}

samples! {
    Ip r#""203.0.113.9""# r#"e.ip.within("203.0.113.0/24")"#;
    Peer r#""192.0.2.1""# r#"e.peer == "192.0.2.1""#;
    Port "50022" "e.port > 49151";
    Method r#""POST""# r#"e.method in ["POST", "PUT"]"#;
    Path r#""/admin/users""# r#"e.path.starts_with("/admin/")"#;
    Query r#""page=2&author=1""# r#"e.query.query_value("author") == "1""#;
    Status "403" "e.status in [401, 403]";
    Bytes "5_000_000" "e.bytes >= 1_000_000";
    RequestBytes "20_000" "e.request_bytes > 8192";
    UserAgent r#""sqlmap/1.8""# r#"e.user_agent.to_lower().contains("sqlmap")"#;
    Referer r#""https://spam.example/""# r#"e.referer.starts_with("https://spam.example/")"#;
    Host r#""www.example.com""# r#"e.host.ends_with("example.com")"#;
    Scheme r#""http""# r#"e.scheme == "http""#;
    Protocol r#""HTTP/1.0""# r#"e.protocol == "HTTP/1.0""#;
    User r#""root""# r#"e.user in ["root", "admin"]"#;
    Outcome r#""failure""# r#"e.outcome == "failure""#;
    Duration "2.5" "e.duration > 2.0";
    UpstreamDuration "1.5" "e.upstream_duration > 1.0";
    Upstream r#""10.0.0.2:8080""# r#"e.upstream.starts_with("10.0.0.2:")"#;
    Request r#""\\x16\\x03\\x01""# r#"e.request.starts_with("\\x16\\x03")"#;
    AuthMethod r#""password""# r#"e.auth_method == "password""#;
    Reason r#""invalid_user""# r#"e.reason == "invalid_user""#;
    Message r#""user not found""# r#"e.message.contains("not found")"#;
    Level r#""error""# r#"e.level in ["error", "crit"]"#;
    Facility "4" "e.facility == 4";
    Program r#""sshd""# r#"e.program == "sshd""#;
    Pid "4242" "e.pid > 1";
    Hostname r#""web1""# r#"e.hostname.starts_with("web")"#;
    Zone r#""login""# r#"e.zone == "login""#;
    Repeat "5" "e.repeat >= 3";
    Target r#""203.0.113.0/24""# r#"e.target.contains("/")"#;
    Rule r#""scanner""# r#"e.rule != "recidive""#;
    Remedy r#""block""# r#"e.remedy == "block""#;
    Asn "64500" "e.asn == 64500";
    Country r#""NL""# r#"e.country != "DE""#;
}
