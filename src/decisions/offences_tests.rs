//! Tests of `offences`.
