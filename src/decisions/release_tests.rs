//! Tests of `release`.
