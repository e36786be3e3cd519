//! Feeds' texts, well and ill.

use super::*;
use proptest::prelude::*;

fn got(text: &str, layout: &Layout) -> (Vec<String>, u64) {
    let reading = read(text.as_bytes(), layout).unwrap();
    (reading.prefixes.iter().map(ToString::to_string).collect(), reading.bad)
}

fn columns(separator: u8, column: usize, last: Option<usize>) -> Layout {
    Layout::Columns { separator, column, last }
}

#[test]
fn lists_hold_addresses_prefixes_and_ranges_among_comments() {
    let text = "# a list\n; by somebody\n// and more\n\n192.0.2.1\n192.0.2.77/24 ; SBL1\r\n\
        203.0.113.4 # seen today\n198.51.100.0-198.51.100.3\n198.51.100.8 - 198.51.100.9\n\
        2001:db8::/32\n::ffff:203.0.113.9\n198.51.100.77,ssh,3\n";
    let (nets, bad) = got(text, &Layout::List);
    assert_eq!(
        nets,
        [
            "192.0.2.1/32",
            "192.0.2.0/24",
            "203.0.113.4/32",
            "198.51.100.0/30",
            "198.51.100.8/31",
            "2001:db8::/32",
            "203.0.113.9/32",
            "198.51.100.77/32"
        ]
    );
    assert_eq!(bad, 0);
}

#[test]
fn bad_lines_are_counted_and_the_first_are_told_with_their_place() {
    let text =
        "192.0.2.1\nexample.com\n192.0.2.300\n1.2.3.4/33\n9.9.9.9-1.1.1.1\n<html>\n\u{1b}[2J\n";
    let reading = read(text.as_bytes(), &Layout::List).unwrap();
    assert_eq!((reading.prefixes.len(), reading.bad), (1, 6));
    let told: Vec<String> =
        reading.shown.iter().map(|bad| format!("{}: {}", bad.line, bad.why)).collect();
    assert_eq!(
        told,
        [
            "2: `example.com` is no address, prefix or range",
            "3: `192.0.2.300` is no address, prefix or range",
            "4: `1.2.3.4/33` is no address, prefix or range",
            "5: `9.9.9.9-1.1.1.1` is a range whose end lies before its beginning",
            "6: `<html>` is no address, prefix or range",
        ]
    );
    let reading = read(b"\x1b[2J\n\xff\xfe\n", &Layout::List).unwrap();
    assert_eq!(reading.shown[0].why, "`\\u{1b}[2J` is no address, prefix or range");
    assert_eq!(reading.shown[1].why, "no UTF-8");
}

#[test]
fn what_is_nobodys_on_the_internet_is_left_out() {
    let text = "10.0.0.0/8\n127.0.0.1\n224.0.0.0/3\n192.168.1.1\nfe80::1\n0.0.0.0\n192.0.2.1\n";
    let reading = read(text.as_bytes(), &Layout::List).unwrap();
    assert_eq!((reading.prefixes.len(), reading.special, reading.bad), (1, 6, 0));
    // What only holds such a range is no such range: it is judged by its width.
    let reading = read(b"0.0.0.0/0\n", &Layout::List).unwrap();
    assert_eq!(reading.prefixes.len(), 1);
}

#[test]
fn columns_may_be_quoted_and_may_hold_a_ranges_ends() {
    let text = "\"first, seen\",\"192.0.2.1\",x\n# remark\n2026-01-01, 192.0.2.2 ,y\nshort\n";
    assert_eq!(
        got(text, &columns(b',', 1, None)),
        (vec!["192.0.2.1/32".into(), "192.0.2.2/32".into()], 1)
    );
    let text = "Start\tEnd\tNetmask\n192.0.2.0\t192.0.2.255\t24\n";
    assert_eq!(got(text, &columns(b'\t', 0, Some(1))), (vec!["192.0.2.0/24".into()], 1));
}

#[test]
fn urls_count_by_their_host_where_it_is_an_address() {
    let text = "# list\nhttp://192.0.2.1:8080/bin.sh\nhttps://evil.example/x?u=http://192.0.2.9/\n\
        http://u:p@192.0.2.2\nhttp://[2001:db8::1]:80/\nnot a url\n";
    let (nets, bad) = got(text, &Layout::Urls);
    assert_eq!(
        (nets, bad),
        (vec!["192.0.2.1/32".into(), "192.0.2.2/32".into(), "2001:db8::1/128".into()], 1)
    );
}

#[test]
fn json_gives_the_values_at_a_path_and_says_where_it_breaks() {
    let path = |path| Layout::Json(steps(path).unwrap());
    let text = r#"{"meta":{"ip":"9.9.9.9"},"data":[{"ip":"192.0.2.1","x":[1,{}]},{"no":1},{"ip":null},{"ip":"zzz"}]}"#;
    let reading = read(text.as_bytes(), &path("data[].ip")).unwrap();
    assert_eq!(reading.prefixes.len(), 1);
    assert_eq!((reading.bad, reading.shown[0].line), (1, 2), "the second value at the path");
    assert_eq!(got(r#"[["192.0.2.1"],["192.0.2.2"]]"#, &path("[][]")).0.len(), 2);
    assert_eq!(got("null", &path("[].value")).0.len(), 0, "no decisions at all");
    let broken = read(b"{\"data\":[\n{\"ip\": \"192.0.2.1\"", &path("data[].ip")).unwrap_err();
    assert_eq!(broken.to_string(), "line 2, column 18: EOF while parsing an object");
    let deep = "[".repeat(100_000);
    assert!(read(deep.as_bytes(), &path("[].ip")).is_err());
}

#[test]
fn ndjson_passes_over_remarks_and_counts_what_is_no_json() {
    let layout = Layout::Ndjson(steps("cidr").unwrap());
    let text = "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\"}\n\n{\"type\":\"metadata\",\"records\":1}\nnonsense\n";
    assert_eq!(got(text, &layout), (vec!["192.0.2.0/24".into()], 1));
}

#[test]
fn indicators_of_stix_count_while_they_are_valid() {
    let text = r#"{"type":"bundle","id":"bundle--1","objects":[
        {"type":"indicator","pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix","valid_until":"2030-01-01T00:00:00Z"},
        {"type":"indicator","pattern":"[ipv4-addr:value = '192.0.2.2']","revoked":true},
        {"type":"indicator","pattern":"[ipv4-addr:value = '192.0.2.3']","valid_until":"2020-01-01T00:00:00.000Z"},
        {"type":"indicator","pattern":"alert tcp any any","pattern_type":"snort"},
        {"type":"indicator","pattern":"[ipv4-addr:value = '192.0.2.4' AND file:name = 'x']"},
        {"type":"indicator","pattern":"[domain-name:value = 'x.example']"},
        {"type":"ipv4-addr","value":"192.0.2.5"},
        {"type":"observed-data","objects":{"0":{"type":"ipv4-addr","value":"192.0.2.6"}}}]}
    {"more":false,"objects":[{"pattern":"[ipv6-addr:value = '2001:db8::1']","type":"indicator"}]}"#;
    let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
    let reading = read_at(text.as_bytes(), &Layout::Stix, now).unwrap();
    let nets: Vec<String> = reading.prefixes.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["192.0.2.1/32", "2001:db8::1/128"]);
    assert_eq!(reading.bad, 1);
    assert_eq!(reading.shown[0].why, "an indicator's pattern asks for more than an address");
    assert!(read(b"{\"objects\":[", &Layout::Taxii).is_err());
    assert!(read(b"", &Layout::Stix).is_err());
}

#[test]
fn attributes_of_misp_count_where_they_are_for_detection() {
    let text = r#"{"response":[{"Event":{"info":"x","Attribute":[
        {"type":"ip-src","value":"192.0.2.1","to_ids":true,"deleted":false},
        {"type":"ip-dst|port","value":"192.0.2.2|443","to_ids":true},
        {"value":"x.example|192.0.2.3","to_ids":1,"type":"domain|ip"},
        {"type":"ip-src","value":"192.0.2.4","to_ids":false},
        {"type":"ip-src","value":"192.0.2.5","to_ids":true,"deleted":true},
        {"type":"ip-src","value":"192.0.2.6"},
        {"type":"domain","value":"192.0.2.7","to_ids":true}],
        "Object":[{"name":"o","Attribute":[{"type":"ip-src","value":"192.0.2.8","to_ids":true}]}]}}]}"#;
    let (nets, bad) = got(text, &Layout::Misp);
    assert_eq!(nets, ["192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32", "192.0.2.8/32"]);
    assert_eq!(bad, 0);
}

#[test]
fn paths_that_are_none_are_known() {
    for path in ["", "a..b", "a[0]", "a[", "a.[]", "]a", "[]x"] {
        assert_eq!(steps(path), None, "{path}");
    }
    assert_eq!(steps("[].a").unwrap(), [Step::Each, Step::Key("a".into())]);
}

#[test]
fn what_is_no_text_is_refused() {
    for (bytes, what) in
        [(&b"\x1f\x8b\x08\x00xx"[..], "a compressed file"), (b"192.0.2.1\n\0\0\0", "a binary file")]
    {
        assert_eq!(read(bytes, &Layout::List), Err(ReadError::NoText(what)));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        text in "[0-9a-f:./\\-,\"\\[\\]{} \t\n#]{0,200}",
    ) {
        let path = steps("a[].b").unwrap();
        for layout in [
            Layout::List,
            Layout::Urls,
            columns(b',', 1, Some(0)),
            Layout::Json(path.clone()),
            Layout::Ndjson(path),
            Layout::Stix,
            Layout::Misp,
        ] {
            drop(read(&bytes, &layout));
            drop(read(text.as_bytes(), &layout));
        }
    }
}
