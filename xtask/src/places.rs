//! Where things lie: the repository, the tools we install, the build, the logs.
//!
//! At home everything stays inside the clone (`.tools/`, `target/`). With `CI` set, the clone is thrown away after each run,
//! so tools and build go to the user's cache folder and the next run is warm.

use std::path::{Path, PathBuf};

/// A build cache of many commits only ever grows; past this size a cold build is cheaper than a full disk.
const CACHE_KIB_MAX: u64 = 24 * 1024 * 1024;

pub struct Places {
    pub root: PathBuf,
    pub tools: PathBuf,
    pub target: PathBuf,
    pub logs: PathBuf,
    pub is_ci: bool,
}

impl Places {
    pub fn choose() -> Result<Self, String> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_path_buf();
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_ci = set("CI").is_some_and(|value| value != "false");
        let cache = is_ci
            .then(|| cache_folder(set("XDG_CACHE_HOME"), set("HOME")))
            .flatten();
        let tools = cache
            .as_ref()
            .map_or_else(|| root.join(".tools"), |cache| cache.join("tools"));
        let own_target = cache
            .as_ref()
            .map_or_else(|| root.join("target"), |cache| cache.join("target"));
        let target = set("CARGO_TARGET_DIR").map_or(own_target, |chosen| root.join(chosen));
        let places = Self {
            logs: tools.join("logs"),
            root,
            tools,
            target,
            is_ci,
        };
        std::fs::create_dir_all(&places.logs)
            .map_err(|error| format!("cannot create {}: {error}", places.logs.display()))?;
        Ok(places)
    }

    /// Files directly in a folder of the repository with this ending, sorted.
    pub fn files(&self, folder: &str, ending: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        files.retain(|path| path.to_string_lossy().ends_with(ending));
        files.sort();
        files
    }

    /// The same in a folder and all folders below it.
    pub fn files_below(&self, folder: &str, ending: &str) -> Vec<PathBuf> {
        let mut files = self.files(folder, ending);
        let entries = std::fs::read_dir(self.root.join(folder))
            .into_iter()
            .flatten()
            .flatten();
        for below in entries.map(|entry| entry.path()).filter(|path| path.is_dir()) {
            files.extend(self.files_below(&below.to_string_lossy(), ending));
        }
        files
    }

    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// Only before anything is built.
    pub fn empty_a_swollen_cache(&self) {
        if !self.is_ci || !self.target.exists() {
            return;
        }
        let measured = std::process::Command::new("du").arg("-sk").arg(&self.target).output();
        let kib = measured.ok().and_then(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        if kib.is_some_and(|kib| kib > CACHE_KIB_MAX) {
            println!(
                "the build cache has outgrown its limit and is emptied: {}",
                self.target.display()
            );
            if let Err(error) = std::fs::remove_dir_all(&self.target) {
                println!("it could not be emptied: {error}");
            }
        }
    }
}

fn cache_folder(xdg: Option<std::ffi::OsString>, home: Option<std::ffi::OsString>) -> Option<PathBuf> {
    let base = xdg
        .map(PathBuf::from)
        .or_else(|| home.map(|home| PathBuf::from(home).join(".cache")))?;
    let folder = base.join("hawker-ci");
    // A machine without a writable home still tests; it only starts cold each time.
    std::fs::create_dir_all(&folder).is_ok().then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_ending_directly_or_in_all_folders_below() {
        let places = Places::choose().unwrap();
        let names = |files: Vec<PathBuf>| {
            files
                .into_iter()
                .map(|path| path.file_name().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert!(names(places.files("xtask/src", ".rs")).contains(&"places.rs".into()));
        assert!(places.files("xtask", ".rs").is_empty());
        assert_eq!(
            names(places.files_below("xtask", ".rs")),
            names(places.files("xtask/src", ".rs"))
        );
    }

    #[test]
    fn the_cache_folder_follows_the_environment() {
        let base = std::env::temp_dir().join(format!("hawker-places-{}", std::process::id()));
        let folder = |name: &str| Some(base.join(name).into_os_string());
        assert_eq!(
            cache_folder(folder("xdg"), folder("home")),
            Some(base.join("xdg/hawker-ci"))
        );
        assert_eq!(
            cache_folder(None, folder("home")),
            Some(base.join("home/.cache/hawker-ci"))
        );
        assert_eq!(cache_folder(None, None), None);
        std::fs::remove_dir_all(base).unwrap();
    }
}
