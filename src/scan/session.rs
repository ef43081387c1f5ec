//! A session: sources opened, mapping compiled, plan made, run directory chosen; and the work that follows from it.

mod conclude;
mod discover;
mod error;
mod prepare;
mod ranges;
mod still;
mod together;
mod work;

use super::compare::{Means, Prepared};
use super::layout::opening;
use super::pass::Monitor;
use crate::canon::VERSION;
use crate::config::Config;
use crate::digest::Hasher;
use crate::mapping::Compare;
use crate::plan::{Plan, SCHEMA};
use crate::source::Source;
use crate::source::live::LiveSource;
use crate::store::SortBudget;
use crate::verdict::Policy;
use crate::{Pair, Side};
use discover::select;
use prepare::{discover, planned, prepare, slices};
use std::path::Path;
use std::sync::Arc;
use together::each;

pub use discover::Alone;
pub use error::SessionError;
pub use ranges::with_ranges;

/// Everything needed to audit.
#[derive(Debug)]
pub struct Session {
    config: Config,
    policy: Policy,
    sources: Pair<Arc<Source>>,
    prepared: Vec<Prepared>,
    alone: Vec<Alone>,
    /// The names of compares that are not wanted.
    left_out: Vec<String>,
    /// The plan.
    pub plan: Plan,
    hasher: Hasher,
    threads: usize,
}

/// What the configuration does not say.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The seed; drawn if there is none.
    pub seed: Option<u64>,
    /// Slices per side and compare.
    pub slices: Option<usize>,
    /// Names of the compares wanted; all if there are none.
    pub only: Vec<String>,
    /// The plan of a run that is to go on: live stores are read in its ranges.
    pub again: Option<Plan>,
    /// Whether the plan is for several processes: it has to hold the ranges of live stores then. In an audit, which cuts one
    /// namespace while it reads another, they are found on the way.
    pub shared: bool,
}

impl Session {
    /// Opens both sides, compiles the mapping and makes the plan.
    pub fn open(
        config: Config,
        policy: Policy,
        choices: &Choices,
        spool: &Path,
    ) -> Result<Session, SessionError> {
        let sources = together::both(|side| {
            let side_config = &config.sides[side];
            let options = opening(side_config).map_err(|m| SessionError::Usage(format!("{side}: {m}")))?;
            Source::open(&side_config.location, &options, spool)
                .map(Arc::new)
                .map_err(|source| SessionError::Source { side, source })
        })?;
        Session::with(config, policy, choices, sources)
    }

    /// The same over sides that are open already.
    pub fn with(
        config: Config,
        policy: Policy,
        choices: &Choices,
        sources: Pair<Arc<Source>>,
    ) -> Result<Session, SessionError> {
        let (compares, mut alone): (Vec<Compare>, Vec<Alone>) =
            match (&config.compares[..], &config.namespaces) {
                ([], Some(wanted)) => select(&sources, wanted)?,
                ([], None) => (discover(&sources, &config.default_key)?, Vec::new()),
                (compares, _) => (compares.to_vec(), Vec::new()),
            };
        let names = compares
            .iter()
            .map(|c| &c.name)
            .chain(alone.iter().map(|a| &a.name));
        let absent = |wanted: &&String| !names.clone().any(|name| name == *wanted);
        let known = || names.clone().map(String::as_str).collect::<Vec<_>>().join(", ");
        if let Some(unknown) = choices.only.iter().find(absent) {
            return Err(SessionError::Usage(format!(
                "no compare is called {unknown:?}; there are {}",
                known()
            )));
        }
        if let Some(unknown) = policy.compares().find(absent) {
            return Err(SessionError::Usage(format!(
                "the policy has an allowance for compare {unknown:?}, and no compare is called that; there are {}",
                known()
            )));
        }
        let wanted = |name: &String| choices.only.is_empty() || choices.only.contains(name);
        let left_out = names.clone().filter(|name| !wanted(name)).cloned().collect();
        alone.retain(|a| wanted(&a.name));
        let compares: Vec<Compare> = compares.into_iter().filter(|c| wanted(&c.name)).collect();
        let seed = match choices.seed {
            Some(seed) => seed,
            None => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes)
                    .map_err(|e| SessionError::Usage(format!("no randomness: {e}; say --seed")))?;
                u64::from_le_bytes(bytes)
            }
        };
        let hasher = Hasher::new(seed);
        let prepared = each(&compares, |c| prepare(&config, &sources, c.clone(), hasher))?;
        let threads = match config.scan.threads {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n,
        };
        let plan = Plan {
            schema: SCHEMA.to_owned(),
            canonical: VERSION,
            seed: format!("{seed:016x}"),
            compares: each(&prepared, |p| planned(p, choices))?,
            slices: slices(&prepared, choices.slices.unwrap_or(1))?,
        };
        Ok(Session {
            config,
            policy,
            sources,
            prepared,
            alone,
            left_out,
            plan,
            hasher,
            threads,
        })
    }

    /// Bytes that will be read in the first pass, as stored.
    pub fn stored_bytes(&self) -> u64 {
        self.plan
            .compares
            .iter()
            .map(|c| c.inputs.stable.stored_bytes + c.inputs.candidate.stored_bytes)
            .sum()
    }

    fn budget(&self) -> SortBudget {
        SortBudget::new(self.config.scan.spill_limit)
    }

    fn means<'a>(&self, dir: &'a Path, budget: &'a SortBudget, monitor: &'a Monitor) -> Means<'a> {
        Means {
            hasher: self.hasher,
            threads: self.threads,
            monitor,
            dir,
            budget,
            samples: self.config.scan.samples,
            patience: self.config.settle.patience(),
        }
    }

    /// Which live stores may not be asked at this moment, and why, if there are any.
    pub fn waits_for(&self) -> Option<String> {
        let waits =
            |(side, source): (Side, &Arc<Source>)| Some(format!("{side} {}", source.live()?.waits_for()?));
        let waits: Vec<String> = self
            .sources
            .as_ref()
            .into_sides()
            .into_iter()
            .filter_map(waits)
            .collect();
        (!waits.is_empty()).then(|| waits.join("; "))
    }

    /// From now on no live store is waited for that may not be asked: the run is to end.
    fn hurry(&self) {
        let sources = self.sources.as_ref().into_sides().into_iter();
        sources
            .filter_map(|(_, source)| source.live())
            .for_each(LiveSource::hurry);
    }

    /// Namespaces with no counterpart to compare them with. None of their records is read.
    pub fn alone(&self) -> &[Alone] {
        &self.alone
    }

    /// The compares, made ready.
    pub(super) fn prepared_compares(&self) -> impl Iterator<Item = &Prepared> {
        self.prepared.iter()
    }

    /// Opens both sides to work under a plan that was made before.
    ///
    /// # Errors
    /// A plan that was made for something else, or was changed since.
    pub fn follow(
        config: Config,
        policy: Policy,
        plan: Plan,
        only: Vec<String>,
        spool: &Path,
    ) -> Result<Session, SessionError> {
        let seed = u64::from_str_radix(&plan.seed, 16)
            .map_err(|_| SessionError::Usage("the plan's seed is no hex number".to_owned()))?;
        let choices = Choices {
            seed: Some(seed),
            slices: None,
            only,
            again: Some(plan),
            shared: true,
        };
        let mut session = Session::open(config, policy, &choices, spool)?;
        let plan = choices.again.expect("put there above");
        if session.plan.question() != plan.question() {
            let message = "the plan was made for another configuration, mapping or pair of stores (or they have changed since)";
            return Err(SessionError::Usage(message.to_owned()));
        }
        plan.check()
            .map_err(|m| SessionError::Usage(format!("the plan was changed since it was made: {m}")))?;
        session.plan = plan;
        Ok(session)
    }
}
