//! Products of others, each installed from its registry into a virtual environment of its own, outside of
//! what is tracked, and kept for the next run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{process::Command, time::timeout};

use super::Peer;

/// Where the environments lie, in the repository's folder of what is fetched; git ignores it.
const FOLDER: &str = "tests/.cache/peers";

/// The requirements with which the environment was made.
const STAMP: &str = "keyway-bench.txt";

/// What looks for a Python that all of them run on.
const PYTHONS: [&str; 3] = ["python3.13", "python3.12", "python3"];

/// The versions for which the requirements were resolved.
const FITS: &str = "import sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 14))";

const PATIENCE: Duration = Duration::from_secs(600);

/// The Python of the machine that the peers run on: the one that is named, or one that is found.
///
/// # Errors
/// Where there is none of the right version.
pub(crate) async fn python(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let candidates: Vec<PathBuf> = match named {
        Some(named) => vec![named.to_owned()],
        None => PYTHONS.iter().map(PathBuf::from).collect(),
    };
    for python in candidates {
        if run(&python, &["-c", FITS]).await.is_ok() {
            return Ok(python);
        }
    }
    anyhow::bail!("no Python 3.12 or 3.13; name one with PYTHON=…")
}

/// Where the programs of a peer lie, after it was installed with exactly what it requires.
///
/// # Errors
/// Where it cannot be installed.
pub(crate) async fn programs(peer: &Peer, python: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(Path::new(FOLDER).join(peer.package))?;
    let (stamp, programs) = (folder.join(STAMP), folder.join("bin"));
    let installed = fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == peer.requirements);
    if installed && starts(&folder).await {
        return Ok(programs);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, peer.requirements)?;
    let (folder, requirements) = (text(&folder)?, text(&requirements)?);
    run(python, &["-m", "venv", folder]).await?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    let exactly = ["--no-deps", "--requirement", requirements];
    run(&programs.join("python"), &[&install[..], &exactly[..]].concat()).await?;
    fs::write(stamp, peer.requirements)?;
    Ok(programs)
}

/// Whether the programs of an environment start, and run what lies in it. Each holds the path of its
/// interpreter, so that they do not where the environment was moved.
async fn starts(folder: &Path) -> bool {
    let said = run(&folder.join("bin/pip"), &["--version"]).await.unwrap_or_default();
    let real = |path: &Path| fs::canonicalize(path).ok();
    let (place, folder) = (place_of(&said).and_then(real), real(folder));
    place.zip(folder).is_some_and(|(place, folder)| place.starts_with(folder))
}

/// Where pip says that it lies: `pip 26.1 from /…/site-packages/pip (python 3.13)`.
fn place_of(said: &str) -> Option<&Path> {
    let (place, _) = said.split_once(" from ")?.1.rsplit_once(" (python ")?;
    Some(Path::new(place))
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}

/// Runs a command to its end; what it says is given, or is in the error.
async fn run(program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output())
        .await
        .with_context(|| format!("{} took too long", program.display()))?
        .with_context(|| format!("{} cannot be started", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    anyhow::ensure!(output.status.success(), "{}", last.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// An environment with a pip that says where it lies, as the one at `made_at` would.
    fn environment(folder: &Path, made_at: &Path) {
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        fs::create_dir_all(folder.join("lib/pip")).expect("a folder");
        let says = format!("pip 26.1 from {}/lib/pip (python 3.13)", made_at.display());
        for (name, text) in [
            ("bin/python", format!("#!/bin/sh\necho '{says}'\n")),
            ("bin/pip", format!("#!{}/bin/python\n", made_at.display())),
        ] {
            let file = folder.join(name);
            fs::write(&file, text).expect("a file");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a program");
        }
    }

    #[tokio::test]
    async fn an_environment_that_was_moved_or_copied_is_made_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let [made, copied] = ["made", "copied"].map(|name| directory.path().join(name));
        assert!(!starts(&made).await, "there is none");
        environment(&made, &made);
        assert!(starts(&made).await);
        environment(&copied, &made);
        assert!(!starts(&copied).await, "it runs what lies elsewhere");
        fs::remove_dir_all(&made).expect("it is there");
        assert!(!starts(&copied).await, "its interpreter is gone");
    }

    #[test]
    fn pip_says_where_it_lies() {
        let said = "pip 25.1.1 from /a (b) from/lib/python3.13/site-packages/pip (python 3.13)\n";
        let place = "/a (b) from/lib/python3.13/site-packages/pip";
        assert_eq!(place_of(said), Some(Path::new(place)));
        assert_eq!(place_of("usage: pip"), None);
    }
}
