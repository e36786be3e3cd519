//! What is told of a source's keys and values.

use super::*;

fn faults(table: &str) -> Vec<String> {
    toml::from_str::<SourceConfig>(table).unwrap().faults()
}

#[test]
fn keys_of_other_types_and_values_that_mean_nothing_are_told() {
    let probe = "name = \"p\"\ntype = \"probe\"\nurl = \"https://www.example.com/\"\n";
    assert_eq!(faults(probe), [""; 0]);
    let address = "name = \"a\"\ntype = \"address\"\n";
    assert_eq!(faults(address), [""; 0]);
    let of = |table: &str, line: &str| faults(&format!("{table}{line}"));
    for (table, line, words) in [
        (probe, "status = 700", "`status` is no status of HTTP"),
        (probe, "agree = 3", "`agree` has no use without `type = \"address\"`"),
        (probe, "paths = [\"/x\"]", "`paths` has no use without `type = \"file\"`"),
        (address, "families = [\"v4\", \"ipv6\"]", "`ipv6` is no family"),
        (address, "url = \"https://x/\"", "`url` has no use without `type = \"probe\"`"),
        (
            "name = \"f\"\npaths = [\"/x\"]\n",
            "every = \"1m\"",
            "`type = \"probe\"` or `type = \"address\"`",
        ),
    ] {
        let told = of(table, line);
        assert!(told.len() == 1 && told[0].contains(words), "{line}: {told:?}");
    }
    let connect =
        "name = \"p\"\ntype = \"probe\"\nurl = \"https://192.0.2.7/\"\nconnect = \"192.0.2.8\"";
    assert!(faults(connect)[0].contains("`connect` has no use"), "{:?}", faults(connect));
    assert!(toml::from_str::<SourceConfig>("name = \"p\"\nstatus = 99999").is_err());
}
