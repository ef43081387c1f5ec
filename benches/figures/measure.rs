//! What one run of a program costs: wall time, processor time, peak resident memory. Linux's `/proc` says it.

use std::fs::read_to_string;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Ticks of `/proc/self/stat` per second: `USER_HZ`, 100 on every Linux.
const TICKS: f64 = 100.0;

/// The cost of one run.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of processor time, user and system, all threads.
    pub cpu: f64,
    /// Peak resident memory, bytes.
    pub rss: f64,
    /// Exit code.
    pub code: i32,
}

/// Runs `command` to its end.
pub fn run(command: &mut Command) -> Cost {
    let before = children();
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the program starts");
    let (done, rss) = watch(&mut child);
    Cost {
        wall: start.elapsed().as_secs_f64(),
        cpu: (children() - before) / TICKS,
        rss,
        code: done.code().unwrap_or(-1),
    }
}

/// Waits for a child to end; also gives its peak resident memory, in bytes.
pub fn watch(child: &mut Child) -> (ExitStatus, f64) {
    let status = format!("/proc/{}/status", child.id());
    let mut rss = 0.0f64;
    loop {
        if let Some(done) = child.try_wait().expect("a child can be waited for") {
            return (done, rss);
        }
        rss = rss.max(peak(&status).unwrap_or(0.0));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `VmHWM`, in bytes.
fn peak(status: &str) -> Option<f64> {
    let text = read_to_string(status).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0)
}

/// `cutime + cstime`: ticks that children waited for have used.
fn children() -> f64 {
    let text = read_to_string("/proc/self/stat").expect("this bench needs Linux's /proc");
    let rest = text.rsplit(") ").next().expect("the name is in brackets");
    let ticks = |at: usize| {
        rest.split(' ')
            .nth(at)
            .and_then(|t| t.parse::<f64>().ok())
            .expect("a number of ticks")
    };
    ticks(13) + ticks(14)
}

/// The median of some numbers.
pub fn middle(all: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The median of each figure over several runs.
pub fn median(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| middle(costs.iter().map(figure));
    Cost {
        wall: of(|c| c.wall),
        cpu: of(|c| c.cpu),
        rss: of(|c| c.rss),
        code: costs[0].code,
    }
}

/// The number behind a flag of the command line.
pub fn number(flag: &str, default: u64) -> u64 {
    let mut args = std::env::args().skip_while(|arg| arg != flag);
    match args.next() {
        None => default,
        Some(_) => {
            let number = args.next().and_then(|text| text.parse().ok());
            number.expect("a number follows the flag")
        }
    }
}
