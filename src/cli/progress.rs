//! Progress on standard error: a bar for people, plain lines for logs; and the signals that stop a run.

use crate::scan::{Monitor, Over, beside};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Signals seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    /// Nothing has been begun that would have to be ended well.
    idle: Arc<AtomicBool>,
}

impl Signals {
    /// Listens: the first SIGINT asks for a clean end, the second aborts; SIGTERM asks for a checkpoint. Before the work
    /// has begun, while sources are opened, either ends the program at once.
    pub(super) fn listen() -> Signals {
        let signals = Signals::default();
        signals.idle.store(true, Ordering::Relaxed);
        let abort = i32::from(crate::verdict::Exit::Temporary.code());
        // Where signals cannot be had, the run is merely not stoppable in a clean way.
        for signal in [SIGINT, SIGTERM] {
            let _ = signal_hook::flag::register_conditional_shutdown(signal, abort, signals.idle.clone());
        }
        let _ = signal_hook::flag::register_conditional_shutdown(SIGINT, abort, signals.interrupt.clone());
        let _ = signal_hook::flag::register(SIGINT, signals.interrupt.clone());
        let _ = signal_hook::flag::register(SIGTERM, signals.terminate.clone());
        signals
    }
}

/// What says why nothing is read at the moment, if so.
type Waits<'a> = &'a (dyn Fn() -> Option<String> + Sync);

/// Runs `work` while a thread of its own shows how far it is.
pub(super) fn watch<T>(
    total: u64,
    signals: &Signals,
    waits: Waits<'_>,
    work: impl FnOnce(&Monitor) -> T,
) -> T {
    let monitor = Monitor::default();
    signals.idle.store(false, Ordering::Relaxed);
    beside(
        |over| show(total, &monitor, over, signals, waits),
        || work(&monitor),
    )
}

fn show(total: u64, monitor: &Monitor, over: &Over, signals: &Signals, waits: Waits<'_>) {
    let terminal = std::io::stderr().is_terminal();
    let bar = terminal.then(|| {
        // Stores need not say how much they hold.
        let (bar, template) = match total {
            0 => (
                ProgressBar::no_length(),
                "{spinner} {bytes}  {bytes_per_sec}  {wide_msg}",
            ),
            total => {
                let template = "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  ETA {eta}  {wide_msg}";
                (ProgressBar::new(total), template)
            }
        };
        let style = ProgressStyle::with_template(template);
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    });
    let (started, mut said) = (Instant::now(), Instant::now());
    while !over.is_so() {
        over.wait(Duration::from_millis(20));
        // SIGINT ends in a report, SIGTERM in checkpoints only; what comes first holds.
        if signals.interrupt.load(Ordering::Relaxed) && !monitor.stopping() {
            monitor.end.store(true, Ordering::Release);
            monitor.stop.store(true, Ordering::Release);
        }
        if signals.terminate.load(Ordering::Relaxed) {
            monitor.stop.store(true, Ordering::Release);
        }
        let bytes = monitor.bytes.load(Ordering::Relaxed);
        match &bar {
            Some(bar) => {
                bar.set_position(if total > 0 { bytes.min(total) } else { bytes });
                bar.set_message(waits().unwrap_or_default());
            }
            None if said.elapsed() > Duration::from_secs(10) => {
                said = Instant::now();
                let read = match total {
                    0 => format!("read {}", HumanBytes(bytes)),
                    total => format!("read {} of {}", HumanBytes(bytes), HumanBytes(total)),
                };
                if let Some(why) = waits() {
                    tracing::info!("{read}; {why}");
                    continue;
                }
                let rate = (bytes as f64 / started.elapsed().as_secs_f64()) as u64;
                let left = total.saturating_sub(bytes) / rate.max(1);
                let left = match total {
                    0 => String::new(),
                    _ => format!(", about {left} s left"),
                };
                tracing::info!("{read}, {}/s{left}", HumanBytes(rate));
            }
            None => {}
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}
