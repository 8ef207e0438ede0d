//! Words to the person at the terminal, and results to whoever reads them.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use anyhow::Context as _;

/// A line on standard error. Nobody may be listening there any more, which is no reason to fail.
pub(crate) fn tell(words: impl Display) {
    writeln!(io::stderr(), "{words}").ok();
}

/// A command's result on standard output.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")
}

/// Whether the reader of a pipe (`head`) has seen enough, which is success.
pub(crate) fn is_enough(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// The error with its causes. Many messages already end in what caused them: nothing is said twice.
pub(crate) fn explained(error: &anyhow::Error) -> String {
    let causes = error.chain().skip(1).map(ToString::to_string);
    causes.fold(error.to_string(), |text, cause| {
        if text.contains(cause.trim_end()) { text } else { format!("{text}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow!("no such file").context("cannot read x (no such file); mend the path");
        assert_eq!(explained(&error), "cannot read x (no such file); mend the path");
        let error = anyhow!("no such file").context("cannot read x");
        assert_eq!(explained(&error), "cannot read x: no such file");
    }

    #[test]
    fn a_closed_pipe_is_enough_even_with_words_around_it() {
        let closed = io::Error::from(ErrorKind::BrokenPipe);
        assert!(is_enough(&anyhow::Error::new(closed).context("cannot write")));
        assert!(!is_enough(&anyhow!("cannot write")));
    }
}
