//! Tests the blocks of code in the README and in `docs/`: each must be compiled, read or run by something. Those of Rust are
//! doctests, those of Java are compiled by `BlocksTest` and `PluginGuideTest`, and `scripts/guide` plays whole pages; this file
//! has the rest.
#![cfg(feature = "cli")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::command::{command, start};

/// A block of code between two fences.
struct Block {
    page: PathBuf,
    line: usize,
    language: String,
    /// The text after the language on the first fence.
    more: String,
    /// Whether a comment before the block, which readers of the page do not see, gives a reason why the block is not run.
    not_run: bool,
    text: String,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.page.display(), self.line)
    }

    /// Returns the path of the page from the root of the project.
    fn page_name(&self) -> String {
        self.page.strip_prefix(root()).expect("a page").to_string_lossy().into_owned()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn blocks() -> Vec<Block> {
    let docs = fs::read_dir(root().join("docs")).expect("docs").map(|entry| entry.expect("an entry").path());
    let pages = docs.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let mut pages: Vec<PathBuf> = pages.chain([root().join("README.md")]).collect();
    pages.sort();
    let mut blocks: Vec<Block> = Vec::new();
    for page in pages {
        let text = read(&page);
        let mut inside = false;
        let mut before = "";
        for (number, line) in text.lines().enumerate() {
            match line.strip_prefix("```") {
                Some(_) if inside => inside = false,
                Some(info) => {
                    inside = true;
                    let end = info.find([' ', ',']).unwrap_or(info.len());
                    let (language, more) = info.split_at(end);
                    let not_run = before.strip_prefix("<!-- not run: ").and_then(|why| why.strip_suffix(" -->"));
                    blocks.push(Block {
                        page: page.clone(),
                        line: number + 1,
                        language: language.to_owned(),
                        more: more.to_owned(),
                        not_run: not_run.is_some_and(|why| !why.is_empty()),
                        text: String::new(),
                    });
                }
                None if inside => {
                    let block = blocks.last_mut().expect("a block");
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                None => {}
            }
            before = line;
        }
        assert!(!inside, "{}: a block has no end", page.display());
    }
    blocks
}

#[test]
fn no_block_is_outside() {
    let played = read(&root().join("scripts/guide"));
    let doctests = read(&root().join("src/lib.rs"));
    let mut outside = Vec::new();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let blocks = blocks();
    for block in &blocks {
        let page = block.page_name();
        let is_played = played.contains(&format!("\"{page}\""));
        let (by, is_inside) = match &block.language[..] {
            _ if block.not_run => ("not run, with the reason", true),
            // The files of a plugin and of its program.
            _ if page == "docs/plugins.md" && (block.more.starts_with(' ') || block.language == "output") => {
                ("PluginGuideTest", true)
            }
            "rust" => {
                let is_tested = doctests.contains(&format!("include_str!(\"../{page}\")"));
                ("doctests", is_tested && !block.more.contains("ignore"))
            }
            "java" => ("BlocksTest", true),
            "yaml" => ("sinetstream check", true),
            "sh" | "output" => ("scripts/guide", is_played),
            // The block is a file that the page needs.
            _ => ("scripts/guide", is_played && block.more.starts_with(' ')),
        };
        *count.entry(by).or_default() += 1;
        if !is_inside {
            outside.push(format!("{}: '{}'", block.place(), block.language));
        }
    }
    assert!(outside.is_empty(), "nobody compiles, reads or runs these:\n{}", outside.join("\n"));
    println!("{} blocks: {count:?}", blocks.len());
    assert_eq!(count.values().sum::<usize>(), blocks.len());
    assert!(blocks.len() > 60 && count.len() == 6, "{count:?}");
}

/// The recording of the demo in the README must have the demo's steps.
#[test]
fn the_recording_of_the_demo_has_its_steps() {
    let demo = read(&root().join("scripts/demo"));
    let begun = demo.lines().filter_map(|line| line.strip_prefix("begin "));
    let steps: Vec<String> = begun.map(|title| title.trim_matches(['\'', '"']).to_owned()).collect();
    let blocks = blocks();
    let recording = blocks.iter().find(|block| block.text.starts_with("$ make demo")).expect("the recording");
    let shown = recording.text.lines().filter_map(|line| line.split_once(". ").filter(|(number, _)| number.len() == 1));
    let shown: Vec<&str> = shown.map(|(_, title)| title).collect();
    assert_eq!(shown, steps);
    assert!(recording.text.ends_with(&format!("demo: all {} steps ok\n", steps.len())), "{}", recording.text);
}

/// Makes a whole file from a block that is one, or from the parameters of a service.
fn file(block: &str) -> String {
    let top = |name: &str| block.lines().any(|line| line.starts_with(&format!("{name}:")));
    let has_service = block.lines().any(|line| line.starts_with("  type: ") || line.contains(": {type: "));
    if has_service || top("config") {
        return block.to_owned();
    }
    let mut text = "service:\n".to_owned();
    for (name, value) in [("type", "mqtt"), ("brokers", "broker.example.org"), ("topic", "topic-001")] {
        if !top(name) {
            text.push_str(&format!("  {name}: {value}\n"));
        }
    }
    block.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
    text
}

#[test]
fn every_configuration_is_understood_without_a_warning() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for block in blocks()
        .iter()
        .filter(|block| block.language == "yaml" && !block.not_run && block.page_name() != "docs/plugins.md")
    {
        count += 1;
        let folder = tempfile::tempdir().expect("a folder");
        let text = file(&block.text);
        fs::write(folder.path().join(".sinetstream_config.yml"), &text).expect("write");
        let mut check = command(["check", "--offline"]);
        check.current_dir(folder.path());
        let ended = start(check).end();
        if ended.code != Some(0) || ended.text().contains("warning:") {
            wrong.push(format!("{}:\n{text}{}{}", block.place(), ended.text(), ended.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 15, "{count} blocks");
}

/// This includes blocks that `scripts/guide` plays, because it may not reach every branch of them.
#[test]
fn every_command_is_one_for_a_shell() {
    for block in blocks().iter().filter(|block| block.language == "sh") {
        let mut bash =
            Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash");
        bash.stdin.take().expect("stdin").write_all(block.text.as_bytes()).expect("write");
        let ended = bash.wait_with_output().expect("bash");
        assert!(ended.status.success(), "{}: {}", block.place(), String::from_utf8_lossy(&ended.stderr));
    }
}

/// The guide's authority grants what stands in its `ca.conf`, whatever a request asks for, and issues certificates of version
/// 3, which have extensions.
#[test]
fn the_authority_of_the_guide_grants_no_more_than_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let of_guide = blocks();
    let conf = of_guide.iter().find(|block| block.more == " ca.conf").expect("ca.conf");
    let first = of_guide.iter().find(|block| block.text.contains("openssl req -x509")).expect("the authority");
    fs::write(folder.path().join("ca.conf"), &conf.text).expect("write");
    let run = |commands: &str| {
        let output = Command::new("bash").args(["-ec", commands]).current_dir(folder.path()).output().expect("bash");
        assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&first.text);
    run("openssl req -newkey rsa:2048 -nodes -subj /CN=greedy -addext subjectAltName=DNS:greedy \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign \
        -addext extendedKeyUsage=codeSigning -keyout greedy.key -out greedy.csr");
    for (options, usage) in [("", "TLS Web Server"), ("-extensions client", "TLS Web Client")] {
        let signed = run(&format!(
            "openssl ca -batch -notext -config ca.conf {options} -in greedy.csr -out greedy.crt
            openssl ca -config ca.conf -revoke greedy.crt
            openssl x509 -in greedy.crt -noout -text -certopt no_header,no_serial,no_signame,no_validity,no_issuer,no_pubkey,no_sigdump
            openssl x509 -in greedy.crt -noout -text | grep Version"
        ));
        for granted in ["Version: 3", "CA:FALSE", "Digital Signature", usage, "DNS:greedy"] {
            assert!(signed.contains(granted), "{granted}: {signed}");
        }
        for asked in ["CA:TRUE", "Certificate Sign", "CRL Sign", "Code Signing"] {
            assert!(!signed.contains(asked), "{asked}: {signed}");
        }
    }
}
