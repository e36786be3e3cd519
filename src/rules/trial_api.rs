//! The `t` of a test.

use super::book::Api;

/// Registers it.
pub(super) fn register(_api: &mut Api<'_>) {}
