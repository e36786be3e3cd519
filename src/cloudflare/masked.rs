//! Destinations as they may be shown: passwords stand in their queries, names of users, paths.

use serde::{Deserialize, Deserializer};

/// A destination's scheme and host, and that there is more.
pub fn masked(destination: &str) -> String {
    let Some((scheme, rest)) = destination.split_once("://") else { return "[hidden]".to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, more) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = place.rsplit('@').next().unwrap_or_default();
    let more = if more.is_empty() || more == "/" { "" } else { "/…" };
    format!("{scheme}://{host}{more}")
}

/// Reads a destination so that the whole of it is never held.
pub(super) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()).map(|text| masked(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_may_be_a_secret_is_left() {
        for (destination, shown) in [
            (
                "https://example.com/intake/cf?header_Authorization=Bearer%20hush",
                "https://example.com/…",
            ),
            ("https://example.com?token=hush", "https://example.com/…"),
            ("https://example.com/", "https://example.com"),
            ("https://user:hush@example.com:8443/hush", "https://example.com:8443/…"),
            ("s3://bucket/hush?access-key-id=hush", "s3://bucket/…"),
            ("hush", "[hidden]"),
        ] {
            assert_eq!(masked(destination), shown, "{destination}");
        }
    }
}
