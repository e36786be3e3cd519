//! Whether names that the DNS says belong to an operator, and lead back to the address. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the DNS said of an address: its names, each with the addresses that it leads to.
pub type Names = BTreeMap<String, Vec<IpAddr>>;

/// Whether a name is in one of these domains, by whole labels: `a.googlebot.com` is in `googlebot.com`,
/// `agooglebot.com` and `googlebot.com.example` are not.
pub(super) fn is_in(name: &str, domains: &[String]) -> bool {
    domains.iter().any(|domain| {
        let before = name.strip_suffix(domain.as_str());
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

/// A name as it is compared: small letters, without the dot of the root; none where it is no name of
/// a host.
pub(super) fn plain(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    is_domain(&name).then_some(name)
}

/// Whether a text is the name of a host, in small letters.
pub(super) fn is_domain(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
            })
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

/// The name by which an address is in one of these domains; or why it isn't, in words.
pub fn judge(address: IpAddr, domains: &[String], names: &Names) -> Result<String, String> {
    let Some((first, _)) = names.first_key_value() else {
        return Err("the address has no name".to_owned());
    };
    let mut of_theirs = names.iter().filter(|(name, _)| is_in(name, domains)).peekable();
    let Some((one, _)) = of_theirs.peek() else {
        return Err(format!("its name `{first}` is not the operator's"));
    };
    let one = (*one).clone();
    let back = |leads_to: &[IpAddr]| leads_to.iter().any(|to| to.to_canonical() == address);
    let found = of_theirs.find(|(_, leads_to)| back(leads_to)).map(|(name, _)| name.clone());
    found.ok_or_else(|| format!("its name `{one}` does not lead back to it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_belong_by_whole_labels_and_lead_back() {
        let domains = ["googlebot.com".to_owned(), "google.com".to_owned()];
        let address: IpAddr = "203.0.113.9".parse().unwrap();
        let other: IpAddr = "198.51.100.1".parse().unwrap();
        let names = |list: &[(&str, IpAddr)]| -> Names {
            list.iter().map(|(name, to)| (plain(name).unwrap(), vec![*to])).collect()
        };
        let good = [("Crawl-203-0-113-9.GoogleBot.com.", address)];
        assert_eq!(
            judge(address, &domains, &names(&good)).unwrap(),
            "crawl-203-0-113-9.googlebot.com"
        );
        let two = [("x.example.org", other), ("a.google.com", address)];
        assert_eq!(judge(address, &domains, &names(&two)).unwrap(), "a.google.com");
        for (list, wanted) in [
            (&[][..], "the address has no name"),
            (
                &[("googlebot.com.evil.example", address)],
                "its name `googlebot.com.evil.example` is not the operator's",
            ),
            (
                &[("evilgooglebot.com", address)],
                "its name `evilgooglebot.com` is not the operator's",
            ),
            (
                &[("googlebot.com-evil.example", address)],
                "its name `googlebot.com-evil.example` is not the operator's",
            ),
            (&[("a.googlebot.com", other)], "its name `a.googlebot.com` does not lead back to it"),
        ] {
            assert_eq!(judge(address, &domains, &names(list)).unwrap_err(), wanted);
        }
    }

    #[test]
    fn what_is_no_host_s_name_is_none() {
        let long = format!("{}.com", "a".repeat(64));
        for text in
            ["", ".", "com", "a..com", "a b.com", "a\u{e9}.com", "<x>.com", "a\\032.com", &long]
        {
            assert_eq!(plain(text), None, "{text}");
        }
        assert_eq!(plain("A_1.example.COM.").as_deref(), Some("a_1.example.com"));
    }
}
