//! CoreDNS's pages: `/metrics`, `/health`, `/ready`.

use super::state::DnsState;
use crate::tables::DnsPage;
use std::fmt::Write;

/// The versions that the image has.
const BUILD: &str = "coredns_build_info{goversion=\"go1.24.1\",revision=\"707c7c1\",version=\"1.12.1\"} 1\n";

/// Status and text of a path on one of its ports.
pub(super) fn page(state: &DnsState, page: DnsPage, path: &str) -> (&'static str, String) {
    match (page, path) {
        (DnsPage::Health, "/health") | (DnsPage::Ready, "/ready") => ("200 OK", "OK".to_owned()),
        (DnsPage::Metrics, "/metrics") => ("200 OK", metrics(state)),
        _ => ("404 Not Found", "404 page not found\n".to_owned()),
    }
}

fn metrics(state: &DnsState) -> String {
    let mut text = format!(
        "# HELP coredns_build_info A metric with a constant '1' value labeled by version, revision, and goversion from which CoreDNS was built.\n# TYPE coredns_build_info gauge\n{BUILD}"
    );
    let (answers, denials) = state.cache.counts();
    text.push_str(
        "# HELP coredns_cache_entries The number of elements in the cache.\n# TYPE coredns_cache_entries gauge\n",
    );
    for (kind, count) in [("denial", denials), ("success", answers)] {
        let _ = writeln!(
            text,
            "coredns_cache_entries{{server=\"dns://:53\",type=\"{kind}\",view=\"\",zones=\".\"}} {count}"
        );
    }
    let mut last = "";
    for (counter, count) in &state.counters {
        let name = counter.split('{').next().unwrap_or_default();
        if name != last {
            let _ = writeln!(text, "# TYPE {name} counter");
            last = name;
        }
        let _ = writeln!(text, "{counter} {count}");
    }
    text
}
