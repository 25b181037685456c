//! The measuring side of the protocols: a child process that may die or hang.

use std::{
    io::{self, BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

/// A process that answers lines, as `child.rs` and `load` say. It is ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// `None` once it has been closed.
    input: Option<ChildStdin>,
    answers: Receiver<io::Result<String>>,
}

impl Process {
    /// Starts a process.
    ///
    /// # Errors
    ///
    /// If the program cannot be started.
    pub fn start(command: &mut Command) -> io::Result<Process> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = child.stdout.take().expect("the output is piped");
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process {
            child,
            input,
            answers,
        })
    }

    /// Runs a workload and waits for its figures, as many as `figures`.
    ///
    /// After an error the process is of no more use.
    ///
    /// # Errors
    ///
    /// What went wrong, in words: it died, took longer than `limit`, or said that it cannot.
    pub fn run(
        &mut self,
        workload: &str,
        size: usize,
        repeats: usize,
        figures: usize,
        limit: Duration,
    ) -> Result<Vec<f64>, String> {
        self.figures(&format!("run {workload} {size} {repeats}"), figures, limit)
    }

    /// Asks for something that is answered by so many figures.
    ///
    /// # Errors
    ///
    /// As with `run`.
    pub fn figures(
        &mut self,
        line: &str,
        figures: usize,
        limit: Duration,
    ) -> Result<Vec<f64>, String> {
        parse(&self.ask(line, limit)?, figures)
    }

    /// Asks for something that is answered by words.
    ///
    /// # Errors
    ///
    /// As with `run`.
    pub fn ask(&mut self, line: &str, limit: Duration) -> Result<String, String> {
        let input = self.input.as_mut().expect("open until the drop");
        let asked = writeln!(input, "{line}").and_then(|()| input.flush());
        if asked.is_err() {
            return Err(self.last_words());
        }
        match self.answers.recv_timeout(limit) {
            Ok(Ok(line)) => words(&line),
            Ok(Err(error)) => Err(format!("its answer could not be read: {error}")),
            Err(RecvTimeoutError::Disconnected) => Err(self.last_words()),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("no answer within {} s", limit.as_secs_f64()))
            }
        }
    }

    /// How a process that has closed its output ended.
    fn last_words(&mut self) -> String {
        self.input = None;
        match self.child.wait() {
            Ok(status) => format!("the process died: {status}"),
            Err(error) => format!("the process died: {error}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Whatever it does now is of no interest, and nothing can be done about an error.
        self.input = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No measurement comes to less than nothing.
fn is_figure(number: &f64) -> bool {
    number.is_finite() && *number >= 0.0
}

/// What an answer says.
fn words(line: &str) -> Result<String, String> {
    if let Some(why) = line.strip_prefix("error ") {
        return Err(why.to_owned());
    }
    match line.strip_prefix("ok") {
        Some(words) if words.is_empty() || words.starts_with(' ') => Ok(words.trim().to_owned()),
        _ => Err(nonsense(line)),
    }
}

fn parse(words: &str, figures: usize) -> Result<Vec<f64>, String> {
    words
        .split_whitespace()
        .map(|word| word.parse().ok().filter(is_figure))
        .collect::<Option<Vec<_>>>()
        .filter(|numbers| numbers.len() == figures)
        .ok_or_else(|| nonsense(words))
}

fn nonsense(answer: &str) -> String {
    format!("an answer that makes no sense: '{answer}'")
}

#[cfg(test)]
mod tests {
    use super::{Process, parse, words};
    use std::{
        process::Command,
        time::{Duration, Instant},
    };

    fn shell(script: &str) -> Process {
        Process::start(Command::new("sh").args(["-c", script])).unwrap()
    }

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn answers_are_parsed() {
        let read = |line| parse(&words(line)?, 2);
        assert_eq!(read("ok 1.5 2"), Ok(vec![1.5, 2.0]));
        assert_eq!(read("error no such row"), Err("no such row".to_owned()));
        for line in [
            "ok", "ok ", "ok 1", "ok 1 x", "ok 1 NaN", "ok 1 -2", "okay 1 2", "fine 1 2", "",
        ] {
            assert!(read(line).unwrap_err().contains("makes no sense"), "{line}");
        }
        assert_eq!(words("ok"), Ok(String::new()));
    }

    #[test]
    fn a_question_is_answered() {
        let mut process = shell("while read line; do echo ok 7; done");
        assert_eq!(process.run("yields", 1, 1, 1, LIMIT), Ok(vec![7.0]));
        assert_eq!(process.run("yields", 1, 1, 1, LIMIT), Ok(vec![7.0]));
    }

    #[test]
    fn a_process_that_dies_is_reported_with_its_status() {
        let mut process = shell("read line; exit 3");
        let error = process.run("yields", 1, 1, 1, LIMIT).unwrap_err();
        assert!(error.contains("died") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_process_that_hangs_is_reported_and_ended() {
        let start = Instant::now();
        let mut process = shell("exec sleep 60");
        let limit = Duration::from_millis(100);
        let error = process.run("yields", 1, 1, 1, limit).unwrap_err();
        assert!(error.contains("no answer within 0.1 s"), "{error}");
        drop(process);
        assert!(start.elapsed() < LIMIT);
    }
}
