//! This program once more, as the server under load, and what the kernel says it used.

use crate::kernel::{Error, Result};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Linux counts processor time in these: 100 a second on every common architecture.
const TICKS_PER_SECOND: f64 = 100.0;
const START: Duration = Duration::from_secs(30);

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

/// What a process used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub cpu_s: f64,
    pub rss_peak_mb: f64,
    /// Now.
    pub rss_mb: f64,
    pub written_mb: f64,
}

impl Server {
    /// Starts `hawker ARGS` on a free port, told by `--listen`, and waits until it takes connections. Errors: it ends or says nothing.
    pub async fn start(args: &[&str], environment: &[(&str, String)]) -> Result<Self> {
        Self::start_on(None, args, environment).await
    }

    /// The same on one core of the machine, and on no other.
    pub async fn start_on(core: Option<usize>, args: &[&str], environment: &[(&str, String)]) -> Result<Self> {
        let address = free_port()?;
        let program = std::env::current_exe().map_err(|error| failed("this program has no path", &error))?;
        let mut command = Command::new(program);
        command
            .args(args)
            .args(["--listen", &address.to_string()])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null());
        // A child may use what the thread may that starts it: a thread of its own, so that ours stays where it is.
        let started = std::thread::spawn(move || {
            if let Some(core) = core {
                stay_on(core)?;
            }
            command
                .spawn()
                .map_err(|error| failed("the server could not be started", &error))
        });
        let child = started
            .join()
            .map_err(|_| Error::internal("the server could not be started"))??;
        let mut server = Self { child, address };
        let began = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            let ended = server.child.try_wait().ok().flatten();
            if let Some(status) = ended {
                return Err(Error::internal(format!("the server under test ended: {status}")));
            }
            if began.elapsed() > START {
                return Err(Error::internal("the server under test did not start"));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(server)
    }

    pub fn used(&self) -> Used {
        used(&format!("/proc/{}", self.child.id()))
    }

    /// Lets the server finish what it began. Errors: it did not end well.
    pub fn stop(mut self) -> Result<()> {
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .map_err(|error| failed("the server could not be told to stop", &error))?;
        let ended = self
            .child
            .wait()
            .map_err(|error| failed("the server did not end", &error))?;
        if told.success() && ended.success() {
            return Ok(());
        }
        Err(Error::internal(format!("the server under test ended badly: {ended}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Keeps this thread, and those it starts from now on, on one core. Errors: the machine has no such core for us.
pub fn stay_on(core: usize) -> Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    cores.set(core);
    rustix::thread::sched_setaffinity(None, &cores)
        .map_err(|error| failed(&format!("core {core} cannot be had"), &error.into()))
}

/// What the machine calls its processor.
pub fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or_else(
        || "unknown processor".to_owned(),
        |name| name.trim_start_matches([' ', '\t', ':']).trim().to_owned(),
    )
}

/// How many of them the machine has, whatever this process may use.
pub fn cores() -> usize {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let count = text.lines().filter(|line| line.starts_with("processor")).count();
    count.max(1)
}

/// What this process used: the generator.
pub fn own() -> Used {
    used("/proc/self")
}

/// From Linux' account of a process (proc(5)); zeros elsewhere.
fn used(process: &str) -> Used {
    let read = |file: &str| std::fs::read_to_string(Path::new(process).join(file)).unwrap_or_default();
    let stat = read("stat");
    // The name may hold spaces; what follows its bracket does not. utime and stime are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    let figure = |file: &str, name: &str| {
        let text = read(file);
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    Used {
        cpu_s: (ticks(11) + ticks(12)) / TICKS_PER_SECOND,
        rss_peak_mb: figure("status", "VmHWM:") / 1024.0,
        rss_mb: figure("status", "VmRSS:") / 1024.0,
        written_mb: figure("io", "write_bytes:") / f64::from(1 << 20),
    }
}

fn free_port() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| failed("no port is free", &error))
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::internal(format!("{what}: {error}"))
}
