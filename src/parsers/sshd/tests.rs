//! placeholder until the fixtures are in.
