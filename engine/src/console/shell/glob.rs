//! Patterns of file names and `case`: `*`, `?`, `[a-z]`, and `\` before an ordinary character.

/// Does the whole text match? Linear in practice and never worse than pattern × text: one `*` is reconsidered at most.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last `*` takes one more character.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == '*' {
            retry = Some((p + 1, t));
            p += 1;
            continue;
        }
        if t == text.len() {
            return p == pattern.len();
        }
        let step = one(&pattern[p..], text[t]);
        if step > 0 {
            p += step;
            t += 1;
            continue;
        }
        let Some((after, from)) = retry else { return false };
        retry = Some((after, from + 1));
        (p, t) = (after, from + 1);
    }
}

/// Length of the pattern element at the front if it matches this character, otherwise 0.
fn one(pattern: &[char], c: char) -> usize {
    match pattern {
        ['?', ..] => 1,
        ['\\', escaped, ..] => 2 * usize::from(*escaped == c),
        ['[', rest @ ..] => match bracket(rest, c) {
            Some((length, true)) => 1 + length,
            Some((_, false)) => 0,
            None => usize::from(c == '['),
        },
        [first, ..] => usize::from(*first == c),
        [] => 0,
    }
}

/// The inside of `[…]`: its length with the bracket, and whether it holds the character. None if it never closes.
pub(crate) fn bracket(pattern: &[char], c: char) -> Option<(usize, bool)> {
    let negated = matches!(pattern.first(), Some('!' | '^'));
    let mut at = usize::from(negated);
    let (start, mut found) = (at, false);
    loop {
        match pattern[at..] {
            [] => return None,
            [']', ..] if at > start => return Some((at + 1, found != negated)),
            ['[', ':', ..] if pattern[at + 2..].windows(2).any(|w| w == [':', ']']) => {
                let length = pattern[at + 2..].windows(2).position(|w| w == [':', ']']).unwrap_or(0);
                let name: String = pattern[at + 2..at + 2 + length].iter().collect();
                found |= class(&name, c);
                at += length + 4;
            }
            [low, '-', high, ..] if high != ']' => {
                found |= low <= c && c <= high;
                at += 3;
            }
            ['\\', escaped, ..] => {
                found |= escaped == c;
                at += 2;
            }
            [single, ..] => {
                found |= single == c;
                at += 1;
            }
        }
    }
}

/// A POSIX character class in the C locale.
pub(crate) fn class(name: &str, c: char) -> bool {
    match name {
        "alpha" => c.is_ascii_alphabetic(),
        "digit" => c.is_ascii_digit(),
        "alnum" => c.is_ascii_alphanumeric(),
        "space" => c.is_ascii_whitespace() || c == '\x0b',
        "blank" => matches!(c, ' ' | '\t'),
        "upper" => c.is_ascii_uppercase(),
        "lower" => c.is_ascii_lowercase(),
        "punct" => c.is_ascii_punctuation(),
        "xdigit" => c.is_ascii_hexdigit(),
        "cntrl" => c.is_ascii_control(),
        "print" => c.is_ascii_graphic() || c == ' ',
        "graph" => c.is_ascii_graphic(),
        _ => false,
    }
}

/// Does the pattern hold an unescaped `*`, `?` or `[`?
pub fn is_pattern(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}
