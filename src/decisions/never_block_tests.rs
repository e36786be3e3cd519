//! Tests of `never_block`.
