//! The runbook: what each reason code means, what to look at, what to do.

use super::code::Code;

impl Code {
    /// One paragraph for whoever is on call.
    pub const fn runbook(self) -> &'static str {
        match self {
            Code::Integrity => {
                "The evidence itself is in doubt: a checksum did not hold, or a file changed while it was read. \
                 Nothing the run found can be trusted in either direction. Look at the failure's side and file; \
                 write the export again (to a new place, with nothing else writing there) and run the audit again."
            }
            Code::Contradiction => {
                "Two parts of the evidence cannot both be true, such as unequal roots with no divergence, more leaves \
                 compared than there are, or an end before the start. Either the report was edited or Assay has a \
                 defect. Run the audit again from the original data; if it persists, keep the run directory and \
                 report it."
            }
            Code::RunFailed => {
                "The run did not come to its end, so what it did not reach is unknown. Look at the failures listed in \
                 the report's run part (an unreachable store, a full disk, a killed process). Remove the cause and \
                 start the same command again: it resumes."
            }
            Code::RunCancelled => {
                "Someone or something stopped the run before its end. What was found so far is in the report, but \
                 proves nothing about the rest. Start the same command again: it resumes."
            }
            Code::Divergence => {
                "The two stores hold different facts: records of this class differ, were looked at again, and still \
                 differ. Look at the per-field counts first (one column everywhere suggests the mapping or the \
                 migration's code), then at the heat strip (a cluster suggests a failed batch), then at a few records \
                 with `assay explain`. Repair the candidate or correct the mapping; an allowance in the policy is for \
                 differences that someone has accepted, with a reason."
            }
            Code::AllowanceExceeded => {
                "The policy accepts some divergences of this class here, and there are more. Compare the number with \
                 the last run: growth means the cause is still at work. Treat it as a divergence; raise the allowance \
                 only if the accepted cause explains all of them."
            }
            Code::MetadataDiffers => {
                "The records aside, the two stores are not made alike: an index that is unique or lets documents expire, a \
                 validator, a collation, a column's type, a time to live. The candidate would refuse, keep or answer something \
                 that the stable store would not. The compare's section `metadata` has both values. Bring the candidate in line, \
                 or accept the difference in the policy by `[[metadata]]` with a reason. Columns that a rule of the mapping \
                 names are taken as they are."
            }
            Code::MetadataAllowed => {
                "Indexes, options or schemas differ in what can change answers, and a `[[metadata]]` allowance of the policy \
                 covers it. Look at the allowance's reason and owner now and then. Nothing to do."
            }
            Code::MetadataNoted => {
                "Indexes, options or schemas differ in what costs time or space and changes no answer, such as an index that \
                 only one side has. The compare's section `metadata` has both values. Make the index before the switch if the \
                 candidate is to be as fast."
            }
            Code::NoCompares => {
                "Nothing was compared, and nothing proves nothing. Look at the configuration: it names no compare, or \
                 none of its namespaces was found. Name at least one compare and run again."
            }
            Code::CompareAbsent => {
                "A compare that the configuration plans or the policy requires has no result. Look for its name in \
                 the run's log (a typing error in the policy, a namespace that was not exported, a partial merge). \
                 Run the missing part or correct the name."
            }
            Code::NoNamespace => {
                "A compare found no collection or table of its name on a side. Look at the spelling and at the \
                 export's directory. Export the namespace, or correct the mapping. The compare's notices say where a namespace is there \
                 and cannot be read, as a time series of a live store: exclude it, and compare dumps of it."
            }
            Code::NoRecords => {
                "The compare read no record on either side. An empty export and an equal one look the same, so it is \
                 not proof. Check that the export ran and that the filter, path and namespace are right. If the \
                 namespace is meant to be empty, leave it out of the policy's `required` list by naming the others."
            }
            Code::Unread => {
                "Part of a side was not read, or is not any more what was read: a truncated or corrupt file, a slice that \
                 failed, a table that was changed meanwhile. What is in it is \
                 unknown, and records there are neither equal nor missing. Look at file, offset and reason in the \
                 coverage section; write that export again or restore access, then run again."
            }
            Code::Coverage => {
                "Fewer leaves of the key space were compared on both sides than the policy asks for. Look at the \
                 unread parts and at slices planned and read. Run the missing slices, or resume the run."
            }
            Code::NoRoot => {
                "A side's tree has no root digest, so there is nothing to hold the evidence together or to check it \
                 against later. The side was not read to its end. Resume or repeat the run."
            }
            Code::Unknown => {
                "Some records could not be judged, for instance because bytes did not form a record or a value could \
                 not be brought to the mapped type. Unknown is never counted as equal. Look at the divergences in \
                 state `unknown` and their details; correct the mapping or the export, and run again."
            }
            Code::Racing => {
                "Some records kept changing while they were looked at, so they could not be judged. Run again at a \
                 quieter time, or raise the settle delay and attempts."
            }
            Code::LossyExport => {
                "An export cannot show what the store holds (rounded floats, null written as empty text). The cells \
                 concerned are neither equal nor divergent. The report's section on lossy exports names each column \
                 and how to export it exactly: do that and run again."
            }
            Code::IgnoreExpired => {
                "A field is left out of the comparison under a declaration that has ended. Ask its owner whether the \
                 reason still holds; remove the ignore, or renew its date in the mapping."
            }
            Code::ToleranceExpired => {
                "Differences were tolerated under a declaration that has ended. Ask its owner whether the reason \
                 still holds; remove the tolerance, or renew its date in the mapping."
            }
            Code::AllowanceExpired => {
                "An allowance in the policy has ended; it no longer covers anything. Remove it, or renew its date \
                 with its owner's consent."
            }
            Code::Unmapped => {
                "Fields were met that no rule of the mapping names, and under `unmapped = \"report\"` they were counted and \
                 not compared. Nothing is known about them. Write rules for them, compare them as they are with \
                 `unmapped = \"compare\"`, or give the compare a `reason` why they do not matter."
            }
            Code::Undated => {
                "The evidence does not say when it was gathered, so its age cannot be judged. The run was not \
                 finished or the report was edited. Run the audit again."
            }
            Code::TooOld => {
                "The evidence is older than the policy's `max_age`: the stores may have drifted since. Run the audit \
                 again."
            }
            Code::FromFuture => {
                "The evidence claims to be from after the moment of judgement. Look at the clocks of the machine that \
                 ran the audit and of the one that judges; correct them and run again."
            }
            Code::Allowed => {
                "Divergences were found, and an allowance of the policy covers all of them. Look at the allowance's \
                 reason and owner now and then: it hides real differences. Nothing to do."
            }
            Code::Tolerated => {
                "Values differ by no more than the mapping tolerates. They are counted apart and not as equal. \
                 Nothing to do."
            }
            Code::Ignored => {
                "Fields are left out of the comparison by declaration. Nothing is known about them. Nothing to do, as \
                 long as the reasons hold."
            }
            Code::EmptyOptional => {
                "A compare that the policy does not require has no record on either side. It proves nothing and was \
                 not asked to. Remove it from the configuration if it is not needed."
            }
            Code::LeftOut => {
                "The audit was told to look at other compares only (`--only`). Nothing is known about this one, and the \
                 verdict does not speak for it. Where all of them are to be proven, audit without `--only`; a policy \
                 that names what is `required` holds if one of those is left out."
            }
            Code::Proven => {
                "Every required compare was read completely on both sides and holds no divergence beyond the policy. \
                 Nothing to do; mind the verdict's `expires_at`."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::{Code, Severity};

    #[test]
    fn every_code_has_its_page_and_its_word() {
        for &code in Code::ALL {
            assert!(code.runbook().len() > 100, "{code}");
            assert!(!code.runbook().contains("  "), "{code}");
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
            assert_eq!(code.name().to_lowercase().parse::<Code>(), Ok(code));
        }
        assert!("NOPE".parse::<Code>().unwrap_err().contains("DIVERGENCE"));
        let severities: Vec<Severity> = Code::ALL.iter().map(|code| code.severity()).collect();
        assert!(severities.is_sorted(), "codes are listed by severity");
    }
}
