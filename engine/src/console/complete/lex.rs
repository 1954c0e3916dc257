//! The command line up to the cursor, split as a shell splits it: which command the cursor is in, its words so far, and
//! the word that is being typed with the place of each of its characters.

/// Deepest nesting of `$(…)` and backquotes.
const NESTING_MAX: usize = 32;

/// Words after which a command follows.
const BEFORE_COMMANDS: [&str; 10] = ["!", "{", "if", "then", "elif", "else", "while", "until", "do", "time"];

/// What is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The name of a command.
    Command,
    Argument,
    /// What follows `<`, `>` or `NAME=`.
    File,
    /// A comment, a here-document's delimiter or an arithmetic expression: nothing to complete.
    Nothing,
}

/// The word at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Without quotes and backslashes.
    pub text: String,
    /// Of each character of `text`: its byte in the line, and where the quote around it begins.
    places: Vec<(usize, Option<usize>)>,
    /// The quote that is open at the cursor and where it begins.
    open: Option<(char, usize)>,
    /// Where the name of a variable begins that is being typed (a byte of the line), and whether after `${`.
    pub variable: Option<(usize, bool)>,
    cursor: usize,
}

/// The command that the cursor is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The words before the cursor's, without assignments and redirections.
    pub words: Vec<String>,
    pub word: Word,
    pub spot: Spot,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Redirect {
    None,
    File,
    /// A here-document's delimiter or a descriptor.
    Other,
}

/// One level of `$(…)`.
struct Frame {
    words: Vec<String>,
    word: Option<Word>,
    redirect: Redirect,
    quote: Option<(char, usize)>,
    /// Ends with a backquote instead of a parenthesis.
    backquote: bool,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    now: Frame,
    outer: Vec<Frame>,
    comment: bool,
}

impl Frame {
    fn new(backquote: bool) -> Frame {
        Frame { words: Vec::new(), word: None, redirect: Redirect::None, quote: None, backquote }
    }
}

/// Splits `text`, which ends at the cursor. None: nested too deeply.
pub fn split(text: &str) -> Option<Line> {
    let mut lexer = Lexer { text, at: 0, now: Frame::new(false), outer: Vec::new(), comment: false };
    while let Some(c) = lexer.text[lexer.at..].chars().next() {
        lexer.step(c);
        if lexer.outer.len() > NESTING_MAX {
            return None;
        }
    }
    Some(lexer.finish())
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn push(&mut self, c: char, at: usize) {
        let quote = self.now.quote.map(|(_, start)| start);
        let word = self.now.word.get_or_insert_with(Word::default);
        word.text.push(c);
        word.places.push((at, quote));
    }

    fn step(&mut self, c: char) {
        let at = self.at;
        self.at += c.len_utf8();
        if self.comment {
            self.comment = c != '\n';
            return;
        }
        match (self.now.quote, c) {
            (Some((quote, _)), c) if c == quote => self.now.quote = None,
            (Some(('\'', _)), c) => self.push(c, at),
            (quoted, '\\') => self.backslash(quoted.is_some(), at),
            (_, '$') => self.dollar(at),
            (_, '`') if self.now.backquote => self.leave(),
            (_, '`') => self.enter(true),
            (Some(_), c) => self.push(c, at),
            (None, '\'' | '"') => {
                self.now.quote = Some((c, at));
                self.now.word.get_or_insert_with(Word::default);
            }
            (None, ' ' | '\t') => self.end_word(),
            (None, ')') if !self.outer.is_empty() && !self.now.backquote => self.leave(),
            (None, '\n' | ';' | '|' | '(' | ')') => self.end_command(),
            (None, '&') if self.rest().starts_with('>') => {}
            (None, '&') => self.end_command(),
            (None, '<' | '>') => self.redirect(c),
            (None, '#') if self.now.word.is_none() => self.comment = true,
            (None, c) => self.push(c, at),
        }
    }

    fn backslash(&mut self, quoted: bool, at: usize) {
        let Some(next) = self.rest().chars().next() else {
            return self.push('\\', at);
        };
        if quoted && !"$`\"\\\n".contains(next) {
            return self.push('\\', at);
        }
        self.at += next.len_utf8();
        if next != '\n' {
            self.push(next, at);
        }
    }

    /// `$NAME`, `${…`, `$(…`: what a variable holds is not known, so it stands for itself.
    fn dollar(&mut self, at: usize) {
        if self.rest().starts_with('(') {
            self.at += 1;
            return self.enter(false);
        }
        self.push('$', at);
        let braces = self.rest().starts_with('{');
        let start = self.at + usize::from(braces);
        let name = self.text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        // Only what ends at the cursor is being typed.
        if name.is_none()
            && let Some(word) = &mut self.now.word
        {
            word.variable = Some((start, braces));
        }
    }

    fn enter(&mut self, backquote: bool) {
        self.now.word.get_or_insert_with(Word::default);
        let outer = std::mem::replace(&mut self.now, Frame::new(backquote));
        self.outer.push(outer);
    }

    fn leave(&mut self) {
        if let Some(outer) = self.outer.pop() {
            self.now = outer;
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.now.word.take() else { return };
        match std::mem::replace(&mut self.now.redirect, Redirect::None) {
            Redirect::File | Redirect::Other => {}
            Redirect::None if self.now.words.is_empty() && precedes_command(&word.text) => {}
            Redirect::None => self.now.words.push(word.text),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.now.words.clear();
        self.now.redirect = Redirect::None;
    }

    fn redirect(&mut self, c: char) {
        // `2>`: the descriptor is no word of the command.
        let descriptor = |word: &Word| !word.text.is_empty() && word.text.bytes().all(|b| b.is_ascii_digit());
        if self.now.word.as_ref().is_some_and(descriptor) {
            self.now.word = None;
        }
        self.end_word();
        let rest = self.rest();
        let more = rest.len() - rest.trim_start_matches(['<', '>', '&', '-', '|']).len();
        let other = rest.starts_with('&') || (c == '<' && rest.starts_with('<'));
        self.at += more;
        self.now.redirect = if other { Redirect::Other } else { Redirect::File };
    }

    fn finish(self) -> Line {
        let cursor = self.text.len();
        let mut word = self.now.word.unwrap_or_default();
        word.open = self.now.quote;
        word.cursor = cursor;
        if word.open.is_some_and(|(quote, _)| quote == '\'') {
            word.variable = None;
        }
        // `$NAME` is only being typed if nothing of the word came after it.
        word.variable = word.variable.filter(|(start, _)| self.text.get(*start..).is_some_and(is_name_part));
        let assigned = word.text.split_once('=').is_some_and(|(name, _)| is_name(name));
        let spot = match self.now.redirect {
            _ if self.comment => Spot::Nothing,
            Redirect::Other => Spot::Nothing,
            Redirect::File => Spot::File,
            Redirect::None if !self.now.words.is_empty() => Spot::Argument,
            Redirect::None if assigned => Spot::File,
            Redirect::None => Spot::Command,
        };
        Line { words: self.now.words, word, spot }
    }
}

fn is_name_part(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && is_name_part(text) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Is the word one that a command follows: an assignment, or one of the shell's own words?
fn precedes_command(word: &str) -> bool {
    BEFORE_COMMANDS.contains(&word) || word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

impl Word {
    /// What stands from a character of the word to the cursor.
    pub fn from(&self, offset: usize) -> &str {
        let byte = self.text.char_indices().nth(offset).map_or(self.text.len(), |(at, _)| at);
        &self.text[byte..]
    }

    /// Where a replacement of what stands from character `offset` begins (a byte of the line), and the quote that it
    /// stands in. None: it begins within a quote that is closed before the cursor.
    fn start(&self, offset: usize) -> Option<(usize, Option<char>)> {
        let within = |start: usize| self.open.filter(|(_, at)| *at < start).map(|(quote, _)| quote);
        let Some((at, quote)) = self.places.get(offset).copied() else {
            return Some((self.cursor, within(self.cursor)));
        };
        match quote {
            Some(begin) if self.open.is_none_or(|(_, open)| open != begin) => {
                let first = offset == 0 || self.places.get(offset - 1).is_some_and(|(before, _)| *before < begin);
                first.then_some((begin, None))
            }
            _ => Some((at, within(at))),
        }
    }

    /// A replacement of what stands from character `offset`, quoted as the word is so far: its first byte in the line,
    /// and the way to write a value there (`true`: the word ends with it).
    pub fn writer(&self, offset: usize) -> Option<(usize, impl Fn(&str, bool) -> String + use<>)> {
        let (start, quote) = self.start(offset)?;
        Some((start, move |value: &str, ends: bool| write(value, quote, ends)))
    }
}

fn write(value: &str, quote: Option<char>, ends: bool) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, c) in value.char_indices() {
        match quote {
            // The home folder stays what it is.
            None if at == 0 && value.starts_with("~/") => {}
            Some('\'') if c == '\'' => text.push_str("'\\'"),
            Some('"') if "$`\"\\".contains(c) => text.push('\\'),
            None if " \t\n'\"\\$`&|;()<>*?[]#~!{}".contains(c) => text.push('\\'),
            _ => {}
        }
        text.push(c);
    }
    if let (Some(quote), true) = (quote, ends) {
        text.push(quote);
    }
    text
}
