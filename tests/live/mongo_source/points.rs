//! Single records by key.

use super::{binary, connect, in_any_order, insert_all, records};
use crate::support::{self, Mongo, block_on};
use assay::model::{Number, NumberType, Value};
use assay::source::live::mongo::MongoPoints;
use assay::source::live::{Governor, KeyPart, Limits};
use mongodb::bson::{Bson, doc, spec::BinarySubtype};

fn key(value: Value) -> Vec<KeyPart> {
    vec![KeyPart {
        path: "_id".to_owned(),
        value,
    }]
}

fn points_of(server: &Mongo) {
    let database = server.database("points");
    block_on(async {
        let open = database.open().await;
        let documents = vec![
            doc! { "_id": 7_i32, "a": "x", "b": 1 },
            doc! { "_id": 8.0_f64, "a": "x", "b": 2_i64 },
            doc! { "_id": 9_i64, "a": "y", "b": 1.0 },
            doc! { "_id": "text", "a": "z", "b": Bson::Null },
            doc! { "_id": { "p": 1, "q": "two" }, "a": "w" },
            doc! { "_id": binary(BinarySubtype::Uuid, &[5; 16]) },
            doc! { "_id": 2.5 },
        ];
        let inserted = insert_all(&open, "things", documents).await;
        let namespace = format!("{}.things", database.name());
        let store = connect(&database.uri(), 100).await;
        let probe = store.probe(&namespace).await.unwrap();
        let governor = Governor::new(Limits::default());
        let int = |n, ty| Value::Number(Number::int(n, ty));
        let keys = [
            key(int(7, NumberType::Int64)),
            key(int(8, NumberType::Varint)),
            key(Value::Number(Number::decimal(
                900.into(),
                -2,
                NumberType::Decimal,
            ))),
            key(Value::Text("text".into())),
            key(Value::Document(vec![
                ("q".into(), Value::Text("two".into())),
                ("p".into(), int(1, NumberType::Int32)),
            ])),
            key(Value::Uuid([5; 16])),
            key(Value::Number(Number::decimal(
                250.into(),
                -2,
                NumberType::Decimal,
            ))),
            key(Value::Text("nobody".into())),
        ];
        let page = store
            .points(&namespace, &keys, &probe, &governor)
            .await
            .unwrap()
            .page;
        assert!(
            in_any_order(records(&page)) == in_any_order(inserted.clone()),
            "{} records",
            page.ends.len()
        );

        let part = |path: &str, value| KeyPart {
            path: path.to_owned(),
            value,
        };
        let two = [
            vec![
                part("a", Value::Text("x".into())),
                part("b", int(2, NumberType::Int32)),
            ],
            vec![
                part("a", Value::Text("y".into())),
                part("b", int(1, NumberType::Int32)),
            ],
        ];
        let page = store
            .points(&namespace, &two, &probe, &governor)
            .await
            .unwrap()
            .page;
        assert!(
            in_any_order(records(&page)) == in_any_order(inserted[1..3].to_vec()),
            "{}",
            page.ends.len()
        );
        assert_eq!(
            store.points(&namespace, &[], &probe, &governor).await.unwrap(),
            MongoPoints::default()
        );
        let date = store
            .points(&namespace, &[key(Value::Date(1))], &probe, &governor)
            .await
            .unwrap_err();
        assert!(date.to_string().contains("date"), "{date}");
    });
}

/// There are servers that keep such numbers apart and take them for the same within one query.
#[test]
fn numbers_that_are_nearly_the_same_are_all_found() {
    for server in [support::mongodb(), support::mongodb_2()].into_iter().flatten() {
        let database = server.database("near");
        block_on(async {
            let open = database.open().await;
            let huge = 1_i64 << 53;
            let ids = [
                Bson::Int64(i64::MAX),
                Bson::Int64(i64::MAX - 1),
                Bson::Double(1e19),
                Bson::Double(-1e19),
                Bson::Int64(i64::MIN + 1),
                Bson::Int64(huge),
                Bson::Int64(huge + 1),
                Bson::Double((huge + 2) as f64),
                Bson::Int32(1),
                Bson::Double(1.5),
                Bson::Double(0.1),
            ];
            let documents = ids.map(|id| doc! { "_id": id }).into();
            let inserted = insert_all(&open, "things", documents).await;
            let namespace = format!("{}.things", database.name());
            let store = connect(&database.uri(), 100).await;
            let probe = store.probe(&namespace).await.unwrap();
            let governor = Governor::new(Limits::default());
            let int = |n| key(Value::Number(Number::int(n, NumberType::Int64)));
            let double = |n| key(Value::Number(Number::double(n, NumberType::Double)));
            let keys = [
                int(i64::MAX),
                int(i64::MAX - 1),
                double(1e19),
                double(-1e19),
                int(i64::MIN + 1),
                int(huge),
                int(huge + 1),
                int(huge + 2),
                int(1),
                double(1.5),
                double(0.1),
            ];
            let points = store.points(&namespace, &keys, &probe, &governor).await.unwrap();
            let mut found = in_any_order(records(&points.page));
            // More than was asked for does no harm.
            found.dedup();
            assert_eq!(found, in_any_order(inserted), "{}", server.uri());
        });
    }
}

#[test]
fn points_bring_every_record_that_was_asked_for() {
    for server in [support::mongodb(), support::mongodb_2()].into_iter().flatten() {
        points_of(server);
    }
}
