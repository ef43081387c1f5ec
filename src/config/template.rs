//! The configuration that `assay init` writes, and the reference that `assay config mapping` prints.

/// Everything a mapping can say.
pub const MAPPING: &str = include_str!("mapping.md");

/// A commented configuration to start from.
pub const TEMPLATE: &str = r#"# assay.toml: what is compared, and what counts as equal.

[stable]                              # the store in charge
label    = "green"
location = "dump/green"               # a mongodump directory or --archive, NDJSON, CSV; ${NAME} comes from the environment

[candidate]                           # the store with the new schema
label    = "blue"
location = "dump/blue"
# dialect = "cqlsh"                   # rfc4180 (default), cqlsh or dsbulk
# schema  = "schema.cql"              # as DESCRIBE prints it; found by itself beside the CSV files
# null    = "__null__"                # the export's NULL token
# escapes = "once"                    # cqlsh on a Python before 3.10
# double_precision = 17               # the export's DOUBLEPRECISION, if it was 17

# [namespaces]                        # in place of every [[compare]], where names are alike on both sides
# include = ["shop.*"]                # globs, with the database or without; a namespace of one side only is HOLD
# exclude = ["*.tmp_*"]

[[compare]]
name      = "orders"
stable    = "shop.orders"
candidate = "orders_by_id"
key       = ["order_id"]
# unmapped = "compare"                # fields that no rule names: compare, report or ignore (with a reason)

[[compare.field]]
name      = "order_id"
stable    = "_id"
candidate = "order_id"
type      = "text"                    # an ObjectId becomes its hex digits

[[compare.field]]
name      = "total"
stable    = "total"
candidate = "total_cents"
candidate_scale = -2                  # cents to euros, exactly

[[compare.field]]
name      = "status"
stable    = "st"
stable_lookup = { A = "active", C = "closed" }   # what is not in the table is a finding

[[compare.field]]
name      = "tags"
type      = "set<text>"               # a list on one side, a set on the other

[[compare.field]]
name      = "schema_version"
only      = "candidate"
expect    = 2

# [[compare.field]]
# name      = "address_*"             # address.city is address_city, and so on
# stable    = "address.*"

# [[compare.field]]
# name      = "rating"
# tolerance = { absolute = "0.005" }  # counted apart; needs a reason
# reason    = "rounded to cents by the importer"
# expires   = "2027-01-31"            # afterwards the verdict is HOLD

# All conversions, and explode for an array against rows: `assay config mapping`

# Live stores: location = "mongodb://…" or "cql://host:port/keyspace", with secrets as ${NAME} from the environment.
# [candidate.live]
# user     = "auditor"
# password = "${BLUE_PASSWORD}"
# max_rate = 20e6                     # bytes of records a second
# [settle]
# delay_seconds = 5                   # before what differs is looked at again

# [scan]
# strategy = "auto"                   # auto; or merge, sketch, spill: how differences are found, not which
# samples  = 1000                     # divergences in the report; all are in divergences.ndjson

# [run]
# dir = "runs"
"#;
