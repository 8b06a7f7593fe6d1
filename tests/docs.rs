//! Tests the documentation: its links lead somewhere, its explained messages are the library's, and its map of the source
//! holds: there are no import cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns all files below these folders with one of these endings.
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

/// Returns the anchors of a page's headings, as hosts of repositories make them.
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
    // Long texts are broken over several lines in the source.
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

/// The examples are run by other tests, so the pages must show the same code.
#[test]
fn requests_and_responses_are_shown_as_the_examples_have_them() {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let examples: Vec<String> = files(&["examples"], &[".rs", ".java"]).iter().map(|file| flat(&read(file))).collect();
    let page = read(&root().join("docs/mqtt.md"));
    let (_, part) = page.split_once("## Request and response").expect("the part");
    let part = part.split("\n## ").next().expect("its end");
    let blocks: Vec<&str> = part.split("```").skip(1).step_by(2).collect();
    assert_eq!(blocks.len(), 4);
    for block in blocks {
        let (_, code) = block.split_once('\n').expect("its language");
        assert!(examples.iter().any(|example| example.contains(&flat(code))), "no example has this: {code}");
    }
}

/// The owner of a tag can move it to different code.
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

/// Returns the parts of a folder: the files and folders of its modules, without tests.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let is_part = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        // The crate's root is no part, and neither are modules that only call the others, to measure or to try them.
        (path.is_dir() || path.extension().is_some_and(|ending| ending == "rs"))
            && !["mod", "lib", "bin", "bench", "fuzz", "tests", "simulation"].contains(&&*name)
            && !name.ends_with("_tests")
    };
    entries.filter(is_part).collect()
}

/// Returns the names that a file imports from below this path (`crate::` or `super::`), outside its tests.
fn taken(text: &str, path: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut names = Vec::new();
    for (before, rest) in code.match_indices(path).map(|(at, _)| (&code[..at], &code[at + path.len()..])) {
        if before.ends_with(|c: char| c.is_alphanumeric() || c == ':' || c == '_') {
            continue;
        }
        let list = rest.strip_prefix('{').map(|list| list.split('}').next().unwrap_or_default());
        for item in list.unwrap_or(rest.split([';', '(', ' ']).next().unwrap_or_default()).split(',') {
            names.push(item.trim().split("::").next().unwrap_or_default().to_owned());
        }
    }
    names
}

/// Removes parts that need no remaining part, until none are left, or only a cycle.
fn circle(mut needs: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let free: Vec<String> = needs.iter().filter(|(_, of)| of.is_empty()).map(|(name, _)| name.clone()).collect();
        if free.is_empty() {
            return needs.into_keys().collect();
        }
        needs.retain(|name, _| !free.contains(name));
        needs.values_mut().for_each(|of| of.retain(|name| !free.contains(name)));
    }
}

fn needs(folder: &Path, path: impl Fn(&Path) -> &'static str) -> BTreeMap<String, BTreeSet<String>> {
    let name = |part: &Path| part.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let all: BTreeSet<String> = parts(folder).iter().map(|part| name(part)).collect();
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for part in parts(folder) {
        let of = needs.entry(name(&part)).or_default();
        let mut texts = if part.is_dir() { files(&[&part.to_string_lossy()], &[".rs"]) } else { vec![part.clone()] };
        texts.retain(|file| !file.to_string_lossy().contains("test") && !file.to_string_lossy().contains("simulation"));
        for file in texts {
            let found = taken(&read(&file), path(&file));
            of.extend(found.into_iter().filter(|found| all.contains(found) && *found != name(&part)));
        }
    }
    needs
}

#[test]
fn no_part_of_the_source_needs_one_that_needs_it() {
    let top = needs(&root().join("src"), |_| "crate::");
    assert!(top["mqtt"].contains("config") && top["config"].contains("terms"), "{top:?}");
    assert_eq!(circle(top), [""; 0]);
    for folder in
        ["config", "mqtt", "mqtt/session", "message", "tls", "keys", "jni", "outbox", "cli", "cli/check", "cli/outbox"]
    {
        let folder = root().join("src").join(folder);
        let inside = needs(&folder, |file| match file.parent() == Some(&folder) {
            true => "super::",
            // These are files of the part's own folder.
            false => "super::super::",
        });
        assert_eq!(circle(inside), [""; 0], "{}", folder.display());
    }
}
