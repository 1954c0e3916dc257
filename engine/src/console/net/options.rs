//! A command's options, read as getopt_long(3) of the C library reads them: clusters, `--`, operands between options.

use std::iter::Peekable;
use std::slice::Iter;

/// What a tool accepts.
#[derive(Clone, Copy)]
pub struct Spec {
    /// `"c:qv"`: letters, those that take a value followed by a colon.
    pub short: &'static str,
    /// `--name`: the letter that it stands for.
    pub long: &'static [(&'static str, char)],
    /// The first operand ends the options, as in POSIX.
    pub operand_ends: bool,
}

impl Spec {
    pub const fn short(short: &'static str) -> Spec {
        Spec { short, long: &[], operand_ends: false }
    }

    /// The letters, each with whether it takes a value.
    pub fn letters(&self) -> impl Iterator<Item = (char, bool)> {
        let letters = self.short.char_indices().filter(|(_, letter)| *letter != ':');
        letters.map(|(at, letter)| (letter, self.short[at + letter.len_utf8()..].starts_with(':')))
    }

    /// None: no such option. Some(true): it takes a value.
    fn takes_value(&self, letter: char) -> Option<bool> {
        let at = self.short.find(letter).filter(|_| letter != ':')?;
        Some(self.short[at + letter.len_utf8()..].starts_with(':'))
    }
}

/// Reads a command line option by option.
pub struct Options<'a> {
    spec: Spec,
    words: Peekable<Iter<'a, String>>,
    /// What is left of a cluster such as `-lnp`.
    cluster: &'a str,
    pub operands: Vec<&'a str>,
}

impl<'a> Options<'a> {
    /// `argv` with the command's name.
    pub fn new(spec: Spec, argv: &'a [String]) -> Options<'a> {
        let words = argv.get(1..).unwrap_or_default().iter().peekable();
        Options { spec, words, cluster: "", operands: Vec::new() }
    }

    /// The next option's letter and its value (empty if it takes none), or the C library's complaint. After None the
    /// operands are complete.
    pub fn next(&mut self) -> Option<Result<(char, &'a str), String>> {
        while self.cluster.is_empty() {
            let word = self.words.next()?.as_str();
            if word == "--" {
                self.operands.extend(self.words.by_ref().map(String::as_str));
                return None;
            }
            if let Some(name) = word.strip_prefix("--") {
                return Some(self.long(name));
            }
            match word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                Some(letters) => self.cluster = letters,
                None => {
                    self.operands.push(word);
                    if self.spec.operand_ends {
                        self.operands.extend(self.words.by_ref().map(String::as_str));
                    }
                }
            }
        }
        let letter = self.cluster.chars().next()?;
        self.cluster = &self.cluster[letter.len_utf8()..];
        Some(match self.spec.takes_value(letter) {
            None => Err(format!("invalid option -- '{letter}'")),
            Some(false) => Ok((letter, "")),
            Some(true) if !self.cluster.is_empty() => Ok((letter, std::mem::take(&mut self.cluster))),
            Some(true) => match self.words.next() {
                Some(value) => Ok((letter, value)),
                None => Err(format!("option requires an argument -- '{letter}'")),
            },
        })
    }

    fn long(&mut self, word: &'a str) -> Result<(char, &'a str), String> {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let Some((_, letter)) = self.spec.long.iter().find(|(long, _)| *long == name) else {
            return Err(format!("unrecognized option '--{name}'"));
        };
        match (self.spec.takes_value(*letter) == Some(true), value) {
            (false, None) => Ok((*letter, "")),
            (false, Some(_)) => Err(format!("option '--{name}' doesn't allow an argument")),
            (true, Some(value)) => Ok((*letter, value)),
            (true, None) => match self.words.next() {
                Some(value) => Ok((*letter, value)),
                None => Err(format!("option '--{name}' requires an argument")),
            },
        }
    }
}

/// Seconds with at most nine decimals, as nanoseconds: `0.2`, `3`, `.5`. None for anything else.
pub fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let nanos = format!("{fraction:0<9}").parse::<u64>().ok()?;
    whole.min(1_000_000_000).checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// How a busybox applet begins its usage message; it does not say more here.
pub fn busybox_usage(synopsis: &str) -> String {
    format!("BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: {synopsis}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<(char, String), String>;

    fn read(spec: Spec, line: &str) -> (Vec<Read>, Vec<String>) {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut options = Options::new(spec, &argv);
        let mut read = Vec::new();
        while let Some(option) = options.next() {
            read.push(option.map(|(letter, value)| (letter, value.to_owned())));
        }
        (read, options.operands.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn clusters_values_and_operands() {
        let (read, operands) = read(Spec::short("c:qv"), "ping -qc3 10.0.0.1 -v -c 4 -- -x");
        let expected = [('q', ""), ('c', "3"), ('v', ""), ('c', "4")].map(|(l, v)| Ok((l, v.to_owned())));
        assert_eq!(read, expected);
        assert_eq!(operands, ["10.0.0.1", "-x"]);
    }

    #[test]
    fn mistakes_in_the_library_s_words() {
        let (read, _) = read(Spec { long: &[("max", 'm')], ..Spec::short("m:") }, "curl -z --max=1 --foo --max");
        let expected = [
            Err("invalid option -- 'z'".to_owned()),
            Ok(('m', "1".to_owned())),
            Err("unrecognized option '--foo'".to_owned()),
            Err("option '--max' requires an argument".to_owned()),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn seconds_are_exact() {
        assert_eq!(seconds("0.2"), Some(200_000_000));
        assert_eq!(seconds("3"), Some(3_000_000_000));
        assert_eq!((seconds("x"), seconds("."), seconds("-1"), seconds("1.0000000001")), (None, None, None, None));
    }
}
