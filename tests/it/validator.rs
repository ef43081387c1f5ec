//! `assay config check` and the `$jsonSchema` validators that mongodump writes beside the data.

use crate::bson::{Bson, document, int, nested, text};
use crate::mapping::field;
use crate::support::{Ended, Mapped};

const TABLE: &str =
    "CREATE TABLE k.t (id int PRIMARY KEY, v int, name ascii, ref text, city text, rare text);\n";

const METADATA: &str = r#"{"options":{"validator":{"$jsonSchema":{"bsonType":"object","additionalProperties":false,
    "required":["_id","v"],"properties":{"_id":{"bsonType":"int"},"v":{"bsonType":["int","long"]},
    "name":{"bsonType":"string"},"ref":{"bsonType":"objectId"},"rare":{"bsonType":"string"},
    "at":{"bsonType":"object","additionalProperties":false,"properties":{"city":{"bsonType":"string"}}}}}}},
    "indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}]}"#;

fn check(metadata: &str, key: &str, fields: &str) -> Ended {
    let stable = document(&[
        ("_id", int(1)),
        ("v", int(5)),
        ("name", text("n")),
        ("ref", Bson(0x07, vec![1; 12])),
        ("at", nested(&[("city", text("Bern"))])),
    ]);
    let rows = "id,v,name,ref,city\n1,5,n,010101010101010101010101,Bern\n";
    let compare = format!("key = [\"{key}\"]\n{}{fields}", field("id", "stable = \"_id\""));
    Mapped::new(("t.bson", &stable), ("t.csv", rows), &compare)
        .with_schema("candidate", TABLE)
        .with_file("stable", "t.metadata.json", metadata)
        .check(&[])
}

fn good() -> String {
    field("ref", "type = \"text\"") + &field("city", "stable = \"at.city\"")
}

#[test]
fn types_that_a_validator_allows_count_like_those_met() {
    check(METADATA, "id", &good()).expect(0).says(&[
        "field \"v\": stable int64 to candidate int is lossy: large integers do not fit",
        "field \"name\": stable text to candidate ascii is lossy",
    ]);
    // The sample alone shows an int32 that fits; what is not enforced proves nothing.
    let lax = METADATA.replace("\"options\":{", "\"options\":{\"validationAction\":\"warn\",");
    for metadata in ["{}", lax.as_str()] {
        let plain = check(metadata, "id", &good()).expect(0);
        assert!(!plain.out.contains("int64"), "{}", plain.out);
    }
    let fields = field("ref", "type = \"int\"") + &field("city", "stable = \"at.city\"");
    check(METADATA, "id", &fields)
        .expect(64)
        .says(&["field ref: stable objectid can never be converted"]);
}

#[test]
fn fields_that_a_validator_does_not_allow_are_errors() {
    for (path, words) in [
        (
            "at.cty",
            "the validator of stable allows no \"cty\" in \"at.cty\"; did you mean \"city\"?",
        ),
        ("town", "the validator of stable allows no \"town\" in \"town\""),
    ] {
        let fields = field("ref", "type = \"text\"") + &field("city", &format!("stable = \"{path}\""));
        check(METADATA, "id", &fields)
            .expect(64)
            .says(&["assay.toml:", "error: ", words]);
    }
}

#[test]
fn fields_that_a_validator_knows_may_be_rare() {
    let rare = field("ref", "type = \"text\"") + &field("city", "stable = \"rare\"");
    let ended = check(METADATA, "id", &rare);
    ended.says(&["note: ", "no record of stable has \"rare\" (of 1 looked at)"]);
    check("{}", "id", &rare)
        .expect(64)
        .says(&["error: ", "no record of stable has \"rare\""]);
}

#[test]
fn a_key_that_a_validator_does_not_require_may_be_missing() {
    let ended = check(METADATA, "name", &good()).expect(0);
    ended.says(&["key name: the validator of stable does not require it, so records may lack it"]);
    let required = check(METADATA, "v", &good()).expect(0);
    assert!(!required.out.contains("does not require"), "{}", required.out);
}
