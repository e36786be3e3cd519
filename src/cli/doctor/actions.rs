//! The doctor looks at what actions name: programs that are there, folders that can be written into.
//! Nothing is sent and no program is run.

use super::report::Report;
use crate::actions::WebFileConfig;
use crate::config::Config;
use crate::process::CLEAN_PATH;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Looks at all of them.
pub fn check(config: &Config, report: &mut Report) {
    let actions = &config.actions;
    let before = report.findings.len();
    for program in &actions.programs {
        let of = format!("program `{}`", program.name);
        runs(&of, &program.argv, report);
        if !program.directory.is_dir() {
            let folder = program.directory.display();
            report.error(
                "action",
                format!("{of}: the folder `{folder}` that it is to run in is not there"),
                format!("mkdir -p {folder}"),
            );
        }
    }
    for file in &actions.files {
        let of = format!("file `{}`", file.name);
        for argv in [&file.test, &file.reload] {
            runs(&of, argv, report);
        }
        folder(&of, file, report);
    }
    let named = actions.programs.len() + actions.files.len();
    if report.findings.len() == before && named > 0 {
        report.well("action", "programs and folders that actions name are there");
    }
}

/// Whether the program of an argv is there and may be run; an empty argv asks for none.
pub(super) fn runs(of: &str, argv: &[String], report: &mut Report) {
    let Some(program) = argv.first() else { return };
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|facts| facts.is_file() && facts.permissions().mode() & 0o111 != 0)
    };
    let found = if program.contains('/') {
        is_program(&PathBuf::from(program))
    } else {
        CLEAN_PATH
            .split(':')
            .map(|folder| Path::new(folder).join(program))
            .any(|path| is_program(&path))
    };
    if !found {
        report.error(
            "action",
            format!("{of}: `{program}` is no program that can be run"),
            format!("install it, or give its whole path; riposte looks in {CLEAN_PATH}"),
        );
    }
}

/// Whether the folder of a file is there, and this user may write into it.
fn folder(of: &str, file: &WebFileConfig, report: &mut Report) {
    let parent = file.path.parent().unwrap_or(Path::new("."));
    let shown = parent.display();
    if !parent.is_dir() {
        report.error(
            "action",
            format!("{of}: the folder `{shown}` is not there"),
            format!("mkdir -p {shown}"),
        );
    } else if rustix::fs::access(parent, rustix::fs::Access::WRITE_OK).is_err() {
        report.warning(
            "action",
            format!("{of}: this user may not write into `{shown}`"),
            "the service's user must: see deploy/README.md",
        );
    }
}
