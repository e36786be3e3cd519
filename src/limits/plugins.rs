//! Bounds of plugins: what is read of their folders, and what a program may take before it is
//! stopped.

/// Plugins in the folder; hundreds of child programs would be a fault of the machine's plan.
pub const PLUGINS_MAX: usize = 256;

/// Files and folders of one plugin that are looked at; a virtual environment belongs outside.
pub const PLUGIN_FILES_MAX: usize = 4_096;

/// Folders inside each other in a plugin.
pub const PLUGIN_NESTING_MAX: usize = 16;

/// The largest `plugin.toml`; an honest one has some 30 lines.
pub const PLUGIN_MANIFEST_BYTES_MAX: u64 = 64 * 1024;

/// The largest `lib.rhai`: a module of some thousand lines.
pub const PLUGIN_MODULE_BYTES_MAX: u64 = 256 * 1024;

/// A plugin's name: it stands in rules, in metrics' labels and in paths.
pub const PLUGIN_NAME_BYTES_MAX: usize = 32;

/// The longest description, as much as a listing shows in a line or two.
pub const PLUGIN_DESCRIPTION_CHARS_MAX: usize = 200;

/// Arguments of a program, its name included.
pub const PLUGIN_ARGUMENTS_MAX: usize = 32;

/// Fields that a plugin may declare.
pub const PLUGIN_FIELDS_MAX: usize = 64;

/// The longest start that a manifest may ask for.
pub const PLUGIN_START_SECS_MAX: u64 = 120;

/// A program answers one question within this long if its manifest says nothing.
pub const PLUGIN_ANSWER_MILLIS: u64 = 2_000;

/// The longest that a manifest may ask for an answer.
pub const PLUGIN_ANSWER_MILLIS_MAX: u64 = 60_000;

/// The longest line of a program that a manifest may ask for, in place of the usual bound.
pub const PLUGIN_LINE_BYTES_CEILING: usize = 1024 * 1024;

/// An enricher's answer holds this long if its manifest says nothing.
pub const PLUGIN_TTL_SECS: u64 = 3_600;

/// The longest that a manifest may let an answer hold.
pub const PLUGIN_TTL_SECS_MAX: u64 = 7 * 86_400;

/// Secrets that one plugin may be given.
pub const PLUGIN_SECRETS_MAX: usize = 32;

/// The `settings` of a plugin, as JSON in its first line.
pub const PLUGIN_SETTINGS_BYTES_MAX: usize = 64 * 1024;
