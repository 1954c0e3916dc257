//! Several terminals, one of them in front: what each has printed, where it is, and what was typed in it.

use super::history::History;
use crate::opening;
use podhop_engine::protocol::{Chunk, Console, Stream};

/// Most terminals open at a time.
pub const TABS_MAX: usize = 8;

/// A command and what it printed.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// No two entries have the same.
    pub id: u32,
    pub prompt: String,
    pub line: String,
    /// None while it runs.
    pub chunks: Option<Vec<Chunk>>,
    pub exit_status: i32,
}

/// One terminal.
#[derive(Clone, Debug, PartialEq)]
pub struct Terminal {
    /// Its number in the protocol.
    pub session: u32,
    pub prompt: String,
    /// `host`, `node/worker-1`, `pod/default/pod-a`
    pub place: String,
    pub log: Vec<Entry>,
    pub history: History,
    /// Its history of an earlier visit was looked for.
    pub recalled: bool,
}

impl Terminal {
    fn new(session: u32) -> Terminal {
        Terminal {
            session,
            prompt: opening::PROMPT.to_string(),
            place: "host".to_string(),
            log: Vec::new(),
            history: History::default(),
            recalled: false,
        }
    }

    /// The next line is a whole command at the host.
    pub fn is_at_host(&self) -> bool {
        self.place == "host" && !self.is_unfinished()
    }

    pub fn is_running(&self) -> bool {
        self.log.last().is_some_and(|entry| entry.chunks.is_none())
    }

    /// The shell waits for the rest of a construct.
    pub fn is_unfinished(&self) -> bool {
        self.prompt == ">"
    }

    /// `host`, `ssh worker-1`, `pod-a`
    fn title(&self) -> String {
        match self.place.split_once('/') {
            Some(("node", name)) => ["ssh ", name].concat(),
            Some((_, rest)) => rest.rsplit('/').next().unwrap_or(rest).to_string(),
            None => self.place.clone(),
        }
    }
}

/// All terminals. There is always one.
#[derive(Clone, Debug, PartialEq)]
pub struct Terminals {
    all: Vec<Terminal>,
    front: usize,
    next_entry: u32,
}

impl Default for Terminals {
    fn default() -> Terminals {
        Terminals { all: vec![Terminal::new(0)], front: 0, next_entry: 0 }
    }
}

impl Terminals {
    pub fn front(&self) -> &Terminal {
        &self.all[self.front]
    }

    pub fn front_mut(&mut self) -> &mut Terminal {
        &mut self.all[self.front]
    }

    pub fn front_index(&self) -> usize {
        self.front
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What each is called: where it is, with a number where several are there.
    pub fn titles(&self) -> Vec<String> {
        let titles: Vec<String> = self.all.iter().map(Terminal::title).collect();
        let numbered =
            |(index, title): (usize, &String)| match titles[..index].iter().filter(|before| *before == title).count() {
                0 => title.clone(),
                before => [title, " ", &(before + 1).to_string()].concat(),
            };
        titles.iter().enumerate().map(numbered).collect()
    }

    pub fn sessions(&self) -> Vec<u32> {
        self.all.iter().map(|terminal| terminal.session).collect()
    }

    pub fn choose(&mut self, index: usize) {
        self.front = index.min(self.all.len() - 1);
    }

    /// One more, at the host and in front. Err: why not.
    pub fn open(&mut self) -> Result<u32, String> {
        if self.all.len() >= TABS_MAX {
            return Err(
                ["There are ", &TABS_MAX.to_string(), " terminals, the most at a time: close one first."].concat()
            );
        }
        let free = (0..).find(|session| self.all.iter().all(|terminal| terminal.session != *session));
        let session = free.unwrap_or_default();
        self.all.push(Terminal::new(session));
        self.front = self.all.len() - 1;
        Ok(session)
    }

    /// Brings one to the front that waits for a command at the host; a new one if all are elsewhere. `Err`: there is no
    /// room for one, in words.
    pub fn to_host(&mut self) -> Result<(), String> {
        let waits = |terminal: &Terminal| terminal.is_at_host() && !terminal.is_running();
        if waits(self.front()) {
            return Ok(());
        }
        match self.all.iter().position(waits) {
            Some(index) => self.front = index,
            None => {
                self.open()?;
            }
        }
        Ok(())
    }

    /// Closes one unless it is the last; its session. The neighbour comes to the front if it was there.
    pub fn close(&mut self, index: usize) -> Option<u32> {
        if self.all.len() < 2 || index >= self.all.len() {
            return None;
        }
        let closed = self.all.remove(index);
        if self.front > index || self.front == self.all.len() {
            self.front -= 1;
        }
        Some(closed.session)
    }

    /// A line begins to run in the front terminal: its session and the entry's id.
    pub fn begin(&mut self, line: &str) -> (u32, u32) {
        let id = self.next_entry;
        self.next_entry += 1;
        let terminal = self.front_mut();
        let prompt = terminal.prompt.clone();
        terminal.log.push(Entry { id, prompt, line: line.to_string(), chunks: None, exit_status: 0 });
        (terminal.session, id)
    }

    fn entry(&mut self, session: u32, id: u32) -> Option<(&mut Terminal, usize)> {
        let terminal = self.all.iter_mut().find(|terminal| terminal.session == session)?;
        let at = terminal.log.iter().position(|entry| entry.id == id)?;
        Some((terminal, at))
    }

    /// A line has run; takes its output out of the answer.
    pub fn finish(&mut self, session: u32, id: u32, console: &mut Console) {
        let Some((terminal, at)) = self.entry(session, id) else { return };
        terminal.prompt = console.prompt.trim_end().to_string();
        terminal.place.clone_from(&console.place);
        terminal.log[at].chunks = Some(std::mem::take(&mut console.chunks));
        terminal.log[at].exit_status = console.exit_status;
        if console.clear {
            terminal.log.clear();
        }
    }

    /// A terminal's next prompt.
    pub fn prompt(&mut self, session: u32, prompt: &str) {
        if let Some(terminal) = self.all.iter_mut().find(|terminal| terminal.session == session) {
            terminal.prompt = prompt.trim_end().to_string();
        }
    }

    /// A line did not run to its end.
    pub fn fail(&mut self, session: u32, id: u32, why: &str) {
        let Some((terminal, at)) = self.entry(session, id) else { return };
        let text = [OWN_WORDS, why, "\n"].concat();
        terminal.log[at].chunks = Some(vec![Chunk { stream: Stream::Err, text, at: None }]);
        terminal.log[at].exit_status = 130;
    }

    /// The simulator was started again: every shell is at the host.
    pub fn restarted(&mut self) {
        for terminal in &mut self.all {
            terminal.prompt = opening::PROMPT.to_string();
            terminal.place = "host".to_string();
            terminal.log.retain(|entry| entry.chunks.is_some());
        }
    }

    /// An empty screen; what runs stays.
    pub fn clear(&mut self) {
        self.front_mut().log.retain(|entry| entry.chunks.is_none());
    }
}

/// What the simulator says in its own words begins so; no tool's output does.
pub const OWN_WORDS: &str = "podhop: ";

/// A text's stretches: whether each is the simulator's own words, and the stretch.
pub fn own_words(text: &str) -> Vec<(bool, &str)> {
    let mut parts: Vec<(bool, &str)> = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let own = line.starts_with(OWN_WORDS);
        at += line.len();
        match parts.last_mut() {
            Some((kind, part)) if *kind == own => *part = &text[begin..at],
            _ => {
                begin = at - line.len();
                parts.push((own, line));
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(prompt: &str, place: &str, text: &str) -> Console {
        Console {
            chunks: vec![Chunk { stream: Stream::Out, text: text.into(), at: None }],
            exit_status: 0,
            prompt: prompt.into(),
            place: place.into(),
            flows: vec![],
            revision: 1,
            diagnostics: vec![],
            files: vec![],
            scene: None,
            clear: false,
        }
    }

    #[test]
    fn titles_say_where_a_terminal_is() {
        let mut all = Terminals::default();
        let (session, id) = all.begin("ssh worker-1");
        all.finish(session, id, &mut console("root@worker-1:/root# ", "node/worker-1", ""));
        assert_eq!(all.open(), Ok(1));
        let (session, id) = all.begin("kubectl exec -it pod-a -- sh");
        assert_eq!((session, all.front().is_running()), (1, true));
        all.finish(session, id, &mut console("/ # ", "pod/default/pod-a", ""));
        assert_eq!(all.front().prompt, "/ #");
        assert_eq!((all.open(), all.open()), (Ok(2), Ok(3)));
        assert_eq!(all.titles(), ["ssh worker-1", "pod-a", "host", "host 2"]);
    }

    #[test]
    fn what_others_run_runs_at_the_host() {
        let mut all = Terminals::default();
        assert_eq!(all.to_host(), Ok(()));
        assert_eq!((all.len(), all.front_index()), (1, 0));
        let (session, id) = all.begin("ssh worker-1");
        all.finish(session, id, &mut console("root@worker-1:/root# ", "node/worker-1", ""));
        assert_eq!(all.to_host(), Ok(()));
        assert_eq!((all.len(), all.front_index()), (2, 1));
        all.choose(0);
        assert_eq!(all.to_host(), Ok(()));
        assert_eq!((all.len(), all.front_index()), (2, 1));
    }

    #[test]
    fn own_words_are_told_apart() {
        assert_eq!(
            own_words("ping: x\npodhop: y\npodhop: z\nw"),
            [(false, "ping: x\n"), (true, "podhop: y\npodhop: z\n"), (false, "w")]
        );
        assert_eq!(own_words(""), []);
    }

    #[test]
    fn closed_ones_make_room() {
        let mut all = Terminals::default();
        assert_eq!(all.close(0), None, "the last stays");
        for session in 1..TABS_MAX as u32 {
            assert_eq!(all.open(), Ok(session));
        }
        assert!(all.open().is_err_and(|why| why.contains("close one first")));
        assert_eq!((all.close(3), all.front_index()), (Some(3), 6));
        assert_eq!(all.open(), Ok(3), "a free number is used again");
        assert_eq!((all.close(7), all.front_index()), (Some(3), 6));
        all.choose(0);
        assert_eq!((all.close(0), all.front().session), (Some(0), 1));
    }

    #[test]
    fn answers_find_their_line() {
        let mut all = Terminals::default();
        let first = all.begin("sleep 1");
        let _ = all.open();
        let second = all.begin("ls");
        all.finish(first.0, first.1, &mut console("student@host $ ", "host", "one"));
        assert!(all.front().is_running());
        all.fail(second.0, second.1, "stopped");
        let chunks = all.front().log[0].chunks.clone().unwrap_or_default();
        assert_eq!(chunks[0].text, "podhop: stopped\n");
        all.choose(0);
        assert_eq!(all.front().log[0].chunks.as_ref().map(|chunks| chunks[0].text.as_str()), Some("one"));
        // A cleared screen does not lose what runs, nor does it mix up answers.
        let (session, id) = all.begin("ping x");
        all.clear();
        assert_eq!(all.front().log.len(), 1);
        all.finish(session, id, &mut console("student@host $ ", "host", "done"));
        assert!(!all.front().is_running());
        all.finish(session, 999, &mut console("x", "host", "late"));
        assert_eq!(all.front().prompt, "student@host $");
    }

    #[test]
    fn after_a_restart_all_are_at_the_host() {
        let mut all = Terminals::default();
        let (session, id) = all.begin("ssh worker-1");
        all.finish(session, id, &mut console("root@worker-1:/root# ", "node/worker-1", ""));
        all.begin("ping x");
        all.restarted();
        assert_eq!((all.titles(), all.front().log.len()), (vec!["host".to_string()], 1));
        assert!(!all.front().is_running());
    }
}
