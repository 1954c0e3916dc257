//! Which entries a query finds, and in which order.

/// Entries shown at a time.
pub const SHOWN_MAX: usize = 12;

/// How well `title` answers a query: smaller is better; `None` if a word of the query is not in it. Case does not count.
fn rank(query: &str, title: &str) -> Option<usize> {
    let title = title.to_lowercase();
    let mut worst = 0;
    for word in query.split_whitespace() {
        let word = word.to_lowercase();
        let at = title.find(&word)?;
        let begins_word = at == 0 || !title[..at].ends_with(char::is_alphanumeric);
        let rank = match at {
            0 => 0,
            _ if begins_word => 1,
            _ => 2,
        };
        worst = worst.max(rank);
    }
    Some(worst)
}

/// The positions of the titles that are found, the best first; equal ones stay in their order.
pub fn found(query: &str, titles: &[String]) -> Vec<usize> {
    let ranked = titles.iter().enumerate().filter_map(|(at, title)| Some((rank(query, title)?, at)));
    let mut ranked: Vec<(usize, usize)> = ranked.collect();
    ranked.sort_unstable();
    ranked.into_iter().take(SHOWN_MAX).map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: &[&str]) {
        let titles = ["Play or pause", "Open a scenario", "Pod default/pod-a", "Pod shop/front", "Settings: theme"];
        let titles: Vec<String> = titles.map(str::to_string).to_vec();
        let found: Vec<&str> = found(query, &titles).into_iter().map(|at| titles[at].as_str()).collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn every_word_must_be_there_and_beginnings_come_first() {
        check("pod", &["Pod default/pod-a", "Pod shop/front"]);
        check("FRONT pod", &["Pod shop/front"]);
        check("o", &["Open a scenario", "Play or pause", "Pod default/pod-a", "Pod shop/front"]);
        check("theme", &["Settings: theme"]);
        check("nothing such", &[]);
    }

    #[test]
    fn no_query_finds_the_first_ones() {
        let titles: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        assert_eq!(found("", &titles), (0..SHOWN_MAX).collect::<Vec<_>>());
        assert_eq!(found("ß", &["STRASSE".to_string(), "Straße".to_string()]), [1]);
    }
}
