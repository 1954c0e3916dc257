//! index.html as it ships: Trunk's directives out, the joined style sheet and the policy in.

use anyhow::{Context, Result};

/// The joined style sheet, before it gets its hash.
pub const STYLES: &str = "podhop.css";

/// What the page may do: its own files and compiling wasm; no other host, nothing inline, no evaluated script.
/// `blob:` workers and `data:` images are for pages that embed it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
     worker-src 'self' blob:; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'none'";

/// That of what the opening does not show, before it goes into the page's second half.
pub const LATE_STYLES: &str = "late.css";

/// The style sheets that index.html lists for Trunk, in order: those of the opening, or the late ones.
pub fn style_sheets(html: &str, late: bool) -> impl Iterator<Item = &str> {
    html.lines()
        .filter(move |line| is_directive(line) && line.contains("rel=\"css\"") && line.contains("data-late") == late)
        .filter_map(|line| attribute(line, "href"))
}

/// The page as it ships. Each directive of Trunk's stands on a line of its own.
pub fn ship(html: &str) -> Result<String> {
    let policy = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{CONTENT_SECURITY_POLICY}\" />");
    let styles = format!("<link rel=\"stylesheet\" href=\"{STYLES}\" />");
    let mut shipped = String::new();
    let mut has_charset = false;
    let mut in_comment = false;
    for line in html.lines().map(str::trim) {
        if in_comment || line.starts_with("<!--") {
            in_comment = !line.ends_with("-->");
            continue;
        }
        if line == "</head>" {
            shipped.push_str(&styles);
            shipped.push('\n');
        }
        if line.is_empty() || is_directive(line) {
            continue;
        }
        shipped.push_str(line);
        shipped.push('\n');
        // The policy holds for what follows it, so it comes as early as the character set allows.
        if line.starts_with("<meta charset") {
            has_charset = true;
            shipped.push_str(&policy);
            shipped.push('\n');
        }
    }
    has_charset.then_some(shipped).context("index.html has no line that begins with `<meta charset`")
}

fn is_directive(line: &str) -> bool {
    line.contains("data-trunk")
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!doctype html>
<head>
  <meta charset="utf-8" />
  <!-- for developers -->
  <!-- for developers
       who read on -->
  <link data-trunk rel="css" href="a/one.css" />
  <script type="module" src="start.js"></script>
  <link data-trunk data-late rel="css" href="late.css" />
  <link data-trunk rel="css" href="two.css" />
</head>"#;

    #[test]
    fn directives_become_one_style_sheet_and_the_policy_comes_first() {
        assert_eq!(style_sheets(PAGE, false).collect::<Vec<_>>(), ["a/one.css", "two.css"]);
        assert_eq!(style_sheets(PAGE, true).collect::<Vec<_>>(), ["late.css"]);
        let shipped = ship(PAGE).unwrap();
        assert!(!shipped.contains("data-trunk") && !shipped.contains("developers"), "{shipped}");
        assert!(!shipped.contains("who read on"), "{shipped}");
        let at = |what: &str| shipped.find(what).unwrap();
        assert!(at("Content-Security-Policy") < at("start.js"));
        assert!(at("podhop.css") < at("</head>"));
    }

    #[test]
    fn the_policy_allows_nothing_inline() {
        assert!(!CONTENT_SECURITY_POLICY.contains("unsafe-inline"));
        assert!(!CONTENT_SECURITY_POLICY.contains("'unsafe-eval'"));
    }
}
