//! Command-line flags as kubectl reads them. Models github.com/spf13/pflag and cobra's error texts.

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Nothing; `--flag=false` is possible.
    Bool,
    /// A value, in the same word or the next.
    Value,
    /// A value in the same word only; without one it means this.
    Optional(&'static str),
}

/// One flag of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    pub long: &'static str,
    /// The letter of its short form, or a blank.
    pub short: char,
    pub takes: Takes,
}

/// A flag in a table: `flag("output", 'o', Value)`.
pub const fn flag(long: &'static str, short: char, takes: Takes) -> Flag {
    Flag { long, short, takes }
}

/// Flags that every kubectl command has; those that have no effect here are accepted.
pub const GLOBAL: &[Flag] = &[
    flag("namespace", 'n', Takes::Value),
    flag("context", ' ', Takes::Value),
    flag("cluster", ' ', Takes::Value),
    flag("kubeconfig", ' ', Takes::Value),
    flag("request-timeout", ' ', Takes::Value),
    flag("server", 's', Takes::Value),
    flag("token", ' ', Takes::Value),
    flag("user", ' ', Takes::Value),
    flag("as", ' ', Takes::Value),
    flag("v", 'v', Takes::Value),
    flag("warnings-as-errors", ' ', Takes::Bool),
];

/// What a flag is for, in few words; empty where the name says it all.
pub fn about(long: &str) -> &'static str {
    match long {
        "all" => "all objects of the kind",
        "all-namespaces" => "in every namespace",
        "cascade" => "background, orphan or foreground",
        "container" => "name of the container",
        "dry-run" => "none, client or server",
        "field-selector" => "only objects with this field's value",
        "filename" => "manifest file, folder or - for stdin",
        "ignore-not-found" => "succeed if there is none",
        "image" => "image of the debugging container",
        "kustomize" => "kustomization folder",
        "label-columns" => "labels to show as columns",
        "namespace" => "namespace of the request",
        "no-headers" => "without the header line",
        "output" => "output format",
        "profile" => "what the debugging container may do",
        "quiet" => "print only what the command prints",
        "recursive" => "with folders within folders",
        "replicas" => "the new number of Pods",
        "selector" => "only objects with these labels",
        "show-kind" => "with each object's kind",
        "show-labels" => "with a column of all labels",
        "sort-by" => "JSONPath to sort by",
        "stdin" => "pass the input on",
        "tty" => "with a terminal",
        _ => "",
    }
}

/// The words of a command, sorted out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Flags in the order given.
    flags: Vec<(&'static str, String)>,
    pub arguments: Vec<String>,
    /// How many arguments stood before `--`, if there was one.
    pub dash: Option<usize>,
}

impl Parsed {
    /// A flag's last value.
    pub fn value(&self, long: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(name, _)| *name == long).map(|(_, value)| value.as_str())
    }

    /// All values of a flag that may be repeated, each split at commas.
    pub fn values(&self, long: &str) -> Vec<&str> {
        let given = self.flags.iter().filter(|(name, _)| *name == long);
        given.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
    }

    pub fn is(&self, long: &str) -> bool {
        self.value(long) == Some("true")
    }

    pub fn has(&self, long: &str) -> bool {
        self.value(long).is_some()
    }
}

/// Sorts out a command's words. Err: the message without `error: `, e.g. `unknown flag: --foo`.
pub fn parse(words: &[String], flags: &[Flag]) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            parsed.dash = Some(parsed.arguments.len());
            parsed.arguments.extend(words.cloned());
            break;
        }
        if let Some(name) = word.strip_prefix("--") {
            long(name, flags, &mut words, &mut parsed)?;
        } else if word.len() > 1 && word.starts_with('-') {
            short(&word[1..], flags, &mut words, &mut parsed)?;
        } else {
            parsed.arguments.push(word.clone());
        }
    }
    Ok(parsed)
}

/// As `parse`, of a line that is still being typed: mistakes are passed over. With it the flag whose value comes next.
pub fn scan(words: &[String], flags: &[Flag]) -> (Parsed, Option<Flag>) {
    let mut parsed = Parsed::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            parsed.dash = Some(parsed.arguments.len());
            parsed.arguments.extend(rest.cloned());
            break;
        }
        let named = word.strip_prefix("--");
        let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty() && named.is_none());
        if named.is_none() && letters.is_none() {
            parsed.arguments.push(word.clone());
            continue;
        }
        let last = rest.len() == 0;
        let result = match (named, letters) {
            (Some(name), _) => long(name, flags, &mut rest, &mut parsed),
            (None, letters) => short(letters.unwrap_or_default(), flags, &mut rest, &mut parsed),
        };
        if last && result.is_err_and(|problem| problem.starts_with("flag needs an argument")) {
            let known = || flags.iter().chain(GLOBAL);
            let pending = match (named, letters) {
                (Some(name), _) => known().find(|flag| flag.long == name),
                (None, letters) => {
                    let letter = letters.unwrap_or_default().chars().next_back();
                    known().find(|flag| Some(flag.short) == letter)
                }
            };
            return (parsed, pending.copied());
        }
    }
    (parsed, None)
}

type Words<'a> = std::slice::Iter<'a, String>;

fn long(word: &str, flags: &[Flag], words: &mut Words, parsed: &mut Parsed) -> Result<(), String> {
    let (name, given) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    if name.is_empty() || name.starts_with('-') {
        return Err(format!("bad flag syntax: --{word}"));
    }
    let normal = name.replace('_', "-");
    let Some(flag) = flags.iter().chain(GLOBAL).find(|flag| flag.long == normal) else {
        return Err(format!("unknown flag: --{name}"));
    };
    let value = match (given, flag.takes) {
        (Some(value), _) => value,
        (None, Takes::Bool) => "true",
        (None, Takes::Optional(value)) => value,
        (None, Takes::Value) => words.next().ok_or_else(|| format!("flag needs an argument: --{name}"))?,
    };
    set(flag, value, parsed)
}

/// `-it`, `-owide`, `-o=wide`, `-o wide`.
fn short(word: &str, flags: &[Flag], words: &mut Words, parsed: &mut Parsed) -> Result<(), String> {
    for (at, letter) in word.char_indices() {
        let Some(flag) = flags.iter().chain(GLOBAL).find(|flag| flag.short == letter && letter != ' ') else {
            return Err(format!("unknown shorthand flag: '{letter}' in -{}", &word[at..]));
        };
        let rest = &word[at + letter.len_utf8()..];
        let given = rest.strip_prefix('=').filter(|value| !value.is_empty());
        match (given, flag.takes) {
            (Some(value), _) => return set(flag, value, parsed),
            (None, Takes::Bool) => set(flag, "true", parsed)?,
            (None, Takes::Optional(value)) => set(flag, value, parsed)?,
            (None, Takes::Value) if !rest.is_empty() => return set(flag, rest, parsed),
            (None, Takes::Value) => {
                let missing = || format!("flag needs an argument: '{letter}' in -{}", &word[at..]);
                return set(flag, words.next().ok_or_else(missing)?, parsed);
            }
        }
    }
    Ok(())
}

fn set(flag: &Flag, value: &str, parsed: &mut Parsed) -> Result<(), String> {
    let mut value = value;
    if flag.takes == Takes::Bool {
        value = match value {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => "true",
            "0" | "f" | "F" | "false" | "FALSE" | "False" => "false",
            _ => {
                let short = if flag.short == ' ' { String::new() } else { format!("-{}, ", flag.short) };
                return Err(format!(
                    "invalid argument \"{value}\" for \"{short}--{}\" flag: strconv.ParseBool: parsing \"{value}\": invalid syntax",
                    flag.long
                ));
            }
        };
    }
    parsed.flags.push((flag.long, value.to_string()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Takes::*;
    use super::*;

    const FLAGS: &[Flag] = &[
        flag("output", 'o', Value),
        flag("all-namespaces", 'A', Bool),
        flag("stdin", 'i', Bool),
        flag("tty", 't', Bool),
        flag("dry-run", ' ', Optional("unchanged")),
        flag("filename", 'f', Value),
    ];

    fn run(line: &str) -> Result<Parsed, String> {
        let words: Vec<String> = line.split(' ').map(str::to_string).collect();
        parse(&words, FLAGS)
    }

    #[test]
    fn every_way_to_write_a_flag() {
        for line in ["a -owide b", "a -o wide b", "a -o=wide b", "a --output wide b", "--output=wide a b"] {
            let parsed = run(line).unwrap_or_default();
            assert_eq!((parsed.value("output"), parsed.arguments.join(" ").as_str()), (Some("wide"), "a b"), "{line}");
        }
        let parsed = run("-it -A=false a -- ls -l --x").unwrap_or_default();
        assert!(parsed.is("stdin") && parsed.is("tty") && !parsed.is("all-namespaces") && parsed.has("all-namespaces"));
        assert_eq!((parsed.arguments.join(" ").as_str(), parsed.dash), ("a ls -l --x", Some(1)));
        let parsed = run("-f a,b -f c --dry_run -nkube-system").unwrap_or_default();
        assert_eq!(parsed.values("filename"), ["a", "b", "c"]);
        assert_eq!((parsed.value("dry-run"), parsed.value("namespace")), (Some("unchanged"), Some("kube-system")));
    }

    #[test]
    fn errors_are_those_of_pflag() {
        let cases = [
            ("--foo", "unknown flag: --foo"),
            ("--foo=1", "unknown flag: --foo"),
            ("-z", "unknown shorthand flag: 'z' in -z"),
            ("-izx", "unknown shorthand flag: 'z' in -zx"),
            ("-o", "flag needs an argument: 'o' in -o"),
            ("-io", "flag needs an argument: 'o' in -o"),
            ("--output", "flag needs an argument: --output"),
            ("---", "bad flag syntax: ---"),
            (
                "-A=x",
                "invalid argument \"x\" for \"-A, --all-namespaces\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
            ),
        ];
        for (line, message) in cases {
            assert_eq!(run(line), Err(message.to_string()), "{line}");
        }
    }
}
