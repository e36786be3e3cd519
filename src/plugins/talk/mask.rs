//! Secrets' values are taken out of whatever a program says, before anything else is done with it.
//!
//! A value is found as it is, as JSON writes it, and, where it has several lines, line by line.
//! Where a text was cut, the start of a value at its end is taken out too. A program that changes
//! the value (encodes it, writes it backwards) can't be helped.

use crate::limits::PLUGIN_SECRET_BYTES_MIN;
use crate::secret::Secret;
use memchr::memmem;
use std::borrow::Cow;
use std::fmt;

/// What stands in place of a secret.
const MARK: &str = "[secret]";

/// The secrets of one program.
pub struct Mask {
    /// Everything that must not be seen.
    values: Vec<Secret>,
    longest: usize,
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mask").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

impl Mask {
    /// A mask for these values.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let mut values: Vec<Secret> = Vec::new();
        for secret in secrets {
            let lines = secret.reveal().lines().map(str::trim).map(str::to_owned);
            let mut forms: Vec<String> = lines.collect();
            if let Ok(quoted) = serde_json::to_string(secret.reveal()) {
                forms.push(quoted.trim_matches('"').to_owned());
            }
            forms.push(secret.reveal().to_owned());
            for form in forms.into_iter().map(Secret::new) {
                let known = values.iter().any(|value| value.reveal() == form.reveal());
                if form.reveal().len() >= PLUGIN_SECRET_BYTES_MIN && !known {
                    values.push(form);
                }
            }
        }
        let longest = values.iter().map(|value| value.reveal().len()).max().unwrap_or(0);
        Self { values, longest }
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// How many bytes beyond a cut must be known for the cut text to show no part of a value.
    pub(super) const fn reach(&self) -> usize {
        self.longest
    }

    /// The text without secrets, as people are shown it: it may have been cut.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        taken_out(text, &self.spans(text.as_bytes(), true))
    }

    /// The text without secrets, where it is data and whole: an end that only looks like the
    /// beginning of a secret stays.
    pub(super) fn data<'t>(&self, text: &'t str) -> Cow<'t, str> {
        taken_out(text, &self.spans(text.as_bytes(), false))
    }

    /// The first `bytes_max` of the bytes without secrets. A value that reaches over the cut is
    /// taken out whole, as is the start of one at the very end of what is known.
    pub(super) fn bytes(&self, bytes: &[u8], bytes_max: usize) -> Vec<u8> {
        without(bytes, bytes_max, &self.spans(bytes, true))
    }

    /// Where values are, in order, none touching another; with `cut` also the start of one at the
    /// end.
    fn spans(&self, bytes: &[u8], cut: bool) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for value in &self.values {
            let value = value.reveal().as_bytes();
            let finder = memmem::Finder::new(value);
            let mut from = 0;
            // Not `find_iter`: it passes over places that overlap.
            while let Some(at) = bytes.get(from..).and_then(|rest| finder.find(rest)) {
                found.push((from + at, from + at + value.len()));
                from += at + 1;
            }
            if cut && let Some(start) = unfinished(bytes, value) {
                found.push((start, bytes.len()));
            }
        }
        found.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(found.len());
        for (start, end) in found {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

/// The text without these places.
fn taken_out<'t>(text: &'t str, spans: &[(usize, usize)]) -> Cow<'t, str> {
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let left = without(text.as_bytes(), usize::MAX, spans);
    Cow::Owned(String::from_utf8_lossy(&left).into_owned())
}

/// The first `bytes_max` of the bytes, with a mark in each of these places.
fn without(bytes: &[u8], bytes_max: usize, spans: &[(usize, usize)]) -> Vec<u8> {
    let cut = bytes.len().min(bytes_max);
    let mut out = Vec::with_capacity(cut);
    let mut from = 0;
    for (start, end) in spans.iter().copied().take_while(|(start, _)| *start < cut) {
        out.extend_from_slice(bytes.get(from..start).unwrap_or_default());
        out.extend_from_slice(MARK.as_bytes());
        from = end;
    }
    out.extend_from_slice(bytes.get(from..cut).unwrap_or_default());
    out
}

/// Where the bytes end with the beginning of a value, long enough to be no chance.
fn unfinished(bytes: &[u8], value: &[u8]) -> Option<usize> {
    let longest = value.len().saturating_sub(1).min(bytes.len());
    (PLUGIN_SECRET_BYTES_MIN..=longest)
        .rev()
        .find(|length| value.get(..*length).is_some_and(|start| bytes.ends_with(start)))
        .map(|length| bytes.len() - length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(values: &[&str]) -> Mask {
        Mask::new(values.iter().map(|value| Secret::new((*value).to_owned())))
    }

    #[test]
    fn values_are_taken_out_wherever_they_stand() {
        let mask = mask(&["hunter2", "ter2xyz", "line one\nline two"]);
        assert_eq!(mask.text("nothing here"), "nothing here");
        assert_eq!(mask.text("a hunter2 b hunter2"), "a [secret] b [secret]");
        assert_eq!(mask.text("hunter2xyz!"), "[secret]!", "overlapping ones leave nothing");
        assert_eq!(mask.text("key: line two"), "key: [secret]");
        assert_eq!(mask.text(r"line one\nline two"), "[secret]", "as JSON writes it");
        assert_eq!(mask.text("it died at hunte"), "it died at [secret]", "unfinished");
        assert_eq!(mask.text("a hun"), "a hun", "three letters may be chance");
        assert_eq!(mask.data("/to/hunte"), "/to/hunte", "data is whole");
        assert_eq!(mask.data("/to/hunter2"), "/to/[secret]");
    }

    #[test]
    fn a_cut_shows_no_part_of_a_value() {
        let mask = mask(&["0123456789"]);
        let text = b"abc 0123456789 def";
        for cut in 0..text.len() {
            let shown = String::from_utf8(mask.bytes(text, cut)).unwrap();
            assert!(!shown.contains('0') && !shown.contains('9'), "{cut}: {shown}");
        }
        assert_eq!(mask.bytes(text, 8), b"abc [secret]");
        assert_eq!(mask.bytes(text, usize::MAX), b"abc [secret] def");
    }

    #[test]
    fn a_mask_shows_nothing_itself() {
        assert!(!format!("{:?}", mask(&["hunter2"])).contains("hunter"));
    }
}
