//! Reason codes: stable words, each with a severity.

use serde::{Deserialize, Serialize};

/// How much a reason weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The evidence or the run cannot be trusted: HOLD, whatever else was found.
    Failure,
    /// Proven to be beyond what the policy allows: NO_GO.
    NoGo,
    /// Not proven: HOLD.
    Hold,
    /// For the reader; does not change the verdict.
    Note,
}

/// Makes the enum, its words and its severities from one table, so that they cannot drift apart.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $severity:ident;)*) => {
        /// Why a verdict is what it is. The words are stable: pipelines and runbooks refer to them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Code {
            /// Every code, in the order in which reasons are listed.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The stable word.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => $word,)* }
            }

            /// What the code does to the verdict.
            pub const fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// A checksum does not hold, or a file changed while it was read.
    Integrity = "INTEGRITY", Failure;
    /// Parts of the evidence exclude one another.
    Contradiction = "CONTRADICTION", Failure;
    /// The run did not come to its end.
    RunFailed = "RUN_FAILED", Failure;
    /// Someone stopped the run.
    RunCancelled = "RUN_CANCELLED", Failure;
    /// Confirmed divergences that no allowance covers.
    Divergence = "DIVERGENCE", NoGo;
    /// More confirmed divergences than the allowance covers.
    AllowanceExceeded = "ALLOWANCE_EXCEEDED", NoGo;
    /// Indexes, options or schemas differ in what can change answers, and no allowance covers it.
    MetadataDiffers = "METADATA_DIFFERS", NoGo;
    /// No compare was planned or run.
    NoCompares = "NO_COMPARES", Hold;
    /// A required compare has no result.
    CompareAbsent = "COMPARE_ABSENT", Hold;
    /// A compare found no namespace on one side or both.
    NoNamespace = "NO_NAMESPACE", Hold;
    /// Neither side has a record.
    NoRecords = "NO_RECORDS", Hold;
    /// Something was not read.
    Unread = "UNREAD", Hold;
    /// Too few leaves were compared.
    Coverage = "COVERAGE", Hold;
    /// A side's tree has no root.
    NoRoot = "NO_ROOT", Hold;
    /// Records that could not be judged.
    Unknown = "UNKNOWN", Hold;
    /// Records that were still changing.
    Racing = "RACING", Hold;
    /// An export cannot tell the truth.
    LossyExport = "LOSSY_EXPORT", Hold;
    /// Fields that no rule names were not compared, and nobody says why.
    Unmapped = "UNMAPPED", Hold;
    /// An ignored field's declaration has ended.
    IgnoreExpired = "IGNORE_EXPIRED", Hold;
    /// A tolerance's declaration has ended.
    ToleranceExpired = "TOLERANCE_EXPIRED", Hold;
    /// An allowance of the policy has ended.
    AllowanceExpired = "ALLOWANCE_EXPIRED", Hold;
    /// The evidence does not say when it was gathered.
    Undated = "UNDATED", Hold;
    /// The evidence is older than the policy accepts.
    TooOld = "TOO_OLD", Hold;
    /// The evidence is from the future.
    FromFuture = "FROM_FUTURE", Hold;
    /// Divergences that an allowance covers.
    Allowed = "ALLOWED", Note;
    /// Differences that a tolerance covers.
    Tolerated = "TOLERATED", Note;
    /// Indexes, options or schemas differ, and an allowance covers it.
    MetadataAllowed = "METADATA_ALLOWED", Note;
    /// Indexes, options or schemas differ in what changes no answer.
    MetadataNoted = "METADATA_NOTED", Note;
    /// Fields that are not compared, by declaration.
    Ignored = "IGNORED", Note;
    /// A compare without records that the policy does not require.
    EmptyOptional = "EMPTY_OPTIONAL", Note;
    /// A compare of the configuration that the command line left out.
    LeftOut = "LEFT_OUT", Note;
    /// Everything required was proven.
    Proven = "PROVEN", Note;
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Code {
    type Err = String;

    /// Reads a code as written in verdicts; case does not matter.
    fn from_str(word: &str) -> Result<Code, String> {
        let found = Code::ALL
            .iter()
            .copied()
            .find(|code| code.name().eq_ignore_ascii_case(word));
        found.ok_or_else(|| {
            let all: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
            format!("`{word}` is not a reason code; the codes are {}", all.join(", "))
        })
    }
}
