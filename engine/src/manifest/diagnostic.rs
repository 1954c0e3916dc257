//! What is wrong with an input: where, why, and what to do about it.

use super::{Sources, Span};

/// How bad it is. Only an error keeps an object from being applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Info,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// A change to the text that mends the problem with one click.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    pub span: Span,
    pub replacement: String,
}

/// One problem, pointing at the exact token.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A stable name for the sort of problem, such as `unknown-field`.
    pub code: &'static str,
    pub span: Span,
    /// One sentence without a full stop: what is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    pub fix: Option<Fix>,
}

impl Diagnostic {
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Offers to put `replacement` in place of the text at `span`.
    pub fn fix(&mut self, span: Span, replacement: impl Into<String>) -> &mut Diagnostic {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }

    /// `file:line:column: error: message`, and the hint on a second line.
    pub fn render(&self, sources: &Sources) -> String {
        let mut text = sources.location(self.span);
        for part in [": ", self.severity.as_str(), ": ", &self.message, "\n"] {
            text.push_str(part);
        }
        if let Some(hint) = &self.hint {
            for part in ["  hint: ", hint, "\n"] {
                text.push_str(part);
            }
        }
        text
    }
}

/// How many diagnostics are kept; the rest are counted.
pub const KEPT_MAX: usize = 200;

/// Collects diagnostics in the order found, at most [`KEPT_MAX`] of them, none twice.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    dropped: usize,
    errors: usize,
    /// Where a diagnostic that is not kept goes, so that the caller can go on describing it.
    spill: Option<Box<Diagnostic>>,
}

impl Diagnostics {
    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, code, span, message)
    }

    pub fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Warning, code, span, message)
    }

    pub fn info(&mut self, code: &'static str, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Info, code, span, message)
    }

    /// Adds a diagnostic and returns it, to be given a hint or a fix. The same code and message at the same place is
    /// kept only once: several checks may see one problem.
    pub fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let new = Diagnostic { severity, code, span, message: message.into(), hint: None, fix: None };
        let same = |old: &Diagnostic| old.span == new.span && old.code == new.code && old.message == new.message;
        if let Some(index) = self.kept.iter().position(same) {
            return &mut self.kept[index];
        }
        if severity == Severity::Error {
            self.errors += 1;
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push(new);
            let last = self.kept.len() - 1;
            return &mut self.kept[last];
        }
        self.dropped += 1;
        self.spill.insert(Box::new(new))
    }

    /// How many errors there are, kept or not. Compare before and after a step to see whether it found any.
    pub fn errors(&self) -> usize {
        self.errors
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.kept.iter()
    }

    /// How many were found beyond those kept.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Takes over everything `other` has found.
    pub fn append(&mut self, other: Diagnostics) {
        let kept_errors = other.kept.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
        self.errors += other.errors - kept_errors;
        for diagnostic in other.kept {
            let Diagnostic { severity, code, span, message, hint, fix } = diagnostic;
            let added = self.add(severity, code, span, message);
            added.hint = added.hint.take().or(hint);
            added.fix = added.fix.take().or(fix);
        }
        self.dropped += other.dropped;
    }

    /// All of them as text, in the order of their places, with a last line for those not kept.
    pub fn render(&self, sources: &Sources) -> String {
        let mut sorted: Vec<&Diagnostic> = self.kept.iter().collect();
        sorted.sort_by_key(|diagnostic| diagnostic.span);
        let mut text: String = sorted.iter().map(|diagnostic| diagnostic.render(sources)).collect();
        if self.dropped > 0 {
            text.push_str(&format!("and {} more\n", self.dropped));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_two_hundred_and_counts_the_rest() {
        let mut sources = Sources::default();
        sources.add("f.yaml", "a: 1\n");
        let mut diagnostics = Diagnostics::default();
        for start in 0..KEPT_MAX as u32 + 7 {
            diagnostics.error("x", Span { source: 0, start, end: start }, "bad").hint("mend it");
        }
        diagnostics.error("x", Span::default(), "bad");
        assert_eq!((diagnostics.iter().len(), diagnostics.dropped(), diagnostics.errors()), (200, 7, 207));
        let text = diagnostics.render(&sources);
        assert!(text.starts_with("f.yaml:1:1: error: bad\n  hint: mend it\n"));
        assert!(text.ends_with("and 7 more\n"));
    }
}
