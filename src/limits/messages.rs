//! Bounds of messages to people.

/// Messages that one channel holds back for the next summary. What is more is only counted: nobody reads
/// as many, and each has a row in the outbox.
pub const MESSAGES_HELD_MAX: usize = 65_536;

/// Held messages that a summary quotes: as many as fit on a phone.
pub const MESSAGES_QUOTED_MAX: usize = 5;

/// Rules that a summary of several names, each with its count.
pub const MESSAGE_RULES_NAMED_MAX: usize = 20;

/// A template's length. Services take little more.
pub const MESSAGE_TEMPLATE_BYTES_MAX: usize = 2_000;

/// What of a service's answer is told when it refuses.
pub const MESSAGE_REFUSAL_BYTES_MAX: usize = 200;

/// Slack cuts nothing below this: longer texts become several messages.
pub const SLACK_TEXT_CHARS_MAX: usize = 4_000;

/// `content` of a Discord message (Discord, webhook resource, Execute Webhook).
pub const DISCORD_TEXT_CHARS_MAX: usize = 2_000;

/// `text` of a Telegram message (Bot API, sendMessage).
pub const TELEGRAM_TEXT_CHARS_MAX: usize = 4_096;

/// A Matrix event has at most 65,536 bytes with all that servers add (client-server API, size limits); a
/// message that long nobody reads.
pub const MATRIX_TEXT_CHARS_MAX: usize = 8_000;

/// A Teams message has at most 28 KB; the text is well below.
pub const TEAMS_TEXT_CHARS_MAX: usize = 8_000;

/// A message on ntfy's public server: what is longer becomes an attachment.
pub const NTFY_TEXT_BYTES_MAX: usize = 4_096;

/// Gotify has no limit of its own; phones do.
pub const GOTIFY_TEXT_CHARS_MAX: usize = 4_096;

/// `summary` of a `PagerDuty` event (Events API v2).
pub const PAGERDUTY_SUMMARY_CHARS_MAX: usize = 1_024;

/// `dedup_key` of a `PagerDuty` event.
pub const PAGERDUTY_KEY_CHARS_MAX: usize = 255;

/// `message` of an Opsgenie alert.
pub const OPSGENIE_MESSAGE_CHARS_MAX: usize = 130;

/// `alias` of an Opsgenie alert.
pub const OPSGENIE_ALIAS_CHARS_MAX: usize = 512;

/// `description` of an Opsgenie alert.
pub const OPSGENIE_TEXT_CHARS_MAX: usize = 15_000;

/// A mail's text.
pub const MAIL_TEXT_CHARS_MAX: usize = 100_000;
