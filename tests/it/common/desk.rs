//! The program on somebody's desk: a folder with pictures, a store.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{self, KINDS, Run, data, finish, folder_of};

/// A folder with pictures to learn and a store of its own.
pub struct Bench {
    folder: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    /// Five pictures of every kind, taught as classes of those names: examples 1 to 25.
    pub fn taught() -> Self {
        let bench = Self::new();
        for kind in KINDS {
            let folder = folder_of(bench.path(), kind, 0, 5);
            // Drawn anew each time, however alike they are.
            bench.ok(&["teach", kind, text(&folder), "--distinct"]);
        }
        bench
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn store(&self) -> PathBuf {
        self.path().join("learned.ftune")
    }

    pub fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = common::command(arguments);
        command.env("FIELDTUNE_STORE", self.store()).env("FIELDTUNE_MODEL", data("tiny.toml"));
        command.current_dir(self.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        finish(self.command(arguments))
    }

    pub fn ok(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let run = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
    }

    pub fn new_picture(&self, kind: &str) -> String {
        let folder = folder_of(&self.path().join("new"), kind, 100, 1);
        text(&folder.join(format!("{kind}-100.png"))).to_owned()
    }

    /// Class, confidence and the rest without the time it took.
    pub fn verdict(&self, file: &str) -> Value {
        let mut verdict = self.json(&["classify", file]);
        verdict.as_object_mut().expect("an object").remove("milliseconds");
        verdict
    }

    /// `(class, examples)` as `fieldtune classes` lists them.
    pub fn classes(&self) -> Vec<(String, u64)> {
        let classes = self.json(&["classes"]);
        let list = classes.as_array().expect("a list").iter();
        list.map(|class| {
            let name = class["class"].as_str().expect("a name").to_owned();
            (name, class["examples"].as_u64().expect("a count"))
        })
        .collect()
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("the tests' paths are UTF-8")
}
