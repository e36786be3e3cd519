//! `riposte plugin new`: a small plugin that works and passes its own tests.

use super::{Kind, Language, NewArgs};
use crate::cli::output::Output;
use crate::cli::{End, Usage};
use crate::config::Config;
use crate::plugins::manifest::{NAME_HINT, is_name};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PYTHON: &str = include_str!("skeletons/program.py");
const SHELL: &str = include_str!("skeletons/program.sh");

/// Writes it below the plugins' folder.
pub fn new(config: &Config, args: &NewArgs, out: &mut Output) -> anyhow::Result<End> {
    let name = args.name.as_str();
    if !is_name(name) {
        return Err(Usage::of(format!("`{name}` can't be a plugin's name\nhint: {NAME_HINT}")));
    }
    if args.kind == Kind::Module && name.contains('-') {
        let words = format!("`{name}` can't be a module's name: it stands before `::` in rules");
        return Err(Usage::of(format!("{words}\nhint: write `_` for `-`")));
    }
    let folder = config.plugins_dir.join(name);
    if folder.exists() {
        return Err(Usage::of(format!("`{}` is there already", folder.display())));
    }
    for (file, text, mode) in files(args) {
        write(&folder.join(file), &text, mode).map_err(|error| {
            Usage::of(format!("failed to write `{}`: {error}", folder.display()))
        })?;
        out.line(folder.join(file).display().to_string())?;
    }
    out.line(format!("try it with `riposte plugin test {name}`"))?;
    if !config.plugins.contains_key(name) {
        out.line(format!("use it with `[plugins.{name}]` in the config"))?;
    }
    Ok(End::Well)
}

fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Path, text and mode of each file.
fn files(args: &NewArgs) -> Vec<(&'static str, String, u32)> {
    let name = args.name.as_str();
    let head = |kind: &str, rest: &str| {
        format!(
            "name = \"{name}\"\nversion = \"0.1.0\"\nkind = \"{kind}\"\ndescription = \"What it is for, in a sentence.\"\n{rest}"
        )
    };
    if args.kind == Kind::Module {
        let module = "//! Functions for rules; called as `NAME::is_sample(e.path)`.\n\nfn is_sample(path) { path.starts_with(\"/sample/\") }\n";
        let test = "test(\"sample paths are known\", |t| {\n    t.expect_equal(NAME::is_sample(\"/sample/a\"), true);\n    t.expect_equal(NAME::is_sample(\"/a\"), false);\n});\n";
        return vec![
            ("plugin.toml", head("module", ""), 0o644),
            ("lib.rhai", module.replace("NAME", name), 0o644),
            ("lib.test.rhai", test.replace("NAME", name), 0o644),
        ];
    }
    let (program, code) = match args.language {
        Language::Python => ("program.py", PYTHON),
        Language::Shell => ("program.sh", SHELL),
    };
    let (kind, part, test) = match args.kind {
        Kind::Source => (
            "source",
            "\n[source.kinds.sample]\nname = \"text\"\n",
            r#"{"expect": {"type": "event", "kind": "sample", "fields": {"name": "first"}}}"#,
        ),
        Kind::Parser => (
            "parser",
            "\n[parser]\nformat = \"NAME\"\nkinds = { sample = { name = \"text\" } }\n",
            "{\"send\": {\"type\": \"parse\", \"id\": 1, \"line\": \"bob\"}}\n{\"expect\": {\"type\": \"event\", \"id\": 1, \"fields\": {\"name\": \"bob\"}}}",
        ),
        Kind::Enricher => (
            "enricher",
            "\n[enricher]\non = [\"http\"]\nkey = \"ip\"\nfields = { sample = \"bool\" }\n",
            "{\"send\": {\"type\": \"ask\", \"id\": 1, \"key\": \"203.0.113.9\"}}\n{\"expect\": {\"type\": \"answer\", \"id\": 1, \"fields\": {\"sample\": true}}}",
        ),
        _ => (
            "action",
            "\n[action]\ndoes = [\"notify\"]\nidempotent = false\n",
            "{\"send\": {\"type\": \"act\", \"id\": \"a\", \"do\": \"notify\", \"message\": \"hello\"}}\n{\"expect\": {\"type\": \"outcome\", \"id\": \"a\", \"outcome\": \"applied\"}}",
        ),
    };
    let part = part.replace("NAME", name);
    let manifest = head(kind, &format!("protocol = 1\nrun = [\"./{program}\"]\n{part}"));
    vec![
        ("plugin.toml", manifest, 0o644),
        (program, code.replace("KIND", kind), 0o755),
        ("tests/sample.jsonl", format!("{test}\n"), 0o644),
    ]
}
