//! The few arguments that the commands take.

use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// What is left of the command line; each question takes its answer out.
pub struct Args(Vec<String>);

impl Args {
    pub fn from_env() -> Self {
        Args(std::env::args().skip(1).collect())
    }

    /// The next argument that is not a flag, if it comes first.
    pub fn word(&mut self) -> Option<String> {
        let is_word = self.0.first().is_some_and(|first| !first.starts_with("--"));
        is_word.then(|| self.0.remove(0))
    }

    pub fn flag(&mut self, name: &str) -> bool {
        let position = self.0.iter().position(|arg| arg == name);
        position.map(|at| self.0.remove(at)).is_some()
    }

    /// `NAME VALUE` or `NAME=VALUE`.
    pub fn value(&mut self, name: &str) -> Result<Option<String>> {
        let Some(at) = self.0.iter().position(|arg| arg.split('=').next() == Some(name)) else { return Ok(None) };
        let arg = self.0.remove(at);
        if let Some((_, value)) = arg.split_once('=') {
            return Ok(Some(value.to_string()));
        }
        if at >= self.0.len() {
            bail!("{name} needs a value");
        }
        Ok(Some(self.0.remove(at)))
    }

    pub fn number<N: FromStr>(&mut self, name: &str) -> Result<Option<N>> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        Ok(Some(text.parse().ok().with_context(|| format!("{name}: `{text}` is not a number it can take"))?))
    }

    /// Everything not asked for yet, to pass on.
    pub fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.0)
    }

    /// Refuses what nobody asked for.
    pub fn finish(&self) -> Result<()> {
        match self.0.first() {
            Some(unknown) => bail!("unexpected argument `{unknown}`; `cargo xtask help` lists what there is"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args(line.split_whitespace().map(str::to_string).collect())
    }

    #[test]
    fn values_are_taken_in_both_forms_and_leftovers_refused() {
        let mut args = args("serve --port 9000 --only=fmt --open what");
        assert_eq!(args.word().as_deref(), Some("serve"));
        assert_eq!(args.number("--port").unwrap(), Some(9000_u16));
        assert_eq!(args.value("--only").unwrap().as_deref(), Some("fmt"));
        assert!(args.flag("--open"));
        assert!(args.finish().unwrap_err().to_string().contains("`what`"));
    }

    #[test]
    fn a_value_that_is_missing_or_malformed_is_an_error() {
        assert!(args("--port").number::<u16>("--port").is_err());
        assert!(args("--port 70000").number::<u16>("--port").is_err());
    }
}
