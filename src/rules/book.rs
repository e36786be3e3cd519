//! The book of the script API: each function is registered and described in one place, so the
//! reference, the completions and `check` can't fall behind the code.
//!
//! To add a function:
//!
//! 1. Register it with [`Api::doc`]: where it may be called, its name, how it is called, a
//!    paragraph, a short example of one line.
//! 2. Write its page, `src/rules/pages/PLACE/NAME.rhai`, and name it in the list of `pages.rs`. The
//!    page's head has a line for each way to call it, with types; then `argument: what is expected,
//!    with its unit`, `gives: …`, `errors: …` and `since: VERSION`, each on one line. Below it stands
//!    a rule file that shows the function, and a `test(…)` that shows that it does what is said.
//! 3. `riposte docs docs` and `riposte editor definitions --out deploy` write what is made from it.
//!
//! Tests fail for a function without an entry, an entry without a page, a page whose calls have
//! other numbers of arguments than those registered, and an example that `check` complains of or
//! whose test doesn't pass.

use rhai::Engine;

/// Where a function may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At the top level of a rule file.
    File,
    /// On what `rule(…)` gives.
    Rule,
    /// Anywhere in a closure: predicates, keys, bodies, tests.
    Pure,
    /// In bodies (`then`, `every`, `cron`).
    Body,
    /// In bodies, within the module `state`.
    State,
    /// In bodies, within the module `cf`.
    Cloudflare,
    /// On the `t` of a test.
    Test,
}

impl Place {
    /// The name before `::`, where its functions are called by one.
    pub const fn namespace(self) -> Option<&'static str> {
        match self {
            Self::State => Some("state"),
            Self::Cloudflare => Some("cf"),
            Self::File | Self::Rule | Self::Pure | Self::Body | Self::Test => None,
        }
    }
}

/// The names before `::` that riposte itself has, with what is behind them. Plugins add theirs.
pub fn namespaces() -> [(&'static str, &'static str); 2] {
    [("state", "what bodies remember"), ("cf", "what bodies ask of Cloudflare")]
}

/// A function as the reference shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it may be called.
    pub place: Place,
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub signature: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// An example.
    pub example: &'static str,
}

/// An engine under construction, and the book it fills.
pub(super) struct Api<'a> {
    pub engine: &'a mut Engine,
    pub book: &'a mut Vec<Entry>,
}

impl Api<'_> {
    /// Describes a function, and gives the engine to register it in.
    pub(super) fn doc(
        &mut self,
        place: Place,
        name: &'static str,
        signature: &'static str,
        doc: &'static str,
        example: &'static str,
    ) -> &mut Engine {
        self.book.push(Entry { place, name, signature, doc, example });
        self.engine
    }
}
