//! Plugins whose programs a test writes itself.

use super::Place;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Puts a plugin with a Python program into the place.
pub fn plugin(place: &Path, name: &str, kind: &str, part: &str, program: &str) {
    let folder = place.join("plugins").join(name);
    fs::create_dir_all(&folder).unwrap();
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1\"\nprotocol = 1\nkind = \"{kind}\"\ndescription = \"A test.\"\nrun = [\"./run\"]\n{part}"
    );
    fs::write(folder.join("plugin.toml"), manifest).unwrap();
    let path = folder.join("run");
    fs::write(&path, format!("#!/usr/bin/python3\n{program}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Place {
    /// Adds to a file beside the config.
    pub fn add(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(self.dir.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}
