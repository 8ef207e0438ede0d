use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, PATIENCE, binary, wait_for};

/// How supervisord and supervisorctl are called here.
struct Tools {
    supervisord: Vec<String>,
    supervisorctl: Vec<String>,
}

impl Tools {
    /// On the path, or as modules of Python.
    fn find() -> Option<Self> {
        let modules = ["supervisor.supervisord", "supervisor.supervisorctl"]
            .map(|module| ["python3", "-m", module].map(str::to_owned).to_vec());
        let [as_module, ctl_as_module] = modules;
        let scripts = [vec!["supervisord".to_owned()], vec!["supervisorctl".to_owned()]];
        let [script, ctl_script] = scripts;
        [(script, ctl_script), (as_module, ctl_as_module)]
            .into_iter()
            .map(|(supervisord, supervisorctl)| Self { supervisord, supervisorctl })
            .find(|tools| {
                let version = command(&tools.supervisord).arg("--version").output();
                version.is_ok_and(|output| output.status.success())
            })
    }
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// A supervisord with a copy of our configuration; its end is the end of all that it started.
pub(super) struct Stage {
    pub(super) bench: Bench,
    tools: Tools,
    supervisord: Child,
}

impl Stage {
    /// `None`, said aloud, where there is no supervisord.
    pub(super) fn start(
        test: &str,
        environment: impl FnOnce(&Bench) -> Vec<(String, String)>,
    ) -> Option<Self> {
        let Some(tools) = Tools::find() else {
            eprintln!("skipped: {test}: no supervisord here (pip install supervisor)");
            return None;
        };
        let bench = Bench::new();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("supervisord"), &bench.path("supervisord"));
        let mut start = command(&tools.supervisord);
        start.arg("--nodaemon").arg("-c").arg(bench.path("supervisord/supervisord.conf"));
        let foreign = ["BITCOIN_DASHBOARD", "KAFKA", "ES_", "KIBANA_", "SERVICES_", "SUPERVISOR"];
        for (name, _) in
            std::env::vars().filter(|(name, _)| foreign.iter().any(|word| name.starts_with(word)))
        {
            start.env_remove(name);
        }
        start.env("BITCOIN_DASHBOARD_BIN", binary()).env("BITCOIN_DASHBOARD_STORE", bench.store());
        start.env_remove("RUST_LOG").envs(environment(&bench)).current_dir(bench.path(""));
        let supervisord = start.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let socket = bench.path("supervisord/var/supervisor.sock");
        let stage = Self { bench, tools, supervisord };
        wait_for("supervisord's socket", || socket.exists());
        assert_eq!(
            socket.metadata().unwrap().permissions().mode() & 0o777,
            0o700,
            "the socket is the user's"
        );
        Some(stage)
    }

    /// `supervisorctl WORDS`.
    pub(super) fn control(&self, words: &[&str]) -> Output {
        let mut control = command(&self.tools.supervisorctl);
        control.arg("-c").arg(self.bench.path("supervisord/supervisord.conf")).args(words);
        control.output().unwrap()
    }

    #[track_caller]
    pub(super) fn expect(&self, words: &[&str]) -> String {
        let output = self.control(words);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !said.contains("ERROR"), "supervisorctl {words:?}: {said}");
        said
    }

    /// Each program's state and process, as `supervisorctl status` tells them.
    pub(super) fn programs(&self) -> BTreeMap<String, (String, Option<u32>)> {
        let said = String::from_utf8(self.control(&["status"]).stdout).unwrap();
        said.lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (name, state) = (words.next()?, words.next()?);
                let pid = line.split_once(" pid ").and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
                Some((name.to_owned(), (state.to_owned(), pid)))
            })
            .collect()
    }

    /// The processes of programs that run.
    #[track_caller]
    pub(super) fn pids(&self, names: &[&str]) -> Vec<u32> {
        let programs = self.programs();
        let pid =
            |name: &&str| programs[*name].1.unwrap_or_else(|| panic!("{name} does not run: {programs:?}"));
        names.iter().map(pid).collect()
    }

    #[track_caller]
    pub(super) fn wait_for_new(&self, names: &[&str], before: &[u32]) -> Vec<u32> {
        wait_for("a new process of each program", || {
            let programs = self.programs();
            names.iter().zip(before).all(|(name, before)| {
                let (state, pid) = &programs[*name];
                state == "RUNNING" && pid.is_some_and(|pid| pid != *before)
            })
        });
        self.pids(names)
    }

    pub(super) fn log(&self, program: &str) -> String {
        let file = self.bench.path("supervisord/var/log").join(format!("{program}.log"));
        std::fs::read_to_string(file).unwrap_or_default()
    }

    /// SIGTERM to supervisord, and what of its programs is left when it has ended.
    #[track_caller]
    pub(super) fn end(mut self) -> Vec<String> {
        terminate(&self.supervisord);
        assert!(self.supervisord.wait().unwrap().success());
        processes_in(&self.bench.path(""))
    }
}

impl Drop for Stage {
    /// A panicking test must leave nothing behind: only an orderly end of supervisord ends its programs too.
    fn drop(&mut self) {
        terminate(&self.supervisord);
        let deadline = Instant::now() + PATIENCE;
        while self.supervisord.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

fn terminate(child: &Child) {
    signal("-TERM", &[child.id()]);
}

/// Processes that have gone already are as good.
pub(super) fn signal(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    Command::new("kill").arg(signal).args(pids).stderr(Stdio::null()).status().unwrap();
}

/// Command lines that name the folder.
fn processes_in(folder: &Path) -> Vec<String> {
    let output = Command::new("ps").args(["-ww", "-e", "-o", "args="]).output().unwrap();
    let folder = folder.to_str().unwrap();
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().filter(|line| line.contains(folder)).map(str::to_owned).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (source, target): (PathBuf, PathBuf) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if !source.is_dir() {
            std::fs::copy(&source, &target).unwrap();
        } else if source.file_name().is_some_and(|name| name == "var") {
            // Whatever has run in the checkout stays there.
            std::fs::create_dir_all(target.join("log")).unwrap();
        } else {
            copy(&source, &target);
        }
    }
}
