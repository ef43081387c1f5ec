//! `demo`: makes the shop, audits it, and holds what was found against what was planted.

mod live;

use super::args::{Demo, Outputs, Tuning};
use super::{Failure, audit, output, seal};
use crate::config::Config;
use crate::demo::{CONFIG, Planted, Shop, plant};
use crate::verdict::{Exit, Policy};
use live::Live;
use std::collections::BTreeSet;
use std::path::Path;

/// `assay demo`.
pub(super) fn demo(args: Demo) -> Result<Exit, Failure> {
    if !(0.0..=1.0).contains(&args.drift) || args.records == 0 {
        return Err(Failure::new(
            Exit::Usage,
            "--drift goes from 0 to 1, and --records starts at 1",
        ));
    }
    let dir = &args.dir;
    let shown = dir.display();
    let unwritable =
        |e: std::io::Error| Failure::new(Exit::Unwritable, format!("cannot make the demo in {shown}: {e}"));
    let run = dir.join("run");
    make_room(dir, &run)?;
    let shop = Shop {
        orders: args.records,
        drift: args.drift,
        seed: args.seed,
        live: args.live,
    };
    let live = Live::of(&args)?;
    let planted = plant(dir, shop).map_err(unwritable)?;
    output::print(
        format!(
            "made {} orders in {shown}; planted {} divergences\n\n",
            args.records,
            planted.len()
        )
        .as_bytes(),
    )?;
    if args.only_make {
        return Ok(Exit::Go);
    }
    let Some(live) = live else {
        let (agree, mut text) = hold(&args, &run, &planted)?;
        text.push_str(&format!(
            "\nThe stores are in {shown}/green and {shown}/blue, the mapping in {shown}/assay.toml. Try next:\n  \
             assay audit -c {shown}/assay.toml\n  assay report {shown}/run -o csv\n",
        ));
        if let Some(first) = planted.first() {
            text.push_str(&format!("  assay explain {shown}/run {}\n", first.key));
        }
        output::print(text.as_bytes())?;
        return Ok(if agree { Exit::Go } else { Exit::Internal });
    };
    std::fs::write(dir.join("assay.toml"), &live.config).map_err(unwritable)?;
    let (agree, mut text) = live.within(dir, || hold(&args, &run, &planted))?;
    text.push_str(&format!(
        "\nDatabase and keyspace are dropped again. The mapping is in {shown}/assay.toml. Try next:\n  assay report {shown}/run -o csv\n"
    ));
    output::print(text.as_bytes())?;
    Ok(if agree { Exit::Go } else { Exit::Internal })
}

/// Audits, and says whether what is found is what was planted.
fn hold(args: &Demo, run: &Path, planted: &[Planted]) -> Result<(bool, String), Failure> {
    let broken = |e: std::io::Error| {
        let message = format!("cannot read what was found in {}: {e}", run.display());
        Failure::new(Exit::Unwritable, message)
    };
    let config = Config::load(&args.dir.join("assay.toml"))?;
    let tuning = Tuning {
        seed: Some(args.seed),
        run_dir: Some(run.to_owned()),
        ..Tuning::default()
    };
    let outputs = Outputs {
        output: Vec::new(),
        color: "auto".to_owned(),
    };
    let sinks = output::open(&outputs, &output::Kept::of(&config, Some(run)))?;
    let verdict = audit::conduct(config, Policy::strict(), Vec::new(), &tuning, sinks)?;
    let mut found = BTreeSet::new();
    for listed in output::divergences(run).map_err(broken)? {
        let listed = listed.map_err(broken)?;
        let d = listed.divergence;
        found.insert(Planted {
            compare: listed.compare,
            class: d.class.name().to_owned(),
            key: d
                .key
                .iter()
                .map(|k| k.text.as_str())
                .collect::<Vec<_>>()
                .join(","),
            fields: d.fields.into_iter().map(|f| f.path).collect(),
        });
    }
    let planted: BTreeSet<Planted> = planted.iter().cloned().collect();
    let mut text = String::from("\n");
    for (what, list) in [
        ("not found", planted.difference(&found)),
        ("not planted", found.difference(&planted)),
    ] {
        for p in list.take(20) {
            text.push_str(&format!(
                "{what}: {} {} {} {:?}\n",
                p.compare, p.class, p.key, p.fields
            ));
        }
    }
    let agree = planted == found;
    let same = if agree {
        "exactly what was planted"
    } else {
        "NOT what was planted"
    };
    text.push_str(&format!(
        "the audit found {} divergences, {same}; its own verdict is {} (exit code {})\n",
        found.len(),
        verdict.name(),
        verdict.code(),
    ));
    Ok((agree, text))
}

/// Takes away what an earlier demo left in `dir`; a directory that holds something of anybody else's is refused.
fn make_room(dir: &Path, run: &Path) -> Result<(), Failure> {
    let refuse = |what: &Path| {
        let message = format!("{} is not the demo's; choose an empty directory", what.display());
        Failure::new(Exit::Usage, message)
    };
    let config = dir.join("assay.toml");
    let first = CONFIG.lines().next();
    if std::fs::read_to_string(&config).is_ok_and(|text| text.lines().next() != first) {
        return Err(refuse(&config));
    }
    for entry in std::fs::read_dir(run).into_iter().flatten().flatten() {
        if !seal::belongs(&entry.file_name().to_string_lossy()) {
            return Err(refuse(&entry.path()));
        }
    }
    match std::fs::remove_dir_all(run) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("cannot take away {}: {e}", run.display());
            Err(Failure::new(Exit::Unwritable, message))
        }
        _ => Ok(()),
    }
}
