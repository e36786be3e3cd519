//! pack
pub const PACK: &[(&str,&str)] = &[];
