//! Single records by key.
//!
//! The query has to bring every record whose key is canonically equal to the one asked for, so each value becomes all BSON
//! values that a server could tell from it but Assay would not. More records than asked for do no harm.

use super::literal::{Unusable, to_bson};
use super::probe::MongoProbe;
use super::receive::size;
use super::{MongoStore, fault, snapshot};
use crate::canon::bson::walk;
use crate::mapping::UuidOrder;
use crate::model::{NumberRepr, NumberType, Value};
use crate::source::SourceError;
use crate::source::live::{Failures, Governor, KeyPart, Page, SnapshotUse};
use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};
use mongodb::raw_batch_cursor::RawBatch;
use mongodb::{ClientSession, Collection};
use rustc_hash::FxHashMap;

/// Keys in one query.
const KEYS: usize = 100;
/// The most forms of one key that are asked for: all orders of the fields of a document of five.
const FORMS: usize = 120;

/// Records that were asked for by their keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MongoPoints {
    /// The records.
    pub page: Page,
    /// The cluster time as of which they were read.
    pub snapshot: SnapshotUse,
}

impl MongoStore {
    /// Reads the records of these keys: all of them that are there, and perhaps others. Where the server was seen to pin
    /// snapshots, they are read as of one cluster time.
    ///
    /// # Errors
    /// If a key has no form that could be asked for; and what [`MongoStore::read`] fails on.
    pub async fn points(
        &self,
        collection: &str,
        keys: &[Vec<KeyPart>],
        probe: &MongoProbe,
        governor: &Governor,
    ) -> Result<MongoPoints, SourceError> {
        let action = format!("read single records of `{collection}`");
        let rounds = rounds(keys);
        let queries = rounds
            .iter()
            .flat_map(|keys| keys.chunks(KEYS))
            .map(|keys| query(keys, self.options.legacy_uuids, probe.type_codes.as_slice()));
        let queries = queries.collect::<Result<Vec<_>, _>>().map_err(|problem| {
            let advice = "let the mapping bring the key to a type that the store holds";
            self.report.refused(&action, problem, advice)
        })?;
        let asking = Asking {
            store: self,
            coll: self.collection(collection)?,
            action: &action,
            governor,
        };
        let mut points = MongoPoints::default();
        let batches = asking.answers(&queries, probe, &mut points).await?;
        for batch in batches {
            let documents = batch.doc_slices().map_err(|e| self.report.driver(&action, &e))?;
            let page = &mut points.page;
            let copied = walk(documents.as_bytes(), |_, document| {
                page.data.extend_from_slice(document.bytes);
                page.ends.push(page.data.len());
                Ok(())
            });
            copied.map_err(|problem| {
                self.report
                    .refused(&action, problem.to_string(), "see the server's log")
            })?;
        }
        Ok(points)
    }
}

/// Queries for single records of a collection.
pub(super) struct Asking<'a> {
    pub(super) store: &'a MongoStore,
    coll: Collection<RawDocumentBuf>,
    action: &'a str,
    governor: &'a Governor,
}

impl Asking<'_> {
    /// The batches that answer the queries.
    async fn answers(
        &self,
        queries: &[Document],
        probe: &MongoProbe,
        points: &mut MongoPoints,
    ) -> Result<Vec<RawBatch>, SourceError> {
        if probe.pins_points()
            && !queries.is_empty()
            && let Some(batches) = self.at_one_time(queries, &mut points.snapshot).await?
        {
            return Ok(batches);
        }
        let mut batches = Vec::new();
        for query in queries {
            batches.extend(self.look_up(query, &probe.read_concern, None).await?);
        }
        Ok(batches)
    }

    /// All batches of one query; a query that breaks is made again, unless that is of no use in its session.
    pub(super) async fn look_up(
        &self,
        query: &Document,
        read_concern: &str,
        mut session: Option<&mut ClientSession>,
    ) -> Result<Vec<RawBatch>, SourceError> {
        let mut failures = Failures::default();
        loop {
            let answer = self.look_up_once(query.clone(), read_concern, session.as_deref_mut());
            match answer.await {
                Err(error)
                    if fault::passes(&error)
                        && !(session.is_some() && snapshot::is_lost(&error))
                        && self.store.options.retry.wait(&mut failures).await => {}
                answer => return answer,
            }
        }
    }

    async fn look_up_once(
        &self,
        query: Document,
        read_concern: &str,
        session: Option<&mut ClientSession>,
    ) -> Result<Vec<RawBatch>, SourceError> {
        let mut options = self.store.find_options(read_concern);
        if self.store.options.points_from_primary {
            options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        }
        let find = async {
            let find = self.coll.find(query).with_options(options);
            match session {
                Some(session) => {
                    let mut cursor = find.session(&mut *session).batch().await?;
                    cursor.stream(session).try_collect().await
                }
                None => find.batch().await?.try_collect().await,
            }
        };
        let size = |batches: &Vec<RawBatch>| batches.iter().map(size).sum();
        let timeout = self.store.options.answer_timeout;
        let (store, action) = (self.store, self.action);
        store.governed(action, self.governor, timeout, find, size).await
    }
}

/// The keys so divided that none is nearly another one beside it. There are servers that take numbers of different types for the
/// same within a query although they keep them apart, and then bring the records of one only.
fn rounds(keys: &[Vec<KeyPart>]) -> Vec<Vec<&Vec<KeyPart>>> {
    let mut met: FxHashMap<String, usize> = FxHashMap::default();
    let mut rounds: Vec<Vec<&Vec<KeyPart>>> = Vec::new();
    for key in keys {
        let mut near = String::new();
        key.iter().for_each(|part| blur(&part.value, &mut near));
        let round = met.entry(near).or_default();
        if *round == rounds.len() {
            rounds.push(Vec::new());
        }
        rounds[*round].push(key);
        *round += 1;
    }
    rounds
}

/// Writes a value so that those of which servers have taken one for the other are the same: numbers as what is left of
/// them in 64 bits without a fraction.
fn blur(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => {
            let near = match &number.repr {
                NumberRepr::Int(int) => *int,
                NumberRepr::Double(double) => *double as i64,
                NumberRepr::Decimal(decimal) => decimal.to_string().parse::<f64>().unwrap_or_default() as i64,
            };
            out.push_str(&near.to_string());
        }
        Value::Document(fields) => fields.iter().for_each(|(name, value)| {
            out.push_str(name);
            blur(value, out);
        }),
        Value::List(items) => items.iter().for_each(|item| blur(item, out)),
        value => out.push_str(&format!("{value:?}")),
    }
    out.push(',');
}

/// The query for some keys: one `$in` for keys of one part, else a conjunction for each.
fn query(keys: &[&Vec<KeyPart>], legacy: bool, known: &[i32]) -> Result<Document, Unusable> {
    let decimals = known.is_empty() || known.contains(&19);
    let part =
        |part: &KeyPart| Ok::<_, Unusable>((field(&part.path)?, forms(&part.value, legacy, decimals)?));
    let keys: Vec<Vec<(String, Vec<Bson>)>> = keys
        .iter()
        .map(|key| key.iter().map(part).collect())
        .collect::<Result<_, _>>()?;
    let first = keys
        .first()
        .and_then(|key| key.first())
        .map(|(path, _)| path.clone());
    match first {
        Some(path) if keys.iter().all(|key| key.len() == 1 && key[0].0 == path) => {
            let forms: Vec<Bson> = keys.into_iter().flatten().flat_map(|(_, forms)| forms).collect();
            Ok(doc! { path: { "$in": forms } })
        }
        _ => {
            let key = |key: Vec<(String, Vec<Bson>)>| {
                let part = |(path, forms)| doc! { path: { "$in": forms } };
                doc! { "$and": key.into_iter().map(part).collect::<Vec<_>>() }
            };
            Ok(doc! { "$or": keys.into_iter().map(key).collect::<Vec<_>>() })
        }
    }
}

/// A path as MongoDB writes it, which has no way to write a dot that is part of a name.
fn field(path: &str) -> Result<String, Unusable> {
    match path.contains('\\') {
        true => Err(format!(
            "the field `{path}` has a dot in its name, which no query can express"
        )),
        false => Ok(path.to_owned()),
    }
}

/// All BSON values that are canonically equal to `value`, as far as a server tells them apart: it does not do so with the
/// types of a number.
fn forms(value: &Value, legacy: bool, decimals: bool) -> Result<Vec<Bson>, Unusable> {
    match value {
        Value::Number(n) => numbers(&n.repr, decimals),
        Value::Uuid(bytes) if legacy => Ok(uuids(bytes)),
        Value::Document(fields) => documents(fields, legacy, decimals),
        Value::List(items) => {
            let each = items.iter().map(|item| forms(item, legacy, decimals));
            let each = each.collect::<Result<Vec<_>, _>>()?;
            Ok(product(&each)?.into_iter().map(Bson::Array).collect())
        }
        value => Ok(vec![to_bson(value)?]),
    }
}

/// A number in a type that holds it exactly. A decimal that is near a double is also asked for as that: there are servers
/// that compare the two after rounding.
fn numbers(repr: &NumberRepr, decimals: bool) -> Result<Vec<Bson>, Unusable> {
    let plain = |repr: NumberRepr, ty| to_bson(&Value::Number(crate::model::Number { ty, repr }));
    match repr {
        NumberRepr::Int(_) => Ok(vec![plain(repr.clone(), NumberType::Untyped)?]),
        NumberRepr::Double(_) => Ok(vec![plain(repr.clone(), NumberType::Double)?]),
        NumberRepr::Decimal(decimal) => {
            let decimal = decimal.normalised();
            let near = decimal
                .to_string()
                .parse::<f64>()
                .ok()
                .filter(|near| near.is_finite());
            let exact = plain(NumberRepr::Decimal(decimal), NumberType::Decimal128).ok();
            // A number that no decimal128 holds may still be a double.
            Ok(near
                .map(Bson::Double)
                .into_iter()
                .chain(exact.filter(|_| decimals))
                .collect())
        }
    }
}

/// A UUID as it is, and in the byte orders of the old drivers for Java, C# and Python.
fn uuids(bytes: &[u8; 16]) -> Vec<Bson> {
    let binary = |subtype, bytes: [u8; 16]| {
        Bson::Binary(Binary {
            subtype,
            bytes: bytes.to_vec(),
        })
    };
    let old = UuidOrder::ALL.map(|order| binary(BinarySubtype::UuidOld, order.turn(*bytes)));
    std::iter::once(binary(BinarySubtype::Uuid, *bytes))
        .chain(old)
        .collect()
}

/// A document with its fields in every order: to a server they are different values.
fn documents(fields: &[(String, Value)], legacy: bool, decimals: bool) -> Result<Vec<Bson>, Unusable> {
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let values = fields.iter().map(|(_, value)| forms(value, legacy, decimals));
    let values = values.collect::<Result<Vec<_>, _>>()?;
    let mut forms = Vec::new();
    for values in product(&values)? {
        for order in orders(names.len())? {
            let field = |at: usize| (names[at].to_owned(), values[at].clone());
            forms.push(Bson::Document(order.into_iter().map(field).collect()));
        }
    }
    bounded(forms)
}

/// Every way to take one of each.
fn product(choices: &[Vec<Bson>]) -> Result<Vec<Vec<Bson>>, Unusable> {
    choices.iter().try_fold(vec![Vec::new()], |so_far, choices| {
        let longer = so_far.iter().flat_map(|taken: &Vec<Bson>| {
            choices
                .iter()
                .map(|choice| [taken.as_slice(), std::slice::from_ref(choice)].concat())
        });
        bounded(longer.take(FORMS + 1).collect())
    })
}

/// All orders of the numbers below `n`; the natural one first.
fn orders(n: usize) -> Result<Vec<Vec<usize>>, Unusable> {
    (0..n).try_fold(vec![Vec::new()], |so_far, next| {
        let longer = so_far.iter().flat_map(|order: &Vec<usize>| {
            (0..=order.len()).rev().map(move |at| {
                let mut order = order.clone();
                order.insert(at, next);
                order
            })
        });
        bounded(longer.take(FORMS + 1).collect())
    })
}

fn bounded<T>(forms: Vec<T>) -> Result<Vec<T>, Unusable> {
    match forms.len() {
        0..=FORMS => Ok(forms),
        _ => Err(format!(
            "a key that is a document or list has more than {FORMS} forms in BSON"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{filter::Bound, literal, order};
    use super::*;
    use crate::model::Number;

    /// Whether a form is the same value to a server.
    fn same(form: &Bson, text: &str) -> bool {
        let text = Bound::parse(text).unwrap();
        order::compare(literal::id(form).unwrap().raw(), text.id.raw()).is_eq()
    }

    #[test]
    fn a_number_is_asked_for_by_value() {
        let int = forms(&Value::Number(Number::int(7, NumberType::Varint)), false, true).unwrap();
        assert_eq!(int, [Bson::Int32(7)]);
        let cents = Number::decimal(150.into(), -2, NumberType::Decimal);
        let found = forms(&Value::Number(cents.clone()), false, true).unwrap();
        assert!(found.iter().all(|form| same(form, "1.5")), "{found:?}");
        assert_eq!(found.len(), 2);
        assert_eq!(
            forms(&Value::Number(cents), false, false).unwrap(),
            [Bson::Double(1.5)]
        );
        let huge = Number::decimal(num_bigint::BigInt::from(10).pow(50), 0, NumberType::Varint);
        assert!(
            forms(&Value::Number(huge), false, true)
                .unwrap()
                .contains(&Bson::Double(1e50))
        );
    }

    #[test]
    fn a_document_is_asked_for_in_every_order_of_its_fields() {
        let field = |name: &str| (name.to_owned(), Value::Text(name.to_owned()));
        let fields: Vec<_> = ["c", "a", "b"].map(field).into();
        let found = forms(&Value::Document(fields.clone()), false, true).unwrap();
        assert_eq!(found.len(), 6);
        assert_eq!(found[0], Bson::Document(doc! { "c": "c", "a": "a", "b": "b" }));
        assert!(found.contains(&Bson::Document(doc! { "b": "b", "c": "c", "a": "a" })));
        let many: Vec<_> = (0..6).map(|n| field(&n.to_string())).collect();
        assert!(forms(&Value::Document(many), false, true).is_err());
    }

    #[test]
    fn a_uuid_is_asked_for_in_the_old_byte_orders_where_there_may_be_any() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        assert_eq!(forms(&Value::Uuid(bytes), false, true).unwrap().len(), 1);
        let found = forms(&Value::Uuid(bytes), true, true).unwrap();
        let java = [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8];
        let csharp = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        for order in [bytes, java, csharp] {
            let old = Binary {
                subtype: BinarySubtype::UuidOld,
                bytes: order.to_vec(),
            };
            assert!(found.contains(&Bson::Binary(old)));
        }
    }

    #[test]
    fn keys_that_are_nearly_the_same_are_asked_for_one_after_the_other() {
        let key = |n: Number| {
            vec![KeyPart {
                path: "_id".to_owned(),
                value: Value::Number(n),
            }]
        };
        let (int, double) = (
            |n| key(Number::int(n, NumberType::Int64)),
            |n| key(Number::double(n, NumberType::Double)),
        );
        let tenth = key(Number::decimal(1.into(), -1, NumberType::Decimal));
        let keys = [
            int(i64::MAX),
            double(1e19),
            int(1),
            double(1.5),
            int(2),
            double(0.1),
            tenth,
        ];
        let counts: Vec<usize> = rounds(&keys).iter().map(Vec::len).collect();
        assert_eq!(counts, [4, 3]);
        let many: Vec<_> = (0..1000).map(int).collect();
        assert_eq!(rounds(&many).len(), 1);
        assert!(rounds(&[]).is_empty());
    }

    #[test]
    fn keys_of_one_part_share_an_in_and_keys_of_several_are_conjunctions() {
        let part = |path: &str, n: i64| KeyPart {
            path: path.to_owned(),
            value: Value::Number(Number::int(n, NumberType::Int64)),
        };
        let one = query(&[&vec![part("_id", 1)], &vec![part("_id", 2)]], false, &[]).unwrap();
        assert_eq!(one, doc! { "_id": { "$in": [1, 2] } });
        let two = query(&[&vec![part("a", 1), part("b.c", 2)]], false, &[]).unwrap();
        assert_eq!(
            two,
            doc! { "$or": [{ "$and": [{ "a": { "$in": [1] } }, { "b.c": { "$in": [2] } }] }] }
        );
        assert!(query(&[&vec![part(r"a\.b", 1)]], false, &[]).is_err());
        assert!(forms(&Value::Date(1), false, true).is_err());
    }
}
