//! One writer for both forms of iproute2's output, as its `json_print.c`: a field is printed as text or as JSON.

use std::fmt::{Display, Write};

/// Collects output. `json` chooses the form; text-only and JSON-only calls do nothing in the other form.
pub(super) struct Out {
    pub buf: String,
    pub json: bool,
    /// The next JSON element is the first of its collection.
    first: bool,
}

impl Out {
    pub fn new(json: bool) -> Out {
        Out { buf: String::new(), json, first: true }
    }

    /// Starts a JSON collection; `key` is empty in an array or at the top.
    pub fn open(&mut self, key: &str, bracket: char) {
        if self.json {
            self.key(key);
            self.buf.push(bracket);
            self.first = true;
        }
    }

    pub fn close(&mut self, bracket: char) {
        if self.json {
            self.buf.push(bracket);
            self.first = false;
        }
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.buf.push(',');
        }
        self.first = false;
        if !key.is_empty() {
            self.quoted(key);
            self.buf.push(':');
        }
    }

    fn quoted(&mut self, text: &str) {
        self.buf.push('"');
        for c in text.chars() {
            if c == '"' || c == '\\' {
                self.buf.push('\\');
            }
            self.buf.push(c);
        }
        self.buf.push('"');
    }

    /// Text form only.
    pub fn text(&mut self, text: &str) {
        if !self.json {
            self.buf.push_str(text);
        }
    }

    /// JSON form only: `key` with a value that needs no quotes.
    pub fn raw(&mut self, key: &str, value: &dyn Display) {
        if self.json {
            self.key(key);
            // Writing to a String cannot fail.
            let _ = write!(self.buf, "{value}");
        }
    }

    /// JSON form only: `key` with a string.
    pub fn string(&mut self, key: &str, value: &str) {
        if self.json {
            self.key(key);
            self.quoted(value);
        }
    }

    /// `before value after` as text, `"key":value` as JSON.
    pub fn number(&mut self, key: &str, before: &str, value: &dyn Display, after: &str) {
        if self.json {
            self.raw(key, value);
        } else {
            self.put(before, value, after);
        }
    }

    /// `before value after` as text, `"key":"value"` as JSON.
    pub fn word(&mut self, key: &str, before: &str, value: &dyn Display, after: &str) {
        if self.json {
            self.key(key);
            self.buf.push('"');
            let _ = write!(self.buf, "{value}");
            self.buf.push('"');
        } else {
            self.put(before, value, after);
        }
    }

    fn put(&mut self, before: &str, value: &dyn Display, after: &str) {
        self.buf.push_str(before);
        let _ = write!(self.buf, "{value}");
        self.buf.push_str(after);
    }

    /// Pads the text since `start` with spaces to `width` characters.
    pub fn pad(&mut self, start: usize, width: usize) {
        if !self.json {
            let len = self.buf.len() - start;
            self.buf.extend(std::iter::repeat_n(' ', width.saturating_sub(len)));
        }
    }

    pub fn trim_end(&mut self) {
        self.buf.truncate(self.buf.trim_end().len());
    }

    /// The finished output: JSON ends with a newline, as iproute2's does.
    pub fn finish(mut self) -> String {
        if self.json {
            self.buf.push('\n');
        }
        self.buf
    }
}
