//! Which conversations a query finds.

use podhop_engine::protocol::{FlowSummary, VerdictKind};

/// What is listed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Words that must all occur in the title, an end, the verdict or the reason; case does not count.
    pub words: String,
    /// Only what did not come through.
    pub failed_only: bool,
}

impl Filter {
    pub fn finds(&self, flow: &FlowSummary) -> bool {
        if self.failed_only && matches!(flow.end_kind, VerdictKind::Delivered | VerdictKind::Pass) {
            return false;
        }
        let text = [&flow.title, " ", &flow.from, " ", &flow.to, " ", &flow.end, " ", &flow.reason].concat();
        let text = text.to_lowercase();
        self.words.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(end: &str, end_kind: VerdictKind) -> FlowSummary {
        FlowSummary {
            flow: 1,
            title: "nc 10.244.2.2:81".into(),
            from: "pod/default/shooter".into(),
            to: "pod/default/web".into(),
            end: end.into(),
            end_kind,
            reason: "nothing listens on TCP port 81".into(),
            started_at_ns: 0,
            packets_count: 2,
        }
    }

    #[test]
    fn all_words_must_occur_somewhere() {
        let refused = flow("refused", VerdictKind::Refused);
        for (words, found) in [("", true), ("WEB refused", true), ("port 81", true), ("web delivered", false)] {
            assert_eq!(Filter { words: words.into(), failed_only: false }.finds(&refused), found, "{words}");
        }
    }

    #[test]
    fn what_came_through_can_be_left_out() {
        let failed = Filter { words: String::new(), failed_only: true };
        assert!(failed.finds(&flow("refused", VerdictKind::Refused)));
        assert!(!failed.finds(&flow("delivered", VerdictKind::Delivered)));
    }
}
