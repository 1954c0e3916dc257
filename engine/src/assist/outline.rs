//! A text as far as it can be read: keys, items and scalars by indentation and brackets, whatever is broken around them.
//! The parser of `manifest` reads what is right; this one reads what is being typed.

/// One key with what it holds, or one item of a list. Node 0 is the document itself.
#[derive(Clone, Debug)]
pub struct Node<'t> {
    pub parent: usize,
    /// None: an item of a list.
    pub name: Option<&'t str>,
    /// The scalar on the same line, without quotes; empty if there is none.
    pub value: &'t str,
    /// 0-based line of the text.
    pub line: usize,
    /// Where its name or dash begins, and where its scalar does, in bytes of the line.
    pub column: usize,
    pub value_at: usize,
}

/// Where the caret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// In a comment or a block of literal text.
    Nothing,
    /// A key is being written, or an item of a list, in this node.
    Inside(usize),
    /// The scalar of this node.
    Value(usize),
}

/// The slot, and the bytes of the line that a completion replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub slot: Slot,
    pub from: usize,
    pub to: usize,
    /// Written between brackets or braces.
    pub flow: bool,
}

#[derive(Clone, Debug)]
pub struct Outline<'t> {
    pub nodes: Vec<Node<'t>>,
    /// The block that a line can belong to, outermost first: column, node, whether it is an item.
    frames: Vec<(usize, usize, bool)>,
    flows: Vec<Flow>,
    /// The indentation of the line that the outermost bracket stands on.
    flow_indent: usize,
    quote: Option<char>,
    /// Lines that are indented more than this are literal text.
    literal: Option<usize>,
}

#[derive(Clone, Debug)]
struct Flow {
    node: usize,
    map: bool,
    key: Option<usize>,
    /// Where the word that is being read begins, in the present line.
    token: Option<usize>,
}

impl<'t> Outline<'t> {
    fn new() -> Outline<'t> {
        let root = Node { parent: 0, name: None, value: "", line: 0, column: 0, value_at: 0 };
        Outline { nodes: vec![root], frames: Vec::new(), flows: Vec::new(), flow_indent: 0, quote: None, literal: None }
    }

    /// All documents of a text.
    pub fn all(text: &'t str) -> Vec<Outline<'t>> {
        let mut all = vec![Outline::new()];
        for (number, line) in text.lines().enumerate() {
            if is_boundary(line) {
                all.push(Outline::new());
            } else if let Some(last) = all.last_mut() {
                last.read(number, line);
            }
        }
        all
    }

    /// The document around a byte of a line (0-based), and what stands or may stand there.
    pub fn around(text: &'t str, line: usize, byte: usize) -> (Outline<'t>, Place) {
        let mut outline = Outline::new();
        let mut place = None;
        for (number, content) in text.lines().enumerate() {
            if number == line {
                let byte = floor(content, byte);
                place = Some(outline.place(number, content, byte));
            }
            if is_boundary(content) {
                if number >= line {
                    break;
                }
                outline = Outline::new();
            } else {
                outline.read(number, content);
            }
        }
        // A caret after the last line break.
        let (place, until) = place.unwrap_or_else(|| outline.place(line, "", 0));
        // What the line holds after the caret may make something else of what is before it: `a:` and `a:b`.
        let same = match place.slot {
            Slot::Nothing => true,
            Slot::Inside(node) | Slot::Value(node) => outline.nodes.get(node).is_some_and(|now| {
                let then = &until.nodes[node];
                (now.parent, now.name, now.line, now.column) == (then.parent, then.name, then.line, then.column)
            }),
        };
        (if same { outline } else { until }, place)
    }

    pub fn children(&self, node: usize) -> impl Iterator<Item = (usize, &Node<'t>)> {
        self.nodes.iter().enumerate().skip(1).filter(move |(_, child)| child.parent == node)
    }

    pub fn child(&self, node: usize, name: &str) -> Option<usize> {
        self.children(node).find(|(_, child)| child.name == Some(name)).map(|(at, _)| at)
    }

    /// The scalar under a path of keys; empty if there is none.
    pub fn scalar(&self, from: usize, path: &[&str]) -> &'t str {
        let found = path.iter().try_fold(from, |node, name| self.child(node, name));
        found.map_or("", |node| self.nodes[node].value)
    }

    /// From the document down to a node, without the document itself.
    pub fn way(&self, node: usize) -> Vec<usize> {
        let mut way = Vec::new();
        let mut at = node;
        while at != 0 {
            way.push(at);
            at = self.nodes[at].parent;
        }
        way.reverse();
        way
    }

    fn push(&mut self, parent: usize, name: Option<&'t str>, line: usize, column: usize) -> usize {
        self.nodes.push(Node { parent, name, value: "", line, column, value_at: column });
        self.nodes.len() - 1
    }

    fn read(&mut self, number: usize, line: &'t str) {
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        if self.is_literal(indent, body) {
            return;
        }
        if self.goes_on(indent, body) {
            self.flow(number, line, 0);
            self.end_word(number, line, line.len());
            return;
        }
        let (at, _, entered) = self.block(number, line);
        let rest = &line[at..];
        if rest.starts_with(['{', '[']) {
            self.begin_flow(indent, at, entered);
            self.flow(number, line, at);
            self.end_word(number, line, line.len());
        } else if entered && rest.starts_with(['|', '>']) {
            self.literal = self.frames.last().map(|frame| frame.0);
        } else if entered && let Some(&(_, node, _)) = self.frames.last() {
            let value = without_comment(rest).trim_end();
            self.nodes[node].value = unquoted(value);
            self.nodes[node].value_at = at + usize::from(value.starts_with(['"', '\'']));
        }
    }

    /// Whether a line belongs to literal text; a line that does not ends it.
    fn is_literal(&mut self, indent: usize, body: &str) -> bool {
        let Some(column) = self.literal else { return false };
        let inside = body.trim_end().is_empty() || indent > column;
        if !inside {
            self.literal = None;
        }
        inside
    }

    /// Whether a line is still between brackets. A word that is not indented more says that they were left open.
    fn goes_on(&mut self, indent: usize, body: &str) -> bool {
        if self.flows.is_empty() {
            return false;
        }
        if indent <= self.flow_indent && body.starts_with(|c: char| c.is_alphanumeric() || c == '-') {
            self.flows.clear();
            self.quote = None;
        }
        !self.flows.is_empty()
    }

    /// Reads the dashes and the key that a line begins with: where its scalar begins, whether it has a key, whether it has
    /// either.
    fn block(&mut self, number: usize, line: &'t str) -> (usize, bool, bool) {
        let skip = |at: usize| at + line[at..].len() - line[at..].trim_start_matches(' ').len();
        let mut at = skip(0);
        let mut entered = false;
        while line[at..] == *"-" || line[at..].starts_with("- ") {
            self.enter(at, None, number);
            entered = true;
            at = skip(at + 1);
        }
        match key(&line[at..]) {
            Some((name, length)) => {
                self.enter(at, Some(name), number);
                (skip(at + length), true, true)
            }
            None => (at, false, entered),
        }
    }

    fn enter(&mut self, column: usize, name: Option<&'t str>, number: usize) {
        let item = name.is_none();
        // The items of a list may stand under their key without indentation.
        while self.frames.last().is_some_and(|last| last.0 > column || (last.0 == column && (!item || last.2))) {
            self.frames.pop();
        }
        let parent = self.frames.last().map_or(0, |last| last.1);
        let node = self.push(parent, name, number, column);
        self.frames.push((column, node, item));
    }

    /// The node that something at a column is part of.
    fn container(&self, column: usize) -> usize {
        self.frames.iter().rev().find(|frame| frame.0 < column).map_or(0, |frame| frame.1)
    }

    fn begin_flow(&mut self, indent: usize, at: usize, entered: bool) {
        self.flow_indent = indent;
        if !entered {
            // A bracket on a line of its own belongs to the key above.
            while self.frames.last().is_some_and(|last| last.0 >= at) {
                self.frames.pop();
            }
        }
    }

    /// Reads what stands between brackets, from a byte of a line on.
    fn flow(&mut self, number: usize, line: &'t str, start: usize) {
        let mut before = ' ';
        for (offset, c) in line[start..].char_indices() {
            let at = start + offset;
            match (self.quote, c) {
                (Some(open), _) => {
                    if c == open {
                        self.quote = None;
                    }
                }
                (None, '{' | '[') => self.open(number, at, c == '{'),
                (None, '}' | ']') => {
                    self.end_word(number, line, at);
                    self.flows.pop();
                    if self.flows.is_empty() {
                        return;
                    }
                }
                (None, ',') => {
                    self.end_word(number, line, at);
                    if let Some(level) = self.flows.last_mut() {
                        level.key = None;
                    }
                }
                (None, ':') => self.colon(number, line, at, before),
                (None, '#') if before.is_whitespace() => return,
                (None, _) if c.is_whitespace() => {}
                (None, _) => {
                    if matches!(c, '"' | '\'') {
                        self.quote = Some(c);
                    }
                    if let Some(level) = self.flows.last_mut() {
                        level.token.get_or_insert(at);
                    }
                }
            }
            before = c;
        }
    }

    fn open(&mut self, number: usize, at: usize, map: bool) {
        let node = match self.flows.last() {
            None => self.frames.last().map_or(0, |frame| frame.1),
            Some(&Flow { map: true, key, node, .. }) => key.unwrap_or(node),
            Some(&Flow { node, .. }) => self.push(node, None, number, at),
        };
        self.flows.push(Flow { node, map, key: None, token: None });
    }

    fn colon(&mut self, number: usize, line: &'t str, at: usize, before: char) {
        let ends = line[at + 1..].chars().next().is_none_or(|next| next.is_whitespace() || ",{[]}".contains(next));
        let Some(&Flow { map: true, key: None, node, token: Some(token) }) = self.flows.last() else { return };
        if ends || matches!(before, '"' | '\'') {
            let made = self.push(node, Some(unquoted(line[token..at].trim_end())), number, token);
            if let Some(level) = self.flows.last_mut() {
                (level.key, level.token) = (Some(made), None);
            }
        }
    }

    /// A word between brackets ends: a value, an item, or a key that has no value.
    fn end_word(&mut self, number: usize, line: &'t str, at: usize) {
        let Some(level) = self.flows.last_mut() else { return };
        let (Some(token), node, map, key) = (level.token.take(), level.node, level.map, level.key) else { return };
        let text = line[token..at].trim_end();
        let holder = match (map, key) {
            (true, Some(key)) => key,
            (true, None) => {
                self.push(node, Some(unquoted(text)), number, token);
                return;
            }
            (false, _) => self.push(node, None, number, token),
        };
        self.nodes[holder].value = unquoted(text);
        self.nodes[holder].value_at = token + usize::from(text.starts_with(['"', '\'']));
    }

    /// What is or may be written at a byte of the line that comes next, and the outline up to there.
    fn place(&self, number: usize, line: &'t str, byte: usize) -> (Place, Outline<'t>) {
        let mut until = self.clone();
        let place = until.take_until(number, line, byte);
        (place, until)
    }

    fn take_until(&mut self, number: usize, line: &'t str, byte: usize) -> Place {
        let prefix = &line[..byte];
        let body = line.trim_start_matches(' ');
        let indent = (line.len() - body.len()).min(byte);
        let nothing = Place { slot: Slot::Nothing, from: byte, to: byte, flow: false };
        if is_boundary(line) || self.is_literal(indent, if body.is_empty() { "x" } else { body }) {
            return nothing;
        }
        if self.goes_on(indent, body) {
            self.flow(number, prefix, 0);
            return self.place_in_flow(line, byte);
        }
        let (at, keyed, entered) = self.block(number, prefix);
        let rest = &prefix[at..];
        if rest.starts_with('#') || without_comment(rest).len() < rest.len() {
            return nothing;
        }
        if rest.starts_with(['{', '[']) {
            self.begin_flow(indent, at, entered);
            self.flow(number, prefix, at);
            return self.place_in_flow(line, byte);
        }
        match self.frames.last() {
            Some(&(_, node, _)) if keyed => word_at(line, at, byte, Slot::Value(node), false),
            _ => word_at(line, at, byte, Slot::Inside(self.container(at)), false),
        }
    }

    fn place_in_flow(&self, line: &str, byte: usize) -> Place {
        let nothing = Place { slot: Slot::Nothing, from: byte, to: byte, flow: true };
        let Some(level) = self.flows.last() else { return nothing };
        let slot = match (level.map, level.key) {
            (true, Some(key)) => Slot::Value(key),
            _ => Slot::Inside(level.node),
        };
        word_at(line, level.token.unwrap_or(byte), byte, slot, true)
    }
}

/// The word that begins at `from` and has the caret at `byte`, without its quotes.
fn word_at(line: &str, from: usize, byte: usize, slot: Slot, flow: bool) -> Place {
    let open = line[from..].chars().next().filter(|c| matches!(c, '"' | '\'') && from < byte);
    let from = from + usize::from(open.is_some());
    let ends = |c: char| match open {
        Some(quote) => c == quote,
        None => c.is_whitespace() || c == ':' || ",{}[]#".contains(c),
    };
    let to = line[byte..].find(ends).map_or(line.len(), |length| byte + length);
    Place { slot, from, to, flow }
}

fn is_boundary(line: &str) -> bool {
    ["---", "..."]
        .iter()
        .any(|mark| line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

/// A key at the start of a text and the length of it with its colon.
fn key(text: &str) -> Option<(&str, usize)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    let end = match quote {
        Some(quote) => 2 + text[1..].find(quote)?,
        None => text.find([':', ' ', '{', '}', '[', ']', ',', '#'])?,
    };
    let mut end = end;
    // A colon inside a word, as in a URL or an image, is part of it.
    while quote.is_none() && text[end..].starts_with(':') && text[end + 1..].starts_with(|c: char| !c.is_whitespace()) {
        end += 1 + text[end + 1..].find([':', ' ', '{', '}', '[', ']', ',', '#'])?;
    }
    let after = text[end..].trim_start_matches(' ').strip_prefix(':')?;
    let length = text.len() - after.len();
    let name = unquoted(&text[..end]);
    ((after.is_empty() || after.starts_with([' ', '\t'])) && !name.is_empty()).then_some((name, length))
}

/// Without its quotes, the closing one of which may be missing.
fn unquoted(text: &str) -> &str {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].strip_suffix(quote).unwrap_or(&text[1..]),
        _ => text,
    }
}

fn without_comment(text: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') && (at == 0 || before.is_whitespace()) => quote = Some(c),
            None if c == '#' && before.is_whitespace() => return &text[..at],
            None => {}
        }
        before = c;
    }
    text
}

/// The nearest character boundary at or before a byte.
pub fn floor(line: &str, byte: usize) -> usize {
    (0..=byte.min(line.len())).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0)
}
