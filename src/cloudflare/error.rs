//! What can go wrong with a call: which area, what Cloudflare said, whether it may have happened,
//! whether and when to try again, and what would mend it.

use super::call::{Area, Call};
use std::fmt;
use std::time::Duration;

/// What kind of failure it is, as far as a caller acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The budget has no room now; nothing was sent.
    Budget,
    /// Nothing was sent: no connection, or the request can't be built.
    NotSent,
    /// No whole reply came: a change may have happened.
    NoReply,
    /// A reply came that can't be understood: a change may have happened.
    Unreadable,
    /// The token is not accepted, or may not do this.
    Forbidden,
    /// It isn't there.
    NotFound,
    /// The plan doesn't have it, or has no room for more.
    NotOnThisPlan,
    /// It is there already.
    Duplicate,
    /// Another change of the same thing is still under way; nothing was changed.
    Busy,
    /// Too many calls; nothing was changed.
    TooMany,
    /// Too many changes of list items; nothing was changed, and other calls may be made.
    TooManyItems,
    /// Cloudflare failed: a change may have happened.
    Server,
    /// Cloudflare refuses it as it is.
    Refused,
}

/// A call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What it was about.
    pub area: Area,
    /// What kind of failure.
    pub kind: ErrorKind,
    /// The reply's status.
    pub status: Option<u16>,
    /// The first code of the reply. It means something only together with the area.
    pub code: Option<i64>,
    /// What was said, not to be trusted as text.
    pub message: String,
    /// Which part of the request the complaint is about (`/0/ip`), where the reply says so.
    pub pointer: Option<Box<str>>,
    /// Cloudflare's name for the request (`CF-Ray`), for its support.
    pub ray: Option<Box<str>>,
    /// Not to be tried before; `None` where the reply names no time.
    pub wait: Option<Duration>,
    /// The permission that the call needs.
    pub permission: Option<&'static str>,
    /// It was a change.
    pub writes: bool,
}

impl ApiError {
    /// A failure of a call, with nothing known from a reply.
    pub(super) fn new(call: &Call, kind: ErrorKind, message: impl Into<String>) -> Self {
        let (permission, writes) = (call.permission(), call.writes());
        Self { permission, writes, ..Self::of(call.area, kind, message) }
    }

    /// A failure that no call's reply tells of.
    pub fn of(area: Area, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            area,
            kind,
            status: None,
            code: None,
            message: message.into(),
            pointer: None,
            ray: None,
            wait: None,
            permission: None,
            writes: false,
        }
    }

    /// Whether a change may have happened all the same.
    pub const fn may_have_happened(&self) -> bool {
        self.writes
            && matches!(self.kind, ErrorKind::NoReply | ErrorKind::Unreadable | ErrorKind::Server)
    }

    /// Whether the same call may succeed later.
    pub const fn may_pass(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Budget
                | ErrorKind::NotSent
                | ErrorKind::NoReply
                | ErrorKind::Unreadable
                | ErrorKind::Busy
                | ErrorKind::TooMany
                | ErrorKind::TooManyItems
                | ErrorKind::Server
        )
    }

    fn hint(&self) -> Option<String> {
        let needs =
            || self.permission.map_or_else(String::new, |name| format!(" it needs `{name}` here;"));
        Some(match self.kind {
            ErrorKind::Forbidden => format!(
                "the token is not accepted or may not do this:{} `riposte cf verify` says which",
                needs()
            ),
            ErrorKind::NotSent => {
                "can this machine reach api.cloudflare.com over HTTPS? is its clock right?".into()
            }
            ErrorKind::NotOnThisPlan => "see docs/cloudflare.md for what each plan has".into(),
            ErrorKind::TooMany => {
                "other tools with tokens of the same user share the 1,200 calls in five minutes"
                    .into()
            }
            _ => return None,
        })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.may_have_happened() {
            f.write_str("could not confirm a change of ")?;
        }
        write!(f, "Cloudflare {}: ", self.area.name())?;
        if let Some(status) = self.status {
            write!(f, "HTTP {status}")?;
            if let Some(code) = self.code {
                write!(f, ", code {code}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        if let Some(pointer) = &self.pointer {
            write!(f, " at `{pointer}`")?;
        }
        if let Some(ray) = &self.ray {
            write!(f, " (ray {ray})")?;
        }
        if let Some(hint) = self.hint() {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}
