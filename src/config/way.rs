//! The folders and symbolic links on the path to a file: anybody who can replace one of them chooses what the file's name
//! means.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

/// The system follows as many links (Linux, path_resolution(7)).
const MAX_LINKS: u32 = 40;

/// One step from the root to a file.
pub(super) struct Step {
    pub path: PathBuf,
    pub metadata: Metadata,
    /// Whether the folder itself holds the file, or a link that leads to it.
    pub is_direct: bool,
}

/// Returns each folder and each link once. The steps end where something can't be examined, for instance a missing file.
pub(super) fn to(file: &Path) -> Vec<Step> {
    let mut way = Vec::new();
    // What can't be examined can't be opened, either; opening the file will report why.
    let _ = walk(file, &mut way);
    way
}

fn walk(file: &Path, way: &mut Vec<Step>) -> io::Result<()> {
    let mut folder = PathBuf::from("/");
    let mut ahead = names(&std::path::absolute(file)?);
    let mut links = 0;
    loop {
        let is_direct = ahead.len() <= 1;
        see(way, &folder, fs::symlink_metadata(&folder)?, is_direct);
        let Some(name) = ahead.pop_front() else { return Ok(()) };
        if name == ".." {
            folder.pop();
            continue;
        }
        let next = folder.join(&name);
        let metadata = fs::symlink_metadata(&next)?;
        if metadata.is_symlink() {
            links += 1;
            if links > MAX_LINKS {
                return Ok(());
            }
            let target = fs::read_link(&next)?;
            see(way, &next, metadata, is_direct);
            if target.is_absolute() {
                folder = PathBuf::from("/");
            }
            for name in names(&target).into_iter().rev() {
                ahead.push_front(name);
            }
        } else if metadata.is_dir() {
            folder = next;
        } else {
            return Ok(());
        }
    }
}

fn see(way: &mut Vec<Step>, path: &Path, metadata: Metadata, is_direct: bool) {
    match way.iter_mut().find(|step| step.path == path) {
        Some(step) => step.is_direct |= is_direct,
        None => way.push(Step { path: path.into(), metadata, is_direct }),
    }
}

/// Returns the names in the path without the root, but with `..`, which has another meaning behind a link.
fn names(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Returns the steps inside the folder, as `name`, `name!` (direct), `name@` (link).
    fn steps(inside: &Path, file: &Path) -> Vec<String> {
        let shown = |step: Step| {
            let name = step.path.strip_prefix(inside).ok()?.display().to_string();
            let link = if step.metadata.is_symlink() { "@" } else { "" };
            Some(format!("{name}{link}{}", if step.is_direct { "!" } else { "" }))
        };
        to(file).into_iter().filter_map(shown).collect()
    }

    #[test]
    fn folders_and_links_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(root.join("c/d")).unwrap();
        fs::write(root.join("c/d/f"), "x").unwrap();
        symlink(root.join("c"), root.join("a/to_c")).unwrap();
        symlink("../to_c/d/../d/f", root.join("a/b/f")).unwrap();
        symlink("b/f", root.join("a/f")).unwrap();
        symlink("loop", root.join("a/loop")).unwrap();
        assert_eq!(steps(&root, &root.join("c/d/f")), ["", "c", "c/d!"]);
        assert_eq!(steps(&root, &root.join("a/to_c/d/f")), ["", "a", "a/to_c@", "c", "c/d!"]);
        let all = ["", "a!", "a/f@!", "a/b!", "a/b/f@!", "a/to_c@", "c", "c/d!"];
        assert_eq!(steps(&root, &root.join("a/f")), all);
        assert_eq!(steps(&root, &root.join("a/loop")), ["", "a!", "a/loop@!"]);
        // For a missing file, the steps end at the folder that would hold it.
        assert_eq!(steps(&root, &root.join("a/no/f")), ["", "a"]);
        // The way leads through a folder that the name leaves again.
        let detour = ["", "a!", "a/b!", "a/f@!", "a/b/f@!", "a/to_c@", "c", "c/d!"];
        assert_eq!(steps(&root, &root.join("a/b/../f")), detour);
    }
}
