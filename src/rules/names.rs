//! The names of Rhai's own functions, as the packages we load have them (read from rhai 1.27.0's
//! sources): for telling an unknown function from one that got the wrong values, and for "did you
//! mean".

/// Functions and methods of the packages, without those that rules can't call.
pub(super) const STANDARD: &[&str] = &[
    "abs", "acos", "acosh", "all", "append", "asin", "asinh", "atan", "atanh", "bits", "bytes",
    "ceiling", "chars", "chop", "clear", "contains", "cos", "cosh", "crop", "dedup", "drain", "end",
    "ends_with", "exclusive", "exp", "extract", "fill_with", "filter", "find", "find_map", "floor", "for_each",
    "fraction", "get", "get_bit", "get_bits", "get_fn_metadata_list", "hypot", "inclusive", "index_of",
    "insert", "int", "is_anonymous", "is_empty", "is_even", "is_exclusive", "is_finite",
    "is_inclusive", "is_infinite", "is_nan", "is_odd", "is_zero", "keys", "len", "ln", "log",
    "make_lower", "make_upper", "map", "max", "min", "mixin", "name", "order", "order_by", "order_desc", "pad",
    "parse_float", "parse_int", "pop", "push", "range", "reduce", "reduce_rev", "remove",
    "replace", "retain", "reverse", "round", "set", "set_bit", "set_bits", "set_tag", "shift",
    "sign", "sin", "sinh", "some", "sort", "sort_by", "sort_desc", "splice", "split", "split_rev",
    "sqrt", "start", "starts_with", "sub_string", "tag", "take", "tan", "tanh", "to_array",
    "to_binary", "to_chars", "to_debug", "to_degrees", "to_float", "to_hex", "to_int", "to_json",
    "to_lower", "to_octal", "to_radians", "to_string", "to_upper", "trim", "truncate", "values",
    "write_be", "write_le", "zip", "E", "PI",
    // Keywords that look like functions.
    "call", "curry", "type_of", "is_def_var", "is_def_fn", "is_shared",
];

/// Methods that change what they are called on.
pub(super) const CHANGING: &[&str] = &[
    "append", "chop", "clear", "crop", "dedup", "drain", "fill_with", "insert", "make_lower",
    "make_upper", "mixin", "order", "order_by", "order_desc", "pad", "pop", "push", "remove",
    "replace", "retain", "reverse", "set", "set_bit", "set_bits", "set_tag", "shift", "sort",
    "sort_by", "sort_desc", "splice", "take", "trim", "truncate", "write_be", "write_le",
];

/// Whether Rhai has a function of that name; operators and accessors count.
pub(super) fn is_standard(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        || name.contains('$')
        || STANDARD.contains(&name)
}
