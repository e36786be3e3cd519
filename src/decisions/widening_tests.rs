//! Tests of `widening`.
