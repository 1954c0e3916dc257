//! Names of files, and which texts become files.

/// What the engine reads at most, in bytes.
pub const FILE_BYTES_MAX: f64 = (64u32 << 20) as f64;
const NAME_CHARS_MAX: usize = 60;

/// The name as it can be typed after `kubectl apply -f`, without quotes.
pub fn clean(wanted: &str) -> String {
    let last = wanted.trim().rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = last.chars().take(NAME_CHARS_MAX).map(plain).collect();
    let name = name.trim_start_matches(['-', '.']);
    match name {
        "" => String::new(),
        name if name.contains('.') => name.to_string(),
        name => [name, ".yaml"].concat(),
    }
}

/// `wanted` as it is, or with a number before its ending if it is taken.
pub fn free(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let wanted = clean(wanted);
    let wanted = if wanted.is_empty() { "new.yaml".to_string() } else { wanted };
    let (stem, ending) = wanted.rsplit_once('.').unwrap_or((&wanted, "yaml"));
    let mut name = wanted.clone();
    let mut number = 1;
    while taken(&name) {
        number += 1;
        name = [stem, "-", &number.to_string(), ".", ending].concat();
    }
    name
}

/// Why a file is not opened; None if it can be.
pub fn refusal(name: &str, bytes: f64) -> Option<String> {
    let megabytes = (bytes / f64::from(1u32 << 20)).ceil() as u32;
    (bytes > FILE_BYTES_MAX)
        .then(|| [name, " has ", &megabytes.to_string(), " MiB: a file of at most 64 MiB can be opened."].concat())
}

/// Whether a pasted text is meant as manifests: YAML or what `kubectl get -o json` prints.
pub fn is_manifest(text: &str) -> bool {
    let begins = |line: &str, key: &str| {
        let line = line.trim_start_matches([' ', '-', '{']).trim_start_matches('"');
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with(':'))
    };
    let has = |key: &str| text.lines().any(|line| begins(line, key));
    // A dump on one line.
    let json = || text.trim_start().starts_with('{') && text.contains("\"kind\"") && text.contains("\"apiVersion\"");
    (has("kind") && has("apiVersion")) || json()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_typed_and_are_free() {
        for (wanted, name) in [
            ("web.yaml", "web.yaml"),
            ("  my pods.yml ", "my-pods.yml"),
            ("C:\\dumps\\all.json", "all.json"),
            ("../x/y", "y.yaml"),
            (".hidden", "hidden.yaml"),
            ("--", ""),
            ("größe", "größe.yaml"),
        ] {
            assert_eq!(clean(wanted), name, "{wanted}");
        }
        let taken = |name: &str| ["a.yaml", "a-2.yaml", "new.yaml"].contains(&name);
        assert_eq!(free("a.yaml", taken), "a-3.yaml");
        assert_eq!(free("b", taken), "b.yaml");
        assert_eq!(free("///", taken), "new-2.yaml");
    }

    #[test]
    fn too_much_is_told() {
        assert_eq!(refusal("a.yaml", FILE_BYTES_MAX), None);
        let told = refusal("a.yaml", FILE_BYTES_MAX + 1.0);
        assert_eq!(told.as_deref(), Some("a.yaml has 65 MiB: a file of at most 64 MiB can be opened."));
    }

    #[test]
    fn manifests_are_told_from_other_texts() {
        for text in [
            "apiVersion: v1\nkind: Pod",
            "- kind: Pod\n  apiVersion: v1",
            "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\"\n}",
            "{\"items\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}]}",
        ] {
            assert!(is_manifest(text), "{text}");
        }
        for text in ["", "10.244.1.2", "be kind: rewind", "kubectl get pods", "kind: Pod"] {
            assert!(!is_manifest(text), "{text}");
        }
    }
}
