//! Bodies into records: what each is, what is too much, and what is none.

use super::super::config::HttpConfig;
use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::Write as _;

fn plan(text: &str, fields: &[(&str, &str)]) -> Plan {
    let config: HttpConfig = toml::from_str(text).unwrap();
    let fields: BTreeMap<String, String> =
        fields.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
    config.plan(&fields)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

fn all(plan: &Plan, body: &[u8]) -> Result<Vec<String>, Refusal> {
    let mut read = read(plan, &Bytes::copy_from_slice(body), false)?;
    let mut records = Vec::new();
    while let Some(record) = read.records.next() {
        records.push(String::from_utf8_lossy(&record).into_owned());
    }
    assert!(read.count == 0 || read.count as usize == records.len());
    assert!(records.iter().all(|record| !record.contains('\n')));
    Ok(records)
}

#[test]
fn an_object_a_list_and_a_list_within() {
    let json = plan("", &[]);
    assert_eq!(all(&json, b"{\n\"a\": \"x\\ny\"}").unwrap(), [r#"{"a":"x\ny"}"#]);
    assert_eq!(all(&json, b"[{\"a\":1},{\"a\":2}]").unwrap(), [r#"{"a":1}"#, r#"{"a":2}"#]);
    assert_eq!(all(&json, b"[]").unwrap(), [""; 0]);
    assert_eq!(all(&json, &gzip(b"{\"a\":1}")).unwrap(), [r#"{"a":1}"#]);
    let each = plan("each = \"data.items\"", &[]);
    assert_eq!(
        all(&each, br#"{"who":"x","data":{"items":[{"n":1},{"n":2}],"k":0}}"#).unwrap(),
        [
            r#"{"data":{"items":{"n":1},"k":0},"who":"x"}"#,
            r#"{"data":{"items":{"n":2},"k":0},"who":"x"}"#
        ]
    );
}

#[test]
fn what_is_no_json_or_no_object_is_told() {
    let json = plan("", &[]);
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    for body in [
        &b""[..],
        b"{",
        b"7",
        b"null",
        b"[1]",
        b"\"x\"",
        b"{}{}",
        b"\xff",
        b"payload=%7B%7D",
        &deep,
    ] {
        assert!(matches!(all(&json, body), Err(Refusal::Malformed(_))), "{body:.20?}");
    }
    let each = plan("each = \"alerts\"", &[]);
    for body in [&b"{}"[..], b"{\"alerts\":{}}", b"[{\"alerts\":[]}]"] {
        assert!(matches!(all(&each, body), Err(Refusal::Malformed(_))), "{body:?}");
    }
    let cut = gzip(b"{\"a\":1}");
    assert!(matches!(all(&json, &cut[..cut.len() - 9]), Err(Refusal::Malformed(_))));
}

#[test]
fn a_long_record_keeps_what_fields_are_made_from() {
    let json = plan("", &[("who", "who.name"), ("text", "text"), ("first", "list.n")]);
    let long = "é".repeat(20_000);
    let body = format!(
        r#"{{"who":{{"name":"me","more":"{long}"}},"text":"{long}","list":[{{"n":1}},{{"n":2}}],"other":1}}"#
    );
    let records = all(&json, body.as_bytes()).unwrap();
    let record: Value = serde_json::from_str(&records[0]).unwrap();
    assert_eq!(record["who"], serde_json::json!({"name": "me"}));
    assert_eq!(record["text"].as_str().unwrap().len(), limits::HTTP_TEXT_BYTES_MAX);
    assert_eq!(record["list"], serde_json::json!({"n": 1}));
    assert!(record.get("other").is_none() && records[0].len() < limits::HTTP_RECORD_BYTES_MAX);
    // What stands around a list is not repeated a thousand times.
    let each = plan("each = \"alerts\"", &[("a", "alerts.a"), ("who", "who")]);
    let alerts = vec![r#"{"a":1}"#; 1_000].join(",");
    let body = format!(r#"{{"who":"me","more":"{long}","alerts":[{alerts}]}}"#);
    let records = all(&each, body.as_bytes()).unwrap();
    assert_eq!(records.len(), 1_000);
    assert_eq!(records[999], r#"{"alerts":{"a":1},"who":"me"}"#);
}

#[test]
fn too_much_is_too_much_before_it_takes_memory() {
    let json = plan("", &[]);
    let many = format!("[{}]", vec!["{}"; 1_001].join(","));
    assert_eq!(all(&json, many.as_bytes()), Err(Refusal::TooLong));
    let objects = format!("{{\"a\":[{}]}}", vec!["{}"; 30_000].join(","));
    assert_eq!(all(&json, objects.as_bytes()), Err(Refusal::TooLong));
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    assert_eq!(all(&json, &bomb), Err(Refusal::TooLong));
    let logpush = plan("preset = \"logpush\"\ninflated_mib_max = 1", &[]);
    assert_eq!(all(&logpush, &bomb), Err(Refusal::TooLong));
    assert_eq!(all(&logpush, &gzip(&vec![b'{'; 2 << 20])), Err(Refusal::TooLong));
    let lines = "{\"ClientIP\":\"203.0.113.9\"}\n".repeat(50_000);
    assert_eq!(all(&logpush, &gzip(lines.as_bytes())), Err(Refusal::TooLong));
}

#[test]
fn logpush_gives_its_lines_and_its_test_gives_none() {
    let logpush = plan("preset = \"logpush\"", &[]);
    let text = b"{\"a\":1}\n\n{\"a\":2}\r\n{\"a\":3}";
    for body in [
        text.to_vec(),
        gzip(text),
        [gzip(b"{\"a\":1}\n{\"a\""), gzip(b":2}\n{\"a\":3}\n")].concat(),
    ] {
        assert_eq!(all(&logpush, &body).unwrap(), [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#]);
    }
    let read = |body: &[u8]| read(&logpush, &Bytes::copy_from_slice(body), false).unwrap().count;
    assert_eq!(read(&gzip(b"{\"content\":\"tests\"}")), 0);
    assert_eq!(read(b""), 0);
    assert_eq!(read(&gzip(b"{\"content\":\"tests\"}\n{\"a\":1}")), 2);
    for body in [&b"a,b,c\n"[..], b"\x1f\x8b", b"{\"a\":1}\nx"] {
        assert!(matches!(all(&logpush, body), Err(Refusal::Malformed(_))), "{body:?}");
    }
    let packed = gzip(text);
    assert!(matches!(all(&logpush, &packed[..packed.len() - 9]), Err(Refusal::Malformed(_))));
}
