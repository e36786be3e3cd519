//! What a config may say of a feed.

use super::*;

fn feed(text: &str) -> FeedConfig {
    toml::from_str(text).unwrap()
}

#[test]
fn a_shipped_definition_stands_below_what_is_written() {
    let built = feed("shipped = \"spamhaus-drop\"").build().unwrap();
    assert_eq!(built.name, "spamhaus-drop");
    assert_eq!(built.layout, Layout::Ndjson(steps("cidr").unwrap()));
    assert_eq!(built.refresh, Duration::from_hours(24));
    let own = feed("name = \"mine\"\nshipped = \"dshield\"\npath = \"/x\"\nrefresh = \"7d\"");
    let built = own.build().unwrap();
    assert_eq!((built.name.as_str(), built.place), ("mine", Place::File("/x".into())));
    assert_eq!(built.layout, Layout::Columns { separator: b'\t', column: 0, last: Some(1) });
    assert_eq!(built.refresh, Duration::from_hours(24 * 7));
}

#[test]
fn everything_that_is_wrong_is_said() {
    let url = "url = \"https://e.example/x\"";
    for (text, wanted) in [
        ("name = \"a b\"\npath = \"x\"", "can't be the name"),
        ("name = \"../a\"\npath = \"x\"", "can't be the name"),
        ("name = \"a\"", "one of `shipped`, `url` and `path` is required"),
        ("name = \"a\"\nurl = \"https://e.example/x\"\npath = \"x\"", "one of `shipped`"),
        ("shipped = \"nothing\"", "riposte ships no feed `nothing`"),
        ("shipped = \"abuseipdb\"", "`token` is required"),
        ("name = \"a\"\nurl = \"http://e.example/x\"", "`url` is no address of a feed"),
        ("name = \"a\"\nurl = \"http://127.0.0.1.e.example/x\"", "`url` is no address"),
        ("name = \"a\"\nurl = \"https://key@e.example/x\"", "belongs into `token`"),
        ("name = \"a\"\nurl = \"file:///etc/passwd\"", "`url` is no address"),
        (&format!("name = \"a\"\n{url}\nformat = \"xml\""), "`xml` is no format of a feed"),
        (&format!("name = \"a\"\n{url}\nformat = \"json\""), "`values` is no path"),
        (&format!("name = \"a\"\n{url}\ncolumn = 2"), "`column` has no use with"),
        (&format!("name = \"a\"\n{url}\nformat = \"csv\"\ncolumn = 0"), "`column` is 0"),
        (
            &format!("name = \"a\"\n{url}\nformat = \"csv\"\nseparator = \"::\""),
            "`separator` is not",
        ),
        (&format!("name = \"a\"\n{url}\nrefresh = \"5s\""), "`refresh` is under 60 s"),
        (&format!("name = \"a\"\n{url}\nrefresh = \"soon\""), "soon"),
        (&format!("name = \"a\"\n{url}\nmax_change = 1.0"), "`max_change` is not above 1"),
        (&format!("name = \"a\"\n{url}\ntoken_header = \"Key\""), "has no use without `token`"),
    ] {
        let faults = feed(text).faults();
        assert!(faults.iter().any(|fault| fault.contains(wanted)), "{text}: {faults:?}");
    }
    for well in ["http://127.0.0.1:8080/v1", "http://[::1]/", "https://lists.example"] {
        assert_eq!(check_url(well), Ok(()), "{well}");
    }
}

#[test]
fn every_shipped_definition_is_right_and_says_its_terms() {
    for (name, shipped) in shipped::all() {
        let token = if shipped.config.token_header.is_some() { "\ntoken = \"env:X\"" } else { "" };
        let built = feed(&format!("shipped = \"{name}\"{token}")).build();
        assert!(built.is_ok(), "{name}: {built:?}");
        for text in [&shipped.about, &shipped.terms, &shipped.home, &shipped.read] {
            assert!(!text.is_empty(), "{name}");
        }
    }
    assert!(shipped::all().len() >= 10);
}
