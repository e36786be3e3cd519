//! Every request and reply in full, for `--trace`, with whatever may be a secret taken out.

use crate::secret::Secret;
use std::fmt;
use std::sync::Arc;

/// How Cloudflare's own secrets begin: tokens of users and accounts, and global keys.
const SECRET_PREFIXES: [&str; 3] = ["cfut_", "cfat_", "cfk_"];

/// Where exchanges are told.
#[derive(Clone)]
pub struct Trace(Arc<dyn Fn(&str) + Send + Sync>);

impl Trace {
    /// Tells each exchange to this function, redacted.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn tell(&self, text: &str, token: &Secret) {
        (self.0)(&redacted(text, token));
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trace")
    }
}

/// The text without the token in use, and without anything that looks like one.
fn redacted(text: &str, token: &Secret) -> String {
    let token = token.reveal();
    let mut text = if token.is_empty() { text.to_owned() } else { text.replace(token, "[secret]") };
    for prefix in SECRET_PREFIXES {
        while let Some(at) = text.find(prefix) {
            let tail = text.get(at..).unwrap_or_default();
            let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let end = at + tail.find(|c| !is_part(c)).unwrap_or(tail.len());
            text.replace_range(at..end, "[secret]");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_told() {
        let token = Secret::new("s3cret".to_owned());
        let text = "Authorization: Bearer s3cret {\"value\":\"cfut_AbC-12\",\"k\":\"cfk_9\"} cfat_";
        assert_eq!(
            redacted(text, &token),
            "Authorization: Bearer [secret] {\"value\":\"[secret]\",\"k\":\"[secret]\"} [secret]"
        );
    }
}
