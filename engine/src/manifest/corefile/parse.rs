//! Blocks of words. Models github.com/coredns/caddy caddyfile/parse.go.

use super::{Block, Context, Line, PATH, Problem, WORDS_MAX, Word, lex};
use crate::manifest::emit::json_compact;
use crate::manifest::{Key, Node, Span, Value};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Deepest nesting of blocks.
const DEPTH_MAX: usize = 16;
/// Most imports.
const IMPORTS_MAX: u32 = 200;

struct Parser<'a> {
    words: Vec<Word>,
    at: usize,
    context: &'a Context<'a>,
    snippets: BTreeMap<String, Vec<Word>>,
    imports: u32,
    /// Where the words of the present block's directives stand.
    places: Vec<Range<usize>>,
}

pub(super) fn blocks(text: &str, context: &Context<'_>) -> Result<Vec<Block>, Problem> {
    let mut parser = Parser::new(text, context);
    let mut blocks = Vec::new();
    while parser.at < parser.words.len() {
        if let Some(block) = parser.block()? {
            blocks.push(block);
        }
    }
    Ok(blocks)
}

pub(super) fn json(text: &str, context: &Context<'_>) -> Result<String, Problem> {
    let mut parser = Parser::new(text, context);
    let mut blocks = Vec::new();
    while parser.at < parser.words.len() {
        if let Some(block) = parser.block()? {
            blocks.push(parser.tree(&block));
        }
    }
    Ok(json_compact(&node(Value::Sequence(blocks))))
}

fn node(value: Value) -> Node {
    Node { value, span: Span::default() }
}

fn mapping<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let key = |name: &str| Key { name: name.into(), span: Span::default() };
    Value::Mapping(entries.into_iter().map(|(name, value)| (key(name), node(value))).collect())
}

impl<'a> Parser<'a> {
    fn new(text: &str, context: &'a Context<'a>) -> Self {
        let words = lex::words(text, None);
        Parser { words, at: 0, context, snippets: BTreeMap::new(), imports: 0, places: Vec::new() }
    }

    /// A block as caddyfile.ServerBlock has it.
    fn tree(&self, block: &Block) -> Node {
        let string = |text: &Arc<str>| Value::String(text.clone());
        let token = |word: &Word| {
            let file = word.file.clone().unwrap_or_default();
            node(mapping([
                ("File", Value::String(file)),
                ("Line", Value::Int(word.line.into())),
                ("Text", string(&word.text)),
            ]))
        };
        let mut tokens: BTreeMap<Arc<str>, Vec<Node>> = BTreeMap::new();
        for place in &self.places {
            let name = self.expanded(place.start).text;
            // The name itself stays as it is written.
            let words =
                place.clone().map(|at| if at == place.start { self.words[at].clone() } else { self.expanded(at) });
            tokens.entry(name).or_default().extend(words.map(|word| token(&word)));
        }
        let keys = block.keys.iter().map(|key| node(string(&key.text))).collect();
        let tokens = mapping(tokens.iter().map(|(name, words)| (&**name, Value::Sequence(words.clone()))));
        node(mapping([("Keys", Value::Sequence(keys)), ("Tokens", tokens)]))
    }
}

impl Parser<'_> {
    fn word(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn text(&self) -> &str {
        self.word().map_or("", |word| &word.text)
    }

    /// The present word is the first of its line.
    fn is_new_line(&self) -> bool {
        let Some(before) = self.at.checked_sub(1).and_then(|at| self.words.get(at)) else { return true };
        self.word().is_none_or(|word| {
            let line = before.line + before.text.matches('\n').count() as u32;
            line != word.line || before.file != word.file
        })
    }

    fn end_of_file(&self) -> Problem {
        Problem::at(self.words.last(), "Unexpected EOF")
    }

    fn block(&mut self) -> Result<Option<Block>, Problem> {
        self.places.clear();
        let keys = self.keys()?;
        if let [key] = keys.as_slice()
            && let Some(name) = key.text.strip_prefix('(').and_then(|name| name.strip_suffix(')'))
        {
            let name = name.to_owned();
            self.snippet(key, name)?;
            return Ok(None);
        }
        let braced = self.text() == "{";
        if braced {
            self.at += 1;
        }
        let directives = self.directives(braced)?;
        Ok(Some(Block { keys, directives }))
    }

    fn keys(&mut self) -> Result<Vec<Word>, Problem> {
        let mut keys: Vec<Word> = Vec::new();
        let mut expecting = false;
        while self.at < self.words.len() {
            if self.text() == "import" && self.is_new_line() {
                self.import()?;
                continue;
            }
            let word = self.expanded(self.at);
            if &*word.text == "{" {
                if expecting {
                    let message = "Expected another address but had '{' - check for extra comma";
                    return Err(Problem::at(Some(&word), message));
                }
                return Ok(keys);
            }
            expecting = word.text.ends_with(',');
            let text = word.text.strip_suffix(',').unwrap_or(&word.text);
            if !text.is_empty() {
                keys.push(Word { text: text.into(), ..word });
            }
            self.at += 1;
            if self.at < self.words.len() && !expecting && self.is_new_line() {
                return Ok(keys);
            }
        }
        if expecting { Err(self.end_of_file()) } else { Ok(keys) }
    }

    /// `{$NAME}` and `{%NAME%}`
    fn expanded(&self, at: usize) -> Word {
        let word = self.words[at].clone();
        let mut text = word.text.to_string();
        for (open, close) in [("{$", "}"), ("{%", "%}")] {
            for _ in 0..8 {
                let Some(start) = text.find(open) else { break };
                let Some(len) = text[start..].find(close) else { break };
                let value = (self.context.variable)(&text[start + open.len()..start + len]).unwrap_or_default();
                text.replace_range(start..start + len + close.len(), &value);
            }
        }
        Word { text: text.into(), ..word }
    }

    fn snippet(&mut self, key: &Word, name: String) -> Result<(), Problem> {
        if self.snippets.contains_key(&name) {
            return Err(Problem::at(Some(key), &format!("redeclaration of previously declared snippet {name}")));
        }
        if self.text() != "{" {
            return Err(self.syntax("{"));
        }
        self.at += 1;
        let (start, mut depth) = (self.at, 1);
        while let Some(word) = self.word() {
            match &*word.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                let words = self.words[start..self.at - 1].to_vec();
                self.snippets.insert(name, words);
                return Ok(());
            }
        }
        Err(self.syntax("}"))
    }

    fn syntax(&self, expected: &str) -> Problem {
        let word = self.word().or(self.words.last());
        let (line, start, end) = word.map_or((1, 0, 0), |word| (word.line, word.start, word.end));
        let found = word.map_or("", |word| &word.text);
        let message = format!("{PATH}:{line} - Syntax error: Unexpected token '{found}', expecting '{expected}'");
        Problem { message, start, end }
    }

    /// Puts the words of a snippet or file in the place of `import NAME`.
    fn import(&mut self) -> Result<(), Problem> {
        let import = self.words[self.at].clone();
        self.imports += 1;
        if self.imports > IMPORTS_MAX {
            return Err(Problem::at(Some(&import), "too many imports"));
        }
        let after = self.at + 1;
        let argument = self.words.get(after).filter(|word| word.line == import.line).map(|_| self.expanded(after));
        let Some(argument) = argument else {
            return Err(Problem::at(Some(&import), "Wrong argument count or unexpected line ending after 'import'"));
        };
        if self.words.get(after + 1).is_some_and(|word| word.line == import.line) {
            return Err(Problem::at(Some(&argument), "Import takes only one argument (glob pattern or file)"));
        }
        let name = argument.text.trim_start_matches("/etc/coredns/").trim_start_matches("./");
        let brought = match self.snippets.get(&*argument.text) {
            Some(words) => words.clone(),
            None => match (self.context.file)(name) {
                Some(text) => lex::words(&text, Some(&format!("/etc/coredns/{name}").into())),
                None if name.contains(['*', '?', '[']) => Vec::new(),
                None => {
                    let message = format!("File to import not found: {}", argument.text);
                    return Err(Problem::at(Some(&argument), &message));
                }
            },
        };
        if self.words.len() + brought.len() > WORDS_MAX {
            return Err(Problem::at(Some(&argument), "too many words"));
        }
        self.words.splice(self.at..after + 1, brought);
        Ok(())
    }

    fn directives(&mut self, braced: bool) -> Result<Vec<Line>, Problem> {
        let mut directives = Vec::new();
        loop {
            match self.text() {
                "" if self.at >= self.words.len() => {
                    return if braced { Err(self.syntax("}")) } else { Ok(directives) };
                }
                "}" if braced => {
                    self.at += 1;
                    return Ok(directives);
                }
                "import" => self.import()?,
                _ => directives.push(self.directive()?),
            }
        }
    }

    fn directive(&mut self) -> Result<Line, Problem> {
        let word = self.words[self.at].clone();
        if !(self.context.is_directive)(&word.text) {
            return Err(Problem::at(Some(&word), &format!("Unknown directive '{}'", word.text)));
        }
        let start = self.at;
        let line = self.line(0)?;
        self.places.push(start..self.at);
        Ok(line)
    }

    /// A line and the block that it opens.
    fn line(&mut self, depth: usize) -> Result<Line, Problem> {
        let mut line = Line { words: vec![self.expanded(self.at)], lines: Vec::new() };
        self.at += 1;
        while self.at < self.words.len() && !self.is_new_line() {
            match self.text() {
                "{" => {
                    self.at += 1;
                    self.block_lines(&mut line, depth)?;
                    return Ok(line);
                }
                // A block's end on the line of its last property.
                "}" if depth > 0 => return Ok(line),
                "}" => {
                    return Err(Problem::at(self.word(), "Unexpected '}' because no matching opening brace"));
                }
                _ => line.words.push(self.expanded(self.at)),
            }
            self.at += 1;
        }
        Ok(line)
    }

    fn block_lines(&mut self, line: &mut Line, depth: usize) -> Result<(), Problem> {
        if depth >= DEPTH_MAX {
            return Err(Problem::at(self.word(), "too many blocks within blocks"));
        }
        while self.at < self.words.len() {
            match self.text() {
                "}" => {
                    self.at += 1;
                    return Ok(());
                }
                "import" if self.is_new_line() => self.import()?,
                _ => line.lines.push(self.line(depth + 1)?),
            }
        }
        Err(self.end_of_file())
    }
}
