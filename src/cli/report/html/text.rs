//! Text from outside on the page: data, whatever it says.

use crate::event::text::escape;
use maud::{Markup, Render, html};

/// Text that somebody else wrote: control and bidirectional characters are shown, HTML's own
/// characters escaped, and letters that run from right to left don't reach their neighbours.
pub(super) struct Told<'t>(pub &'t str);

impl Render for Told<'_> {
    fn render(&self) -> Markup {
        html! { bdi { (&*escape(self.0)) } }
    }
}

/// A sentence of ours, maybe with somebody's text in it; what stands in backticks looks like code.
pub(super) fn told(text: &str) -> Markup {
    let text = escape(text);
    let parts: Vec<&str> = text.split('`').collect();
    // An odd backtick is one that somebody wrote.
    if parts.len().is_multiple_of(2) {
        return html! { (&*text) };
    }
    html! {
        @for (place, part) in parts.iter().enumerate() {
            @if place.is_multiple_of(2) { (part) } @else { code { (part) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_is_data() {
        let hostile = "<script>alert('1')</script>\u{202e}\"&\n\u{1b}[2J";
        let shown = Told(hostile).render().into_string();
        assert_eq!(
            shown,
            "<bdi>&lt;script&gt;alert('1')&lt;/script&gt;\\u{202e}&quot;&amp;\\n\\u{1b}[2J</bdi>"
        );
    }

    #[test]
    fn names_in_a_sentence_look_like_code() {
        let shown = |text: &str| told(text).into_string();
        assert_eq!(shown("rule `a<b` fired"), "rule <code>a&lt;b</code> fired");
        assert_eq!(shown("a ` alone"), "a ` alone");
    }
}
