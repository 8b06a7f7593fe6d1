//! The documentation: its links lead somewhere, and the messages that it explains are the library's.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below these folders with one of these endings.
fn files(folders: &[&str], endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found
}

fn pages() -> Vec<PathBuf> {
    let mut pages = files(&["docs"], &[".md"]);
    let top = fs::read_dir(root()).expect("a folder").map(|entry| entry.expect("an entry").path());
    pages.extend(top.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    pages
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A heading's anchor, as hosts of repositories make it.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        text.chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .collect::<String>()
            .replace(' ', "-")
    };
    headings.map(slug).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            let leads =
                target.exists() && (anchor.is_empty() || anchors(&read(&target)).iter().any(|own| own == anchor));
            if !leads {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(count > 40, "{count} links");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn explained_messages_are_those_of_the_library() {
    let sources: String = files(&["src", "java/src/main"], &[".rs", ".java"]).iter().map(|file| read(file)).collect();
    // Long texts are broken in the source.
    let flat =
        |text: &str| text.replace("\\\n", "").split_whitespace().collect::<Vec<_>>().join(" ").replace("\" + \"", "");
    let sources = flat(&sources);
    let page = read(&root().join("docs/troubleshooting.md"));
    let (_, table) = page.split_once("## By message").expect("the table");
    let mut unknown = Vec::new();
    let mut count = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let column = row.split(" | ").next().expect("a column");
        for message in column.split('`').skip(1).step_by(2) {
            for part in message.split('…').map(|part| part.trim_matches(|c: char| !c.is_alphanumeric())) {
                count += 1;
                if part.len() > 3 && !sources.contains(part) {
                    unknown.push(part.to_owned());
                }
            }
        }
    }
    assert!(count > 25, "{count} messages");
    assert!(unknown.is_empty(), "the library says none of these: {unknown:#?}");
}

/// A tag can be moved to other code.
#[test]
fn hosted_actions_are_named_by_their_commits() {
    let workflow = read(&root().join(".github/workflows/ci.yml"));
    let actions: Vec<&str> =
        workflow.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, name)| name).collect();
    assert!(!actions.is_empty());
    for action in actions {
        let commit = action.split_once('@').and_then(|(_, rest)| rest.split_once(" # v")).map(|(commit, _)| commit);
        let is_commit =
            commit.is_some_and(|commit| commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(is_commit, "{action}");
    }
}
