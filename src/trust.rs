//! Whether a file or folder may be believed: what others can write would let them act with our
//! rights.
//!
//! In: a path. Out: nothing, or why it isn't believed. What is done about it is left to the callers.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Why a file or folder is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distrust {
    /// What is wrong with it.
    pub message: String,
    /// The command that mends it.
    pub hint: String,
}

/// Why a path is not used, where somebody else than root and this process's user can write it; links
/// are followed. A path that is not there is none of this function's business.
pub fn distrust(path: &Path) -> Option<Distrust> {
    distrust_of(path, &std::fs::metadata(path).ok()?)
}

/// Why a file or folder is not used, or a folder that it lies in: whoever can write that can put
/// another in its place. In a folder such as `/tmp` nobody can.
pub fn distrust_chain(path: &Path) -> Option<Distrust> {
    if let Some(why) = distrust(path) {
        return Some(why);
    }
    let real = path.canonicalize().ok()?;
    real.ancestors().skip(1).find_map(|above| {
        let metadata = std::fs::metadata(above).ok()?;
        let sticky = metadata.mode() & 0o1000 != 0;
        if sticky && metadata.uid() == 0 {
            return None;
        }
        distrust_of(above, &metadata)
    })
}

/// The same from what is known of the file already.
pub fn distrust_of(path: &Path, metadata: &Metadata) -> Option<Distrust> {
    let shown = path.display();
    let ours = rustix::process::geteuid().as_raw();
    if metadata.mode() & 0o002 != 0 {
        return Some(Distrust {
            message: format!("`{shown}` can be written by everybody, so it is not used"),
            hint: format!("chmod o-w {shown}"),
        });
    }
    if metadata.uid() != 0 && metadata.uid() != ours {
        return Some(Distrust {
            message: format!(
                "`{shown}` belongs to another user (uid {}), so it is not used",
                metadata.uid()
            ),
            hint: format!("chown root {shown}"),
        });
    }
    if metadata.mode() & 0o020 != 0 && metadata.gid() != 0 && ours == 0 {
        return Some(Distrust {
            message: format!("`{shown}` can be written by its group, so it is not used"),
            hint: format!("chmod g-w {shown}"),
        });
    }
    None
}
