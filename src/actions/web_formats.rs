//! How a web-server file is written, format by format, and read back. Pure.
//!
//! Every format takes `#` comments; the first line is our mark. A file without entries is valid
//! where it is included.

use super::config::WebFileFormat;
use crate::decisions::Remedy;
use crate::event::net::{display_net, parse_net};
use ipnet::IpNet;
use std::fmt::Write as _;

/// How every file of ours begins; nothing that begins otherwise is ever overwritten.
pub(super) const MARK: &str = "# riposte:";

const HEADER: &str = "# riposte: written by riposte; what is changed here is overwritten\n";

/// The file's whole text. The networks must come in order, so that the same ones give the same
/// text.
pub(super) fn render(format: WebFileFormat, networks: &[(IpNet, Remedy)]) -> String {
    let mut text = HEADER.to_owned();
    let matcher = match format {
        WebFileFormat::Caddy => "client_ip",
        WebFileFormat::CaddyRemoteIp => "remote_ip",
        _ => "",
    };
    if !matcher.is_empty() {
        render_caddy(&mut text, matcher, networks);
        return text;
    }
    for (net, remedy) in networks {
        let net = display_net(net);
        let remedy = remedy.name();
        // Writing to a String can't fail.
        match format {
            WebFileFormat::NginxGeo => writeln!(text, "{net} {remedy};"),
            WebFileFormat::NginxDeny => writeln!(text, "deny {net};"),
            WebFileFormat::HaproxyMap => writeln!(text, "{net} {remedy}"),
            WebFileFormat::Apache => writeln!(text, "Require not ip {net}"),
            WebFileFormat::Caddy | WebFileFormat::CaddyRemoteIp | WebFileFormat::Plain => {
                writeln!(text, "{net}")
            }
        }
        .ok();
    }
    text
}

/// A matcher needs at least one network, so an empty list writes none. `error` stands before
/// `respond` in Caddy's order of directives, so a site's own `respond /path` doesn't come first.
fn render_caddy(text: &mut String, matcher: &str, networks: &[(IpNet, Remedy)]) {
    if networks.is_empty() {
        return;
    }
    text.push_str("@riposte_blocked ");
    text.push_str(matcher);
    for (net, _) in networks {
        text.push(' ');
        text.push_str(&display_net(net));
    }
    text.push_str("\nerror @riposte_blocked 403\n");
}

/// The networks that a file of ours holds.
pub(super) fn read(text: &str) -> Vec<IpNet> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_ascii_whitespace)
        .filter_map(|word| parse_net(word.trim_end_matches(';')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_written_and_read_back() {
        let networks = [
            ("192.0.2.1/32".parse().unwrap(), Remedy::Block),
            ("198.51.100.0/24".parse().unwrap(), Remedy::Throttle),
            ("2001:db8::/64".parse().unwrap(), Remedy::Block),
        ];
        for (format, first) in [
            (WebFileFormat::NginxGeo, "192.0.2.1 block;"),
            (WebFileFormat::NginxDeny, "deny 192.0.2.1;"),
            (WebFileFormat::HaproxyMap, "192.0.2.1 block"),
            (WebFileFormat::Apache, "Require not ip 192.0.2.1"),
            (
                WebFileFormat::Caddy,
                "@riposte_blocked client_ip 192.0.2.1 198.51.100.0/24 2001:db8::/64",
            ),
            (
                WebFileFormat::CaddyRemoteIp,
                "@riposte_blocked remote_ip 192.0.2.1 198.51.100.0/24 2001:db8::/64",
            ),
            (WebFileFormat::Plain, "192.0.2.1"),
        ] {
            let text = render(format, &networks);
            assert!(text.starts_with(MARK) && text.ends_with('\n'));
            assert_eq!(text.lines().nth(1), Some(first));
            let read_back = read(&text);
            assert_eq!(read_back, networks.map(|(net, _)| net), "{format:?}");
            assert_eq!(render(format, &[]), HEADER);
        }
        let geo = render(WebFileFormat::NginxGeo, &networks);
        assert!(geo.contains("198.51.100.0/24 throttle;"));
    }
}
