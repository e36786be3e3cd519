//! Folders of plugins: what is taken, what is refused, and that one bad one keeps no other away.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn module(&self, name: &str) {
        self.write(
            &format!("{name}/plugin.toml"),
            &format!(
                "name = \"{name}\"\nversion = \"1\"\nkind = \"module\"\ndescription = \"x\"\n"
            ),
            0o644,
        );
        self.write(&format!("{name}/lib.rhai"), "fn one() { 1 }\n", 0o644);
    }

    fn action(&self, name: &str, run: &str) {
        self.write(
            &format!("{name}/plugin.toml"),
            &format!(
                "name = \"{name}\"\nversion = \"1\"\nkind = \"action\"\nprotocol = 1\ndescription = \"x\"\nrun = [\"{run}\"]\n"
            ),
            0o644,
        );
    }

    /// What was refused, in words, without the path of the test's folder.
    fn refused(&self) -> String {
        let told: Vec<String> = self.look().faults.iter().map(PluginFault::render).collect();
        told.join("\n").replace(&self.0.path().display().to_string(), "DIR")
    }

    fn look(&self) -> Found {
        discover(self.0.path())
    }

    fn names(&self) -> Vec<String> {
        self.look().plugins.iter().map(|plugin| plugin.name().to_owned()).collect()
    }
}

#[test]
fn plugins_come_in_the_order_of_names_and_other_things_are_left_alone() {
    let folder = Folder::new();
    folder.module("shop");
    folder.module("blog");
    folder.write("README.md", "notes", 0o644);
    folder.write("shared/words.txt", "x", 0o644);
    assert_eq!(folder.names(), ["blog", "shop"]);
    assert_eq!(folder.refused(), "");
    assert_eq!(discover(&folder.path("nothing")), Found::default());
}

#[test]
fn a_folder_that_names_another_plugin_is_no_second_one() {
    let folder = Folder::new();
    folder.module("shop");
    folder.module("shop2");
    let manifest = fs::read_to_string(folder.path("shop/plugin.toml")).unwrap();
    folder.write("shop2/plugin.toml", &manifest, 0o644);
    symlink(folder.path("shop"), folder.path("shop3")).unwrap();
    assert_eq!(folder.names(), ["shop"]);
    insta::assert_snapshot!(folder.refused(), @r#"
    DIR/shop2/plugin.toml:1:1: `name` is `shop`, but the folder is `shop2`
      | name = "shop"
      | ^^^^
    hint: give both one name
    DIR/shop3/plugin.toml:1:1: `name` is `shop`, but the folder is `shop3`
      | name = "shop"
      | ^^^^
    hint: give both one name
    "#);
}

#[test]
fn what_others_can_write_is_refused_anywhere_in_the_folder() {
    for (path, mode) in [("", 0o777), ("plugin.toml", 0o666), ("lib.rhai", 0o646), ("data", 0o757)]
    {
        let folder = Folder::new();
        folder.module("good");
        folder.module("shop");
        fs::create_dir(folder.path("shop/data")).unwrap();
        let open = folder.path("shop").join(path);
        fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(folder.names(), ["good"], "{path}");
        assert!(folder.refused().contains("can be written by everybody"), "{}", folder.refused());
    }
}

#[test]
fn a_folder_of_plugins_or_one_above_it_that_others_can_write_is_refused_whole() {
    let folder = Folder::new();
    folder.module("above/plugins/shop");
    for open in ["above/plugins", "above"] {
        let path = folder.path(open);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let found = discover(&folder.path("above/plugins"));
        assert_eq!((found.plugins.len(), found.faults.len()), (0, 1), "{open}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_link_is_believed_as_what_it_leads_to() {
    let folder = Folder::new();
    folder.module("shop");
    let outside = Folder::new();
    let open = outside.write("words.txt", "x", 0o666);
    symlink(&open, folder.path("shop/words.txt")).unwrap();
    assert!(folder.names().is_empty());
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(folder.names(), ["shop"]);
}

#[test]
fn the_program_is_in_the_folder_or_installed() {
    let folder = Folder::new();
    folder.action("good", "./run.sh");
    folder.write("good/run.sh", "#!/bin/sh\n", 0o755);
    folder.action("installed", "sh");
    folder.action("plain", "run.sh");
    folder.write("plain/run.sh", "#!/bin/sh\n", 0o755);
    folder.action("out", "./../good/run.sh");
    folder.action("not-executable", "./run.sh");
    folder.write("not-executable/run.sh", "#!/bin/sh\n", 0o644);
    folder.action("missing", "./run.sh");
    folder.action("folder", "./bin");
    fs::create_dir(folder.path("folder/bin")).unwrap();
    assert_eq!(folder.names(), ["good", "installed"]);
    let found = folder.look();
    assert_eq!(found.plugins[0].program.as_deref(), Some(&*folder.path("good/run.sh")));
    insta::assert_snapshot!(folder.refused(), @r#"
    DIR/folder/plugin.toml:6:1: `run` begins with `./bin`, which is no regular file
      | run = ["./bin"]
      | ^^^
    DIR/missing/plugin.toml:6:1: `run` begins with `./run.sh`, which can't be used: No such file or directory (os error 2)
      | run = ["./run.sh"]
      | ^^^
    DIR/not-executable/plugin.toml:6:1: `run` begins with `./run.sh`, which is not executable
      | run = ["./run.sh"]
      | ^^^
    hint: chmod +x DIR/not-executable/run.sh
    DIR/out/plugin.toml:6:1: `run` begins with `./../good/run.sh`, which leads out of the folder
      | run = ["./../good/run.sh"]
      | ^^^
    hint: it must lie in the plugin's folder, or have an absolute path
    DIR/plain/plugin.toml:6:1: `run` names `run.sh`, which is not installed
      | run = ["run.sh"]
      | ^^^
    hint: write `./run.sh` for the file in the folder
    "#);
}

/// Whoever can write the folder of a program can put another in its place.
#[test]
fn a_program_elsewhere_is_believed_as_its_folder_is() {
    let elsewhere = Folder::new();
    let tool = elsewhere.write("open/tool", "#!/bin/sh\n", 0o755);
    let folder = Folder::new();
    let tool = tool.display().to_string();
    folder.action("run", &tool);
    folder.action("script", &format!("/bin/sh\", \"{tool}"));
    assert_eq!(folder.names(), ["run", "script"]);
    fs::set_permissions(elsewhere.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(folder.names(), [""; 0]);
    assert_eq!(folder.refused().matches("can be written").count(), 2, "{}", folder.refused());
}

#[test]
fn files_that_are_too_large_or_no_files_are_refused() {
    let folder = Folder::new();
    folder.module("huge");
    folder.write("huge/lib.rhai", &"// x\n".repeat(60_000), 0o644);
    folder.module("long");
    folder.write("long/plugin.toml", &"# x\n".repeat(20_000), 0o644);
    folder.module("bytes");
    fs::write(folder.path("bytes/lib.rhai"), b"fn a() { \"\xff\" }").unwrap();
    folder.module("folder");
    fs::remove_file(folder.path("folder/lib.rhai")).unwrap();
    fs::create_dir(folder.path("folder/lib.rhai")).unwrap();
    folder.module("broken");
    fs::remove_file(folder.path("broken/plugin.toml")).unwrap();
    symlink("nowhere", folder.path("broken/plugin.toml")).unwrap();
    folder.module("deep");
    fs::create_dir_all(folder.path("deep").join("x/".repeat(20))).unwrap();
    folder.module("empty");
    fs::remove_file(folder.path("empty/lib.rhai")).unwrap();
    assert!(folder.names().is_empty());
    insta::assert_snapshot!(folder.refused(), @r#"
    DIR/broken/plugin.toml: failed to read it: No such file or directory (os error 2)
    DIR/bytes/lib.rhai: it is not UTF-8
    hint: save it as UTF-8
    DIR/deep: it has more than 4096 files, or folders more than 16 deep
    hint: keep libraries and data outside of the plugin's folder
    DIR/empty/lib.rhai: failed to read it: No such file or directory (os error 2)
    DIR/folder/lib.rhai: it is no regular file
    DIR/huge/lib.rhai: it has more than 256 KiB
    DIR/long/plugin.toml: it has more than 64 KiB
    "#);
}

#[test]
fn only_what_the_config_names_runs() {
    let folder = Folder::new();
    for name in ["blog", "forum", "shop"] {
        folder.module(name);
    }
    folder.module("bad");
    folder.write("bad/plugin.toml", "x = 1\n", 0o644);
    let off = PluginConfig { enabled: false, ..PluginConfig::default() };
    let tables = BTreeMap::from([
        ("blog".to_owned(), PluginConfig::default()),
        ("forum".to_owned(), off),
        ("shpo".to_owned(), PluginConfig::default()),
        ("bad".to_owned(), PluginConfig::default()),
    ]);
    let (enabled, missing) = folder.look().enabled(&tables);
    let names: Vec<&str> = enabled.iter().map(|enabled| enabled.plugin.name()).collect();
    assert_eq!(names, ["blog"]);
    let words = "there is no plugin `shpo` in `plugins_dir`\nhint: did you mean `shop`?";
    assert_eq!(missing, [("shpo".to_owned(), words.to_owned())]);
}
