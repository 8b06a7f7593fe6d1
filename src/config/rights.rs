//! Checks who else may write a file on which the security of a connection depends, or read one that is secret. An attacker who
//! can write the configuration chooses the broker, and with it the receiver of the secrets: an encrypted value is decrypted
//! wherever it stands.
//!
//! A file may be written by its owner, who must be the user that runs this program, or root. Where every user has a private
//! group, files become group-writable by default (umask 002): a group with the user's own number is treated as the user. Write
//! permission for any other group is a warning (an error only for a library), since the group was made for people who work
//! together, and the file does not say who they are. An access control list, which names users one by one, is treated the same
//! way.

use std::fs::Metadata;
use std::path::Path;

use super::environment::{self, Flag};
use crate::error::{Error, Result};

/// Allows what would be an error, for containers, whose volumes have other owners.
const VARIABLE: &str = "SINETSTREAM_ALLOW_SHARED_FILES";

/// The use of a file.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Use {
    /// The file says whom to trust, or where to connect.
    Trusted,
    /// The file says so, and has encrypted values.
    HoldsEncrypted,
    /// The file says which library is loaded into the program.
    NamesCode,
    /// The file is such a library.
    Code,
    /// The file is a private key, a password or a login, which nobody else should read, either.
    Secret,
}

/// A problem, for people: the file, the reason, and the command that mends it.
#[derive(Debug, PartialEq)]
pub(super) struct Finding {
    pub is_error: bool,
    pub message: String,
}

/// Checks a file. There are no findings where there is no file, or no such permissions (Windows). `opened` belongs to the file
/// that was read, if it was: it may have been replaced since, by anybody who can rename something on the path to it.
pub(super) fn look_at(file: &Path, opened: Option<&Metadata>, use_: Use) -> Vec<Finding> {
    let faults = faults(file, opened, use_);
    match faults.iter().any(|fault| fault.is_certain) && use_ != Use::Trusted {
        true => findings(faults, use_, environment::flag(VARIABLE)),
        false => findings(faults, use_, Flag::Off),
    }
}

/// Returns the errors, one line for each finding, and passes the others to `warn`.
pub(super) fn sort_out(findings: Vec<Finding>, mut warn: impl FnMut(String)) -> std::result::Result<(), String> {
    let (errors, warnings): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.is_error);
    warnings.into_iter().for_each(|finding| warn(finding.message));
    match errors.is_empty() {
        true => Ok(()),
        false => Err(errors.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("\n")),
    }
}

/// Does the same as [`look_at`] for a secret file that has changed since the configuration was read. Warnings are logged.
pub(crate) fn check_secret(file: &Path, place: &str) -> Result<()> {
    let at_place = |finding: Finding| Finding { message: format!("{place}: {}", finding.message), ..finding };
    let findings = look_at(file, None, Use::Secret).into_iter().map(at_place).collect();
    sort_out(findings, |warning| tracing::warn!("{warning}")).map_err(Error::InvalidConfiguration)
}

/// Returns warnings about a directory to which others can add files, or that others can replace.
pub(crate) fn warnings_of_directory(directory: &Path) -> Vec<String> {
    let directory = std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    look_at(&directory, None, Use::Trusted).into_iter().map(|finding| finding.message).collect()
}

/// A risk that the permissions of a file, or of its folder, allow.
struct Fault {
    message: String,
    remedy: String,
    /// Whether it is certain that somebody else can write the file.
    is_certain: bool,
}

fn findings(faults: Vec<Fault>, use_: Use, allowed: Flag) -> Vec<Finding> {
    let reason = match use_ {
        Use::Trusted => "",
        Use::HoldsEncrypted => ", and it holds encrypted values, which go to whatever broker it names",
        Use::NamesCode => ", and it names a library that is loaded into the program",
        Use::Code => ", and it is loaded into the program",
        Use::Secret => ", and it is secret",
    };
    let finding = |Fault { message, remedy, is_certain }| {
        let is_error = is_certain && use_ != Use::Trusted && allowed != Flag::On;
        let otherwise = match (is_error, &allowed) {
            (false, _) => String::new(),
            (true, Flag::Unclear) => format!("; the environment variable {VARIABLE} is neither 1 nor 0"),
            (true, _) => format!("; {VARIABLE}=1 in the environment makes this a warning"),
        };
        Finding { is_error, message: format!("{message}{reason}: '{remedy}' mends that{otherwise}") }
    };
    faults.into_iter().map(finding).collect()
}

#[cfg(not(unix))]
fn faults(_: &Path, _: Option<&Metadata>, _: Use) -> Vec<Fault> {
    Vec::new()
}

/// Whether the owner is unknown. In a user namespace, as sandboxes use it, owners without a number there, root first of all,
/// appear as nobody (user_namespaces(7)).
#[cfg(unix)]
fn is_unknown(owner: u32) -> bool {
    const NOBODY: u32 = 65534;
    let all = ["0", "0", "4294967295"];
    owner == NOBODY
        && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|numbers| !numbers.split_whitespace().eq(all))
}

#[cfg(unix)]
fn faults(file: &Path, opened: Option<&Metadata>, use_: Use) -> Vec<Fault> {
    use std::os::unix::fs::MetadataExt;

    use super::way::{self, Step};

    let Some(metadata) = opened.cloned().or_else(|| std::fs::metadata(file).ok()) else { return Vec::new() };
    let user = rustix::process::geteuid().as_raw();
    // If there is an access control list, the group bits are only the upper bound of its entries.
    let group = if has_access_control_list(file) { None } else { Some(metadata.gid()) };
    let owner = (metadata.uid(), group);
    let mut faults = faults_of_file(file, owner, metadata.mode(), user, use_);
    for Step { path, metadata, is_direct } in way::to(file) {
        match metadata.is_symlink() {
            // The owner of a symbolic link decides where it leads.
            true => faults.extend(fault_of_owner(file, &path, metadata.uid(), user, "chown -h")),
            // The path to check is a folder itself.
            false if path == file => {}
            false => {
                let folder = Folder { path: &path, is_direct };
                faults.extend(fault_of_folder(file, folder, metadata.mode()));
                if !(is_unknown(metadata.uid()) && !is_direct && use_ != Use::Code) {
                    faults.extend(fault_of_folders_owner(file, folder, metadata.uid(), user, use_));
                }
            }
        }
    }
    faults
}

/// Whether the file has a POSIX access control list, as `setfacl` makes it.
#[cfg(target_os = "linux")]
fn has_access_control_list(file: &Path) -> bool {
    // The list is not read: with an empty buffer, the answer only says whether it exists.
    rustix::fs::getxattr(file, "system.posix_acl_access", &mut [0_u8; 0][..]).is_ok()
}

#[cfg(all(unix, not(target_os = "linux")))]
fn has_access_control_list(_: &Path) -> bool {
    false
}

/// Checks the owner. `path` is the file, or a link that leads to it.
#[cfg(unix)]
fn fault_of_owner(file: &Path, path: &Path, owner: u32, user: u32, command: &str) -> Option<Fault> {
    let what = match path == file {
        true => file.display().to_string(),
        false => format!("{} is reached through {}, which", file.display(), path.display()),
    };
    (owner != user && owner != 0).then(|| Fault {
        message: format!("{what} belongs to another user (uid {owner})"),
        remedy: format!("{command} {user} {}", quoted(path)),
        is_certain: true,
    })
}

#[cfg(unix)]
fn faults_of_file(file: &Path, (owner, group): (u32, Option<u32>), mode: u32, user: u32, use_: Use) -> Vec<Fault> {
    let name = file.display();
    let shown = mode & 0o7777;
    let mut faults: Vec<Fault> = fault_of_owner(file, file, owner, user, "chown").into_iter().collect();
    // These bits grant access to anybody but the owner.
    let relevant = if group == Some(owner) { mode & 0o007 } else { mode & 0o077 };
    let who = match group {
        _ if relevant & 0o002 != 0 => "everybody",
        Some(_) => "its group",
        None => "its group, or those in its access control list",
    };
    let (group, others) = (relevant & 0o020 != 0, relevant & 0o002 != 0);
    let rights = match use_ {
        Use::Secret => "go-rwx",
        _ => match (mode & 0o020 != 0, others) {
            (true, true) => "go-w",
            (true, false) => "g-w",
            _ => "o-w",
        },
    };
    let remedy = format!("chmod {rights} {}", quoted(file));
    if group || others {
        let message = format!("{name} can be written by {who} (mode {shown:04o})");
        // Data is often shared inside a group, but a program's libraries hardly ever are.
        faults.push(Fault { message, remedy, is_certain: others || use_ == Use::Code });
    } else if use_ == Use::Secret && relevant & 0o044 != 0 {
        let message = format!("{name} can be read by other users (mode {shown:04o})");
        faults.push(Fault { message, remedy, is_certain: false });
    }
    faults
}

/// A folder on the path to the file.
#[cfg(unix)]
#[derive(Clone, Copy)]
struct Folder<'a> {
    path: &'a Path,
    is_direct: bool,
}

#[cfg(unix)]
impl Folder<'_> {
    /// Describes the folder as seen from the file; a folder far above is named.
    fn relation(self) -> String {
        match self.is_direct {
            true => "stands in a folder".into(),
            false => format!("stands below {}, a folder", self.path.display()),
        }
    }
}

/// Checks the mode of a folder: anybody who may write to it can replace the files and folders in it, unless it is sticky, as
/// /tmp is.
#[cfg(unix)]
fn fault_of_folder(file: &Path, folder: Folder, mode: u32) -> Option<Fault> {
    let is_open = mode & 0o002 != 0 && mode & 0o1000 == 0;
    is_open.then(|| Fault {
        message: format!(
            "{} {} that everybody can write (mode {:04o})",
            file.display(),
            folder.relation(),
            mode & 0o7777
        ),
        remedy: format!("chmod o-w {}", quoted(folder.path)),
        is_certain: true,
    })
}

/// Checks the owner of a folder, who can do that whatever its mode is, sticky or not. Further up it may be the folder of a
/// project, whose head people have chosen to trust; for a library that guess is not good enough.
#[cfg(unix)]
fn fault_of_folders_owner(file: &Path, folder: Folder, owner: u32, user: u32, use_: Use) -> Option<Fault> {
    (owner != user && owner != 0).then(|| Fault {
        message: format!("{} {} of another user (uid {owner})", file.display(), folder.relation()),
        remedy: format!("chown {user} {}", quoted(folder.path)),
        is_certain: folder.is_direct || use_ == Use::Code,
    })
}

/// Quotes the path for a shell.
#[cfg(unix)]
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    match text.chars().all(|c| c.is_alphanumeric() || "/._-+,:@%=".contains(c)) {
        true => text,
        false => {
            let escaped = text.chars().map(|c| if "\\\"$`".contains(c) { format!("\\{c}") } else { c.into() });
            format!("\"{}\"", escaped.collect::<String>())
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const ME: u32 = 1000;
    const USERS: u32 = 100;

    fn told(owner: u32, mode: u32, user: u32, use_: Use) -> Vec<(bool, String)> {
        let faults = faults_of_file(Path::new("/a/f"), (owner, Some(USERS)), mode, user, use_);
        let found = findings(faults, use_, Flag::Off);
        found.into_iter().map(|finding| (finding.is_error, finding.message)).collect()
    }

    #[test]
    fn a_file_of_the_user_or_of_root_is_nobody_elses() {
        for use_ in [Use::Trusted, Use::HoldsEncrypted, Use::Secret] {
            for (owner, user) in [(ME, ME), (0, ME), (0, 0)] {
                assert_eq!(told(owner, 0o100600, user, use_), [], "{owner} {user}");
            }
            for (owner, user) in [(1001, ME), (ME, 0)] {
                let found = told(owner, 0o100600, user, use_);
                assert_eq!(found.len(), 1);
                assert_eq!(found[0].0, use_ != Use::Trusted);
                assert!(found[0].1.contains(&format!("/a/f belongs to another user (uid {owner})")));
                assert!(found[0].1.contains(&format!("'chown {user} /a/f'")), "{}", found[0].1);
            }
        }
    }

    #[test]
    fn who_may_write_and_how_it_is_mended() {
        for (mode, use_, is_error, words, remedy) in [
            (0o666, Use::Trusted, false, "written by everybody (mode 0666)", "chmod go-w /a/f"),
            (0o666, Use::HoldsEncrypted, true, "written by everybody (mode 0666)", "chmod go-w /a/f"),
            (0o646, Use::HoldsEncrypted, true, "written by everybody (mode 0646)", "chmod o-w /a/f"),
            (0o664, Use::Trusted, false, "written by its group (mode 0664)", "chmod g-w /a/f"),
            (0o664, Use::HoldsEncrypted, false, "written by its group (mode 0664)", "chmod g-w /a/f"),
            (0o666, Use::Secret, true, "written by everybody", "chmod go-rwx /a/f"),
            (0o660, Use::Secret, false, "written by its group", "chmod go-rwx /a/f"),
            (0o644, Use::Secret, false, "read by other users", "chmod go-rwx /a/f"),
            (0o640, Use::Secret, false, "read by other users", "chmod go-rwx /a/f"),
        ] {
            let found = told(ME, 0o100000 | mode, ME, use_);
            assert_eq!(found.len(), 1, "{mode:o}: {found:?}");
            assert_eq!(found[0].0, is_error, "{mode:o}: {found:?}");
            assert!(found[0].1.contains(words) && found[0].1.contains(&format!("'{remedy}'")), "{mode:o}: {found:?}");
        }
        assert_eq!(told(ME, 0o100644, ME, Use::Trusted), []);
        assert_eq!(told(ME, 0o100644, ME, Use::HoldsEncrypted), []);
    }

    /// With the umask 002, files have this mode.
    #[test]
    fn a_group_of_the_owners_own_is_nobody_else() {
        for use_ in [Use::Trusted, Use::HoldsEncrypted, Use::Secret] {
            assert!(faults_of_file(Path::new("f"), (ME, Some(ME)), 0o100660, ME, use_).is_empty());
            assert_eq!(faults_of_file(Path::new("f"), (ME, Some(ME)), 0o100662, ME, use_).len(), 1);
        }
    }

    #[test]
    fn the_file_that_was_read_counts_and_not_the_one_that_has_its_name_since() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, mode) in [("read", 0o666), ("since", 0o600)] {
            std::fs::write(path(name), "x").unwrap();
            std::fs::set_permissions(path(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
        let (_, opened) = crate::files::open(&path("read"), 10).unwrap();
        std::fs::rename(path("since"), path("read")).unwrap();
        let found = |opened| look_at(&path("read"), opened, Use::HoldsEncrypted);
        assert!(found(Some(&opened))[0].is_error);
        assert_eq!(found(None), []);
    }

    #[test]
    fn a_folder_counts_unless_it_is_sticky() {
        let direct = Folder { path: Path::new("/a b"), is_direct: true };
        let fault = |mode| fault_of_folder(Path::new("/a b/f"), direct, mode);
        for mode in [0o40755, 0o40775, 0o41777] {
            assert!(fault(mode).is_none(), "{mode:o}");
        }
        let fault = fault(0o40777).unwrap();
        assert_eq!((fault.remedy.as_str(), fault.is_certain), ("chmod o-w \"/a b\"", true));
        assert_eq!(quoted(Path::new("a $b`\"\\")), r#""a \$b\`\"\\""#);
    }

    #[test]
    fn a_folder_of_somebody_else_further_up_is_an_error_for_code_only() {
        for (is_direct, use_, is_certain) in [
            (true, Use::Secret, true),
            (false, Use::Secret, false),
            (false, Use::HoldsEncrypted, false),
            (false, Use::Code, true),
        ] {
            let folder = Folder { path: Path::new("/a"), is_direct };
            let fault = fault_of_folders_owner(Path::new("/a/b/f"), folder, 1001, ME, use_).unwrap();
            assert_eq!((fault.is_certain, fault.remedy.as_str()), (is_certain, "chown 1000 /a"));
            assert_eq!(fault.message.contains("stands below /a, a folder of another user (uid 1001)"), !is_direct);
            assert!(fault_of_folders_owner(Path::new("/a/b/f"), folder, 0, ME, use_).is_none());
        }
    }

    #[test]
    fn a_library_that_a_foreign_group_can_write_is_an_error() {
        assert!(told(0, 0o100775, ME, Use::Code)[0].0);
        assert!(told(0, 0o100755, ME, Use::Code).is_empty());
        assert!(faults_of_file(Path::new("f"), (ME, Some(ME)), 0o100775, ME, Use::Code).is_empty());
    }

    #[test]
    fn the_environment_makes_an_error_a_warning() {
        let found = |allowed| {
            let faults = faults_of_file(Path::new("f"), (1001, Some(USERS)), 0o100600, ME, Use::Secret);
            findings(faults, Use::Secret, allowed).remove(0)
        };
        assert!(
            found(Flag::Off)
                .message
                .ends_with("SINETSTREAM_ALLOW_SHARED_FILES=1 in the environment makes this a warning")
        );
        assert!(!found(Flag::On).is_error && found(Flag::On).message.ends_with("mends that"));
        assert!(found(Flag::Unclear).is_error && found(Flag::Unclear).message.ends_with("is neither 1 nor 0"));
    }
}
