//! The environment variables that riposte looks at, read in this one place (secrets apart).

/// Whether colours are wanted on a terminal: not with `NO_COLOR` (no-color.org) or `TERM=dumb`.
#[expect(clippy::disallowed_methods, reason = "this is the place that the ban points to")]
pub fn colour_wanted() -> bool {
    let no_colour = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
    let dumb = std::env::var("TERM").is_ok_and(|value| value == "dumb");
    !no_colour && !dumb
}

/// The log filter of `RIPOSTE_LOG` (`info`, `riposte=debug`, …), where it is set.
#[expect(clippy::disallowed_methods, reason = "this is the place that the ban points to")]
pub fn log_filter() -> Option<String> {
    std::env::var("RIPOSTE_LOG").ok().filter(|value| !value.is_empty())
}

/// The client's address of the SSH session that this process belongs to: the first word of
/// `SSH_CONNECTION` (ssh(1)). Absent under sudo, which clears it.
#[expect(clippy::disallowed_methods, reason = "this is the place that the ban points to")]
pub fn ssh_client() -> Option<std::net::IpAddr> {
    let connection = std::env::var("SSH_CONNECTION").ok()?;
    crate::event::net::parse_ip(connection.split_whitespace().next()?.as_bytes())
}
