//! Where commands read and write, and the bounds on what one line may use.

/// Commands that one line may run, loops included.
pub const COMMANDS_MAX: u32 = 20_000;
/// Bytes that one line may print, pass through pipes and expand into words, together.
pub const BYTES_MAX: usize = 16 << 20;
/// Deepest nesting of functions, substitutions, subshells and `sh -c` while running.
pub const DEPTH_MAX: u32 = 60;
/// The same of a command in the background, which may run within others.
const BACKGROUND_DEPTH_MAX: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

/// Text that appeared on one of the two streams, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub stream: Stream,
    pub text: String,
    /// The packet that the text reports: flow and packet number.
    pub about: Option<(u32, u32)>,
}

/// Where a descriptor leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    Terminal(Stream),
    /// A pipe, file or substitution that is being filled.
    Capture(usize),
    Null,
    Closed,
}

/// A command's standard streams. Text is passed on whole: a reader sees it after its writer has ended.
#[derive(Debug)]
pub struct Io {
    input: String,
    cursor: usize,
    chunks: Vec<Chunk>,
    captures: Vec<String>,
    pub(super) sinks: [Sink; 2],
    commands_left: u32,
    bytes_left: usize,
    depth: u32,
    depth_max: u32,
    stopped: Option<&'static str>,
}

impl Io {
    /// Streams that lead to the terminal, with `input` to read.
    pub fn new(input: &str) -> Self {
        Io {
            input: input.to_string(),
            cursor: 0,
            chunks: Vec::new(),
            captures: Vec::new(),
            sinks: [Sink::Terminal(Stream::Out), Sink::Terminal(Stream::Err)],
            commands_left: COMMANDS_MAX,
            bytes_left: BYTES_MAX,
            depth: 0,
            depth_max: DEPTH_MAX,
            stopped: None,
        }
    }

    /// Those of a command in the background, with nothing to read.
    pub fn in_background() -> Self {
        Io { depth_max: BACKGROUND_DEPTH_MAX, ..Io::new("") }
    }

    /// Prints to standard output.
    pub fn out(&mut self, text: &str) {
        self.write(self.sinks[0], text, None);
    }

    /// Prints to standard output what is known from a packet.
    pub fn out_about(&mut self, text: &str, about: Option<(u32, u32)>) {
        self.write(self.sinks[0], text, about);
    }

    /// Prints to standard error.
    pub fn err(&mut self, text: &str) {
        self.write(self.sinks[1], text, None);
    }

    /// Prints to standard error what is known from a packet.
    pub fn err_about(&mut self, text: &str, about: Option<(u32, u32)>) {
        self.write(self.sinks[1], text, about);
    }

    /// Prints what another command has printed, in its order.
    pub fn pass_on(&mut self, chunks: &[Chunk]) {
        for Chunk { stream, text, about } in chunks {
            match stream {
                Stream::Out => self.out_about(text, *about),
                Stream::Err => self.err_about(text, *about),
            }
        }
    }

    fn write(&mut self, sink: Sink, text: &str, about: Option<(u32, u32)>) {
        if text.is_empty() || !self.spend(text.len()) {
            return;
        }
        match sink {
            Sink::Null | Sink::Closed => {}
            Sink::Capture(index) => self.captures[index].push_str(text),
            Sink::Terminal(stream) => match self.chunks.last_mut() {
                Some(last) if last.stream == stream && last.about == about => last.text.push_str(text),
                _ => self.chunks.push(Chunk { stream, text: text.to_string(), about }),
            },
        }
    }

    /// The next line of standard input with its newline, if any is left.
    pub fn read_line(&mut self) -> Option<&str> {
        let rest = &self.input[self.cursor..];
        let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let start = self.cursor;
        self.cursor += length;
        (length > 0).then(|| &self.input[start..start + length])
    }

    /// All that is left of standard input.
    pub fn read_all(&mut self) -> String {
        let mut input = std::mem::take(&mut self.input);
        input.drain(..std::mem::take(&mut self.cursor));
        input
    }

    /// Notes that `bytes` more were produced; false once a bound is reached, and then the line must end.
    pub fn spend(&mut self, bytes: usize) -> bool {
        if self.bytes_left < bytes {
            self.stopped.get_or_insert("more than 16 MiB of output");
        } else {
            self.bytes_left -= bytes;
        }
        self.stopped.is_none()
    }

    /// Has a bound been reached? Commands that print in a loop look at this.
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// All that reached the terminal so far; leaves nothing.
    pub fn take_chunks(&mut self) -> Vec<Chunk> {
        std::mem::take(&mut self.chunks)
    }

    /// Standard output and standard error so far, each as one text.
    pub fn texts(&self) -> (String, String) {
        let of = |stream| self.chunks.iter().filter(|c| c.stream == stream).map(|c| c.text.as_str()).collect();
        (of(Stream::Out), of(Stream::Err))
    }

    pub(super) fn count_command(&mut self) -> bool {
        match self.commands_left.checked_sub(1) {
            Some(left) => self.commands_left = left,
            None => _ = self.stopped.get_or_insert("more than 20,000 commands"),
        }
        self.stopped.is_none()
    }

    pub(super) fn enter(&mut self) -> bool {
        self.depth += 1;
        if self.depth > self.depth_max {
            self.stopped.get_or_insert(match self.depth_max {
                DEPTH_MAX => "more than 60 levels of functions, substitutions and subshells",
                _ => "more than 20 levels of functions, substitutions and subshells in the background",
            });
        }
        self.stopped.is_none()
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Says, once, that a bound was reached: past the redirections, so that it is seen.
    pub(super) fn report_stop(&mut self, name: &str) {
        if let Some(what) = self.stopped
            && self.depth == 0
        {
            self.chunks.push(Chunk {
                stream: Stream::Err,
                text: format!("{name}: stopped after {what}\n"),
                about: None,
            });
        }
    }

    /// Starts a pipe, file or substitution; end them in reverse order.
    pub(super) fn begin_capture(&mut self) -> Sink {
        self.captures.push(String::new());
        Sink::Capture(self.captures.len() - 1)
    }

    pub(super) fn end_capture(&mut self) -> String {
        self.captures.pop().unwrap_or_default()
    }

    /// Replaces what is left of standard input; returns it.
    pub fn swap_input(&mut self, input: String) -> String {
        let before = self.read_all();
        self.input = input;
        before
    }
}
