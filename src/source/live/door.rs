//! The door to a live store: it is connected to, its namespaces are listed and read.

use super::cql::{Ages, CqlOptions, CqlStore, LiveTable, time_to_live};
use super::guard::{LOOK, Watch};
use super::listing::Listing;
use super::mongo::{LiveCollection, MongoOptions, MongoStore};
use super::reading::{Reading, leave};
use super::secret::{Protocol, Secret, shown};
use super::stream::LiveStream;
use super::{Governor, KeyPart, Limits, Page, Range, SnapshotUse, Usage, runtime};
use crate::source::open::find;
use crate::source::{Namespace, Position, Schema, SourceError};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

/// How a live store is reached and read.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// The whole connection string.
    pub uri: Secret,
    /// How it is read if it is MongoDB.
    pub mongo: MongoOptions,
    /// How it is read if it is Cassandra or ScyllaDB.
    pub cql: CqlOptions,
    /// How much is asked of it.
    pub limits: Limits,
}

/// A live store that has been connected to.
#[derive(Debug)]
pub struct LiveSource {
    location: String,
    pub(super) store: Arc<Store>,
    governor: Governor,
    at_once: usize,
    /// Whether the ages of what differs are looked at.
    write_times: bool,
    /// What it holds, as it was when it was opened.
    listing: Listing,
    /// Among the namespaces, those of which it is not known what they are.
    not_understood: HashMap<String, SourceError>,
    readings: Arc<Readings>,
    /// What turned out on the way.
    noted: Mutex<BTreeSet<String>>,
    snapshots: Mutex<SnapshotUse>,
    _watch: Option<Watch>,
}

#[derive(Debug)]
pub(super) enum Store {
    Mongo(Box<MongoStore>, Vec<LiveCollection>),
    Cql(Box<CqlStore>, Vec<LiveTable>),
}

/// How the namespaces of a store are read, as far as that is known.
#[derive(Debug)]
struct Readings {
    location: String,
    store: Arc<Store>,
    governor: Governor,
    at_once: usize,
    known: Mutex<HashMap<String, Arc<OnceCell<Known>>>>,
}

/// How a namespace is read, or why that could not be found out when it had to be.
type Known = Result<Arc<Reading>, SourceError>;

impl Readings {
    /// How a namespace is read. Who asks while somebody else finds out waits for that.
    async fn of(
        &self,
        namespace: &Namespace,
        ranges: Option<Vec<Range>>,
    ) -> Result<Arc<Reading>, SourceError> {
        let cell = self.cell(namespace);
        let find_out = async || {
            let (store, governor) = (&self.store, &self.governor);
            let reading = Reading::new(&self.location, store, governor, namespace, self.at_once, ranges);
            Ok(Ok(Arc::new(reading.await?)))
        };
        cell.get_or_try_init(find_out).await?.clone()
    }

    fn cell(&self, namespace: &Namespace) -> Arc<OnceCell<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(namespace.name.clone()).or_default().clone()
    }

    /// The same as one of the requests that the store is willing to take.
    async fn in_turn(
        &self,
        namespace: &Namespace,
        ranges: Option<Vec<Range>>,
    ) -> Result<Arc<Reading>, SourceError> {
        let _leave = leave(&self.governor, &self.location, &namespace.name).await?;
        self.of(namespace, ranges).await
    }
}

/// Namespaces that are being cut into ranges, until this goes out of scope.
#[derive(Debug)]
pub struct Ahead(JoinHandle<()>);

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl LiveSource {
    /// Connects to the store at `location`, a connection string without secrets, and lists what it holds.
    pub fn open(location: &str, options: &LiveOptions) -> Result<LiveSource, SourceError> {
        let uri = options.uri.reveal();
        let mut not_understood = HashMap::new();
        let (store, listing) = match Protocol::of(uri) {
            Some(Protocol::Mongo) => runtime().block_on(async {
                let store = MongoStore::connect(uri, &options.mongo).await?;
                let catalog = store.catalog().await?;
                let listing = Listing::of_collections(&catalog.collections, catalog.not_listed);
                Ok::<_, SourceError>((Store::Mongo(Box::new(store), catalog.collections), listing))
            })?,
            Some(Protocol::Cql) => runtime().block_on(async {
                let store = CqlStore::connect(uri, &options.cql).await?;
                let catalog = store.catalog().await?;
                not_understood.extend(catalog.not_understood);
                let listing = Listing::of_tables(&catalog.tables, not_understood.keys());
                Ok::<_, SourceError>((Store::Cql(Box::new(store), catalog.tables), listing))
            })?,
            None => {
                let advice = "begin it with mongodb://, mongodb+srv:// or cql://";
                return Err(SourceError::usage(
                    shown(location),
                    "this is no live store",
                    advice,
                ));
            }
        };
        let store = Arc::new(store);
        let governor = Governor::new(options.limits.clone());
        let guard = options.limits.guard.clone();
        let watch = guard.map(|guard| Watch::begin(guard, location, store.clone(), governor.clone()));
        let at_once = options.limits.in_flight.max(1);
        let readings = Readings {
            location: location.to_owned(),
            store: store.clone(),
            governor: governor.clone(),
            at_once,
            known: Mutex::default(),
        };
        Ok(LiveSource {
            location: location.to_owned(),
            listing,
            not_understood,
            _watch: watch.transpose()?,
            store,
            governor,
            at_once,
            write_times: options.cql.write_times,
            readings: Arc::new(readings),
            noted: Mutex::default(),
            snapshots: Mutex::default(),
        })
    }

    /// The connection string without secrets.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// What kind of store it is, in a word.
    pub fn kind(&self) -> &'static str {
        match *self.store {
            Store::Mongo(..) => "mongodb",
            Store::Cql(..) => "cassandra",
        }
    }

    /// What it holds, in order of name. What holds nothing of its own is left out: views of MongoDB, and what ScyllaDB keeps
    /// beside a table.
    pub fn namespaces(&self) -> &[Namespace] {
        &self.listing.namespaces
    }

    /// Whether it held a namespace when it was opened.
    pub fn held(&self, name: &str) -> bool {
        self.listing.namespace(name).is_some()
    }

    /// What it holds by now, of MongoDB in some databases only, if such are given; nothing if `stop` says before that the run
    /// is to end.
    ///
    /// # Errors
    /// A server that refuses to tell, or fails for good.
    pub fn list_again(
        &self,
        databases: Option<Vec<String>>,
        stop: impl Fn() -> bool,
    ) -> Option<Result<Listing, SourceError>> {
        let listed = async {
            match &*self.store {
                Store::Mongo(store, _) => {
                    let catalog = match databases {
                        Some(databases) => store.catalog_of(databases).await?,
                        None => store.catalog().await?,
                    };
                    Ok(Listing::of_collections(&catalog.collections, catalog.not_listed))
                }
                Store::Cql(store, _) => {
                    let catalog = store.catalog().await?;
                    let not_understood = catalog.not_understood.iter().map(|(name, _)| name);
                    Ok(Listing::of_tables(&catalog.tables, not_understood))
                }
            }
        };
        runtime().block_on(async {
            tokio::select! {
                listed = listed => Some(listed),
                () = stopped(stop) => None,
            }
        })
    }

    /// The namespace called `name`, see [`FileSource::find`](crate::source::FileSource::find); one that is left out, too.
    ///
    /// # Errors
    /// If there is none, or it cannot be read since its schema is not understood or its database cannot be listed.
    pub fn find(&self, name: &str) -> Result<&Namespace, SourceError> {
        let (own, aside) = (&self.listing.namespaces, &self.listing.aside);
        let found = find(&self.location, own, name);
        let found = found.or_else(|error| find(&self.location, aside, name).map_err(|_| error));
        let found = found.map_err(|error| self.listing.unseen(name).map_or(error, SourceError::clone))?;
        match self.not_understood.get(&found.name) {
            Some(problem) => Err(problem.clone()),
            None => Ok(found),
        }
    }

    /// Why a namespace that is listed cannot be read, if so.
    pub fn unreadable(&self, name: &str) -> Option<&'static str> {
        match &*self.store {
            Store::Mongo(_, collections) => {
                let found = collections.iter().find(|c| c.namespace == name)?;
                found.kind.unreadable()
            }
            Store::Cql(..) => None,
        }
    }

    /// The schemas of its tables, as CQL.
    pub fn schemas(&self) -> &[Schema] {
        &self.listing.schemas
    }

    /// What is left aside and what is done in another way than it should be, and why. One line each.
    pub fn notices(&self) -> Vec<String> {
        let readings = self.readings.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = readings
            .values()
            .filter_map(|reading| reading.get()?.as_ref().ok());
        let mut degraded: Vec<String> = known.flat_map(|reading| reading.degraded()).collect();
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        degraded.extend(noted.iter().cloned());
        degraded.sort();
        let aside = self.listing.aside.iter();
        let aside = aside.filter(|aside| !readings.contains_key(&aside.name));
        let aside = aside.map(|aside| {
            let (name, why) = (&aside.name, self.store.why_aside(&aside.name));
            format!("`{name}` left aside: {why}, and no compare names it")
        });
        let not_listed = self.listing.not_listed.iter();
        let not_listed =
            not_listed.map(|(database, why)| format!("not all collections of `{database}` are seen: {why}"));
        let read = |name: &str| readings.contains_key(name);
        let unknown = self.store.without_identity().filter(|name| read(name));
        let unknown = unknown.map(|name| {
            format!("`{name}`: its UUID is not told, so that it is not seen if it is dropped and made again meanwhile")
        });
        aside.chain(not_listed).chain(unknown).chain(degraded).collect()
    }

    /// Databases that cannot be listed, or not whole, and why.
    pub fn not_listed(&self) -> impl Iterator<Item = (&str, &SourceError)> {
        self.listing
            .not_listed
            .iter()
            .map(|(database, why)| (database.as_str(), why))
    }

    /// Adds to the notices what turned out on the way; the same sentence comes once.
    pub fn note(&self, sentence: String) {
        self.noted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sentence);
    }

    /// What was asked of it so far.
    pub fn usage(&self) -> Usage {
        self.governor.usage()
    }

    /// How single records were read as of one cluster time; none if the store was not seen to offer it.
    pub fn snapshots(&self) -> Option<SnapshotUse> {
        let snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        Some(*snapshots).filter(|snapshots| *snapshots != SnapshotUse::default())
    }

    /// Why it may not be asked at this moment, if so.
    pub fn waits_for(&self) -> Option<String> {
        self.governor.waits_for()
    }

    /// From now on what would have to wait for guards or windows is not read: the run is to end.
    pub fn hurry(&self) {
        self.governor.hurry();
    }

    /// Requests that may be under way at once.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// How a namespace is read: what the server can do is looked at the first time.
    fn reading(&self, namespace: &Namespace) -> Result<Arc<Reading>, SourceError> {
        runtime().block_on(self.readings.of(namespace, None))
    }

    /// The ranges of a namespace, into which it is cut the first time.
    pub fn ranges(&self, namespace: &Namespace) -> Result<Vec<Range>, SourceError> {
        let reading = self.reading(namespace)?;
        runtime().block_on(reading.ranges(false)).map(<[Range]>::to_vec)
    }

    /// The ranges of a namespace, if it is known by now where it is cut.
    pub fn known_ranges(&self, namespace: &Namespace) -> Option<Vec<Range>> {
        let cell = self.readings.cell(namespace);
        let reading = cell.get()?.as_ref().ok()?;
        reading.known().map(<[Range]>::to_vec)
    }

    /// Gets ready to read a namespace in ranges that it was cut into before.
    pub fn read_by(&self, namespace: &Namespace, ranges: Vec<Range>) -> Result<(), SourceError> {
        let reading = self.readings.of(namespace, Some(ranges));
        runtime().block_on(reading).map(|_| ())
    }

    /// Gets ready to read a namespace in the midst of a run, in the ranges of before if there are some: within the limits,
    /// and until `stop` says that the run is to end.
    ///
    /// # Errors
    /// From then on, all that ask get the same error: the store was given its time.
    pub fn get_ready(
        &self,
        namespace: &Namespace,
        ranges: Option<Vec<Range>>,
        stop: impl Fn() -> bool,
    ) -> Result<(), SourceError> {
        runtime().block_on(async {
            tokio::select! {
                biased;
                reading = self.readings.in_turn(namespace, ranges) => {
                    if let Err(error) = &reading {
                        // Whoever was faster has found out.
                        _ = self.readings.cell(namespace).set(Err(error.clone()));
                    }
                    reading.map(|_| ())
                }
                () = stopped(stop) => Ok(()),
            }
        })
    }

    /// Cuts namespaces into ranges, unless there are some of before, one after the other while something else goes on, which
    /// comes first. What fails is met again by whoever reads the namespace.
    pub fn cut_ahead(&self, namespaces: Vec<(Namespace, Option<Vec<Range>>)>) -> Ahead {
        let readings = self.readings.clone();
        Ahead(runtime().spawn(async move {
            readings.governor.room_beside().await;
            for (namespace, ranges) in namespaces {
                let cut = async {
                    let reading = readings.in_turn(&namespace, ranges).await?;
                    reading.ranges(true).await.map(|_| ())
                };
                if let Err(error) = cut.await {
                    tracing::debug!(namespace = namespace.name, %error, "not cut ahead");
                }
            }
        }))
    }

    /// The records of a namespace, from the range with the number `from.offset` up to the one with the number `to`.
    pub fn chunks(
        &self,
        namespace: &Namespace,
        from: Position,
        to: Option<u64>,
    ) -> Result<LiveStream, SourceError> {
        LiveStream::new(self, self.reading(namespace)?, from, to)
    }

    /// How old the cells of some rows are, where that was asked for and the store keeps it: for each key, which comes in all
    /// its forms, those of its row.
    pub fn ages(
        &self,
        namespace: &Namespace,
        keys: &[Vec<Vec<KeyPart>>],
    ) -> Result<Option<Vec<Option<Ages>>>, SourceError> {
        let Some((store, tables)) = self.dated() else {
            return Ok(None);
        };
        let table = table(tables, &namespace.name);
        let ages = store.ages(table, keys, &self.governor);
        runtime().block_on(ages).map(Some)
    }

    /// Seconds that records of a namespace live where the write does not say how long.
    pub fn time_to_live(&self, namespace: &Namespace) -> Option<i64> {
        let (_, tables) = self.dated()?;
        time_to_live(&table(tables, &namespace.name).table)
    }

    /// The store, if ages are to be looked at.
    fn dated(&self) -> Option<(&CqlStore, &[LiveTable])> {
        match &*self.store {
            Store::Cql(store, tables) if self.write_times => Some((store, tables)),
            Store::Cql(..) | Store::Mongo(..) => None,
        }
    }

    /// The records under some keys; there may be others among them.
    pub fn points(&self, namespace: &Namespace, keys: &[Vec<KeyPart>]) -> Result<Page, SourceError> {
        let reading = self.reading(namespace)?;
        let (page, snapshot) = runtime().block_on(reading.points(keys))?;
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        snapshots.add(snapshot);
        Ok(page)
    }
}

/// Waits until a run is to end.
async fn stopped(stop: impl Fn() -> bool) {
    while !stop() {
        tokio::time::sleep(LOOK).await;
    }
}

/// The table of a namespace that was listed.
pub(super) fn table<'t>(tables: &'t [LiveTable], name: &str) -> &'t LiveTable {
    let found = tables.iter().find(|table| table.name() == name);
    found.expect("namespaces are made of the tables")
}

impl Store {
    /// How far what is read is behind what was written last.
    pub(super) async fn lag(&self) -> Result<Duration, SourceError> {
        match self {
            Store::Mongo(store, _) => store.lag().await,
            Store::Cql(store, _) => Err(SourceError::usage(
                store.location(),
                "only replica sets of MongoDB tell a lag",
                "take `max_lag_seconds` out of the configuration, or let a command of yours judge",
            )),
        }
    }
}
