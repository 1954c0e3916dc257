//! Just enough of a shell's grammar to find the programs that a script runs: words, quotes, separators, redirections.
//! (The console has the whole grammar; a container's script is only looked through, never run.)

/// One simple command of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub words: Vec<String>,
    /// `> FILE` or `>> FILE`
    pub output: Option<String>,
    /// Its standard input is the output of the command before it.
    pub piped: bool,
    /// It stands in a `while`, `until` or `for` loop.
    pub looped: bool,
}

const KEYWORDS: [&str; 12] = ["do", "then", "if", "else", "elif", "!", "{", "(", "}", ")", "fi", "time"];

/// The simple commands of a script in order of appearance. `variable` gives a variable's value.
pub(super) fn commands(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Simple> {
    let mut commands = Vec::new();
    let mut current = Simple::default();
    let mut word: Option<String> = None;
    let mut redirect = false;
    let mut loops = 0_u32;
    let mut chars = text.chars().peekable();
    let end_word = |current: &mut Simple, word: &mut Option<String>, redirect: &mut bool| {
        if let Some(word) = word.take() {
            if std::mem::take(redirect) {
                current.output = Some(word);
            } else if !(current.words.is_empty() && KEYWORDS.contains(&&*word)) {
                current.words.push(word);
            }
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\'' => word.get_or_insert_default().extend(chars.by_ref().take_while(|c| *c != '\'')),
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    match c {
                        '\\' => word.extend(chars.next()),
                        '$' => dollar(&mut chars, word, variable),
                        c => word.push(c),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '$' => dollar(&mut chars, word.get_or_insert_default(), variable),
            '#' if word.is_none() => while chars.next().is_some_and(|c| c != '\n') {},
            '>' | '<' => {
                // `2>&1`: the digit belongs to the redirection.
                word = word.filter(|word| !word.bytes().all(|b| b.is_ascii_digit()));
                end_word(&mut current, &mut word, &mut redirect);
                while chars.next_if(|c| matches!(c, '>' | '<' | '&')).is_some() {}
                redirect = true;
            }
            ';' | '|' | '&' | '\n' | '(' | ')' => {
                end_word(&mut current, &mut word, &mut redirect);
                redirect = false;
                let doubled = chars.next_if(|next| *next == c).is_some();
                let mut next = Simple { piped: c == '|' && !doubled, ..Simple::default() };
                std::mem::swap(&mut current, &mut next);
                finish(next, &mut loops, &mut commands);
            }
            c if c.is_whitespace() => end_word(&mut current, &mut word, &mut redirect),
            c => word.get_or_insert_default().push(c),
        }
    }
    end_word(&mut current, &mut word, &mut redirect);
    finish(current, &mut loops, &mut commands);
    commands
}

/// Takes a command in, without loop keywords and assignments before it.
fn finish(mut command: Simple, loops: &mut u32, commands: &mut Vec<Simple>) {
    let mut skipped = 0;
    for word in &command.words {
        match word.as_str() {
            "while" | "until" => *loops += 1,
            "for" | "case" => {
                *loops += u32::from(word == "for");
                return;
            }
            "done" => *loops = loops.saturating_sub(1),
            "do" | "exec" => {}
            word if is_assignment(word) => {}
            _ => break,
        }
        skipped += 1;
    }
    command.words.drain(..skipped);
    if !command.words.is_empty() {
        command.looped = *loops > 0;
        commands.push(command);
    }
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `$NAME`, `${NAME…}`, `$(command)`: variables are put in, commands are left out.
fn dollar(
    chars: &mut std::iter::Peekable<std::str::Chars>,
    word: &mut String,
    variable: &dyn Fn(&str) -> Option<String>,
) {
    let mut name = String::new();
    match chars.peek() {
        Some('{') => {
            name.extend(chars.by_ref().skip(1).take_while(|c| *c != '}'));
            let (name, default) = name.split_once(":-").unwrap_or((&name, ""));
            word.push_str(&variable(name).unwrap_or_else(|| default.to_owned()));
        }
        Some('(') => {
            let mut depth = 0_u32;
            for c in chars.by_ref() {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth - 1,
                    _ => depth,
                };
                if depth == 0 {
                    break;
                }
                name.push(c);
            }
            if name.trim_start_matches('(').trim() == "hostname" {
                word.push_str(&variable("HOSTNAME").unwrap_or_default());
            }
        }
        _ => {
            while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                name.push(c);
            }
            word.push_str(&variable(&name).unwrap_or_default());
        }
    }
}
