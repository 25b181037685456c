//! The rows with sockets: a contestant's process serves, `load` loads it, and the server's CPU time
//! is asked for before and after.

use crate::process::Process;
use std::{thread, time::Duration};

/// What loads a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// What is served; see `server`.
    pub service: &'static str,
    /// How it is reached; see `load`, also for the next two.
    pub transport: &'static str,
    /// How many clients there are.
    pub clients: usize,
    /// What they say.
    pub message: &'static str,
    /// When they say it.
    pub pattern: Pattern,
}

impl Load {
    /// Whether a server wants a fresh process, since memory is measured.
    pub fn is_of_memory(&self) -> bool {
        self.pattern == Pattern::Idle
    }
}

/// When clients ask, and what is measured then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// All the time. Figures: the server's CPU time per request, requests in a second, median and
    /// 99th percentile of the latency.
    Driven,
    /// So many of all clients in a second, one of a hundred for another path. Figures: 99th
    /// percentile, median and maximum of the others' latency, the server's CPU time per request.
    Paced {
        /// Requests in a second.
        rate: usize,
        /// The other path.
        path: &'static str,
    },
    /// Once, and not again for a long time. Figures: resident bytes per connection, the server's CPU
    /// time in that time, the latency of the first answer after it, and the 99th percentile of a
    /// thousand clients that ask one after the other.
    Idle,
}

/// How many clients ask after the silence.
const AFTER_SILENCE: usize = 1_000;

/// How long what a server does after its last answer may take.
const SETTLED: Duration = Duration::from_millis(100);

/// A server and what loads it, in the course of a measurement.
struct Trial<'a> {
    server: &'a mut Process,
    loader: &'a mut Process,
    limit: Duration,
}

/// Measures for so many milliseconds: a value for each figure.
///
/// # Errors
///
/// What went wrong, in words. Neither process is of use then.
pub fn measure(
    load: Load,
    millis: usize,
    server: &mut Process,
    loader: &mut Process,
    limit: Duration,
) -> Result<Vec<f64>, String> {
    let mut trial = Trial {
        server,
        loader,
        limit,
    };
    let Load {
        service,
        transport,
        clients,
        message,
        pattern,
    } = load;
    let address = trial.server.ask(&format!("serve {service}"), limit)?;
    let open = |clients| format!("open {transport} {address} {clients} {message}");
    // Two fifths of the time of the measurement, before it.
    let warm = format!("drive {}", (millis * 2 / 5).clamp(1, 200));
    let figures = match pattern {
        Pattern::Driven => {
            trial.load::<1>(&open(clients))?;
            trial.load::<4>(&warm)?;
            let (cpu, [requests, rate, p50, p99]) = trial.used_by(&format!("drive {millis}"))?;
            vec![cpu / requests, rate, p50, p99]
        }
        Pattern::Paced { rate, path } => {
            trial.load::<1>(&open(clients))?;
            trial.load::<4>(&warm)?;
            let (cpu, [requests, p50, p99, most]) =
                trial.used_by(&format!("pace {millis} {rate} {path}"))?;
            vec![p99, p50, most, cpu / requests]
        }
        Pattern::Idle => {
            // What a server needs once, it has before the memory is looked at.
            trial.load::<1>(&open(1))?;
            trial.load::<4>(&warm)?;
            let before = trial.server("memory")?;
            let [opened] = trial.load(&open(clients))?;
            thread::sleep(SETTLED);
            let after = trial.server("memory")?;
            let cpu = trial.server("cpu")?;
            thread::sleep(Duration::from_millis(millis as u64));
            let cpu_after = trial.server("cpu")?;
            let [first, _, p99] = trial.load(&format!("each {AFTER_SILENCE}"))?;
            let bytes = (after - before).max(0.0) / opened;
            vec![bytes, cpu_after - cpu, first, p99]
        }
    };
    trial.load::<0>("close")?;
    Ok(figures)
}

impl Trial<'_> {
    /// What a step of the load comes to.
    fn load<const N: usize>(&mut self, line: &str) -> Result<[f64; N], String> {
        let figures = self.loader.figures(line, N, self.limit);
        let figures = figures.map_err(|why| format!("under load: {why}"))?;
        Ok(figures.try_into().expect("as many as asked for"))
    }

    /// What the server says of itself.
    fn server(&mut self, line: &str) -> Result<f64, String> {
        Ok(self.server.figures(line, 1, self.limit)?[0])
    }

    /// The CPU time that the server has used in a step of the load, and what that comes to.
    fn used_by<const N: usize>(&mut self, line: &str) -> Result<(f64, [f64; N]), String> {
        let before = self.server("cpu")?;
        let figures = self.load(line)?;
        Ok((self.server("cpu")? - before, figures))
    }
}

#[cfg(test)]
mod tests {
    use super::{Load, Pattern, measure};
    use crate::process::Process;
    use std::{process::Command, time::Duration};

    /// A process that answers each line that begins with a word by a text.
    fn answering(answers: &[(&str, &str)]) -> Process {
        let cases: String = answers
            .iter()
            .map(|(word, answer)| format!("{word}*) {answer} ;; "))
            .collect();
        let script = format!("n=0; while read line; do case $line in {cases} esac; done");
        Process::start(Command::new("sh").args(["-c", &script])).unwrap()
    }

    fn figures(pattern: Pattern) -> Result<Vec<f64>, String> {
        let mut server = answering(&[
            ("serve", "echo ok 127.0.0.1:1"),
            // 3,000 more each time.
            ("cpu", "n=$((n + 3000)); echo ok $n"),
            ("memory", "n=$((n + 3000)); echo ok $n"),
        ]);
        let mut load = answering(&[
            ("open*8", "echo ok 8"),
            ("open*1", "echo ok 1"),
            ("drive", "echo ok 1000 50000 20 30"),
            ("pace", "echo ok 100 20 30 40"),
            ("each", "echo ok 70 20 30"),
            ("close", "echo ok"),
        ]);
        let load_of = Load {
            service: "echo",
            transport: "tcp",
            clients: 8,
            message: "",
            pattern,
        };
        let limit = Duration::from_secs(20);
        measure(load_of, 10, &mut server, &mut load, limit)
    }

    #[test]
    fn what_the_server_used_is_divided_by_the_requests() {
        assert_eq!(
            figures(Pattern::Driven),
            Ok(vec![3.0, 50_000.0, 20.0, 30.0])
        );
        let paced = Pattern::Paced {
            rate: 1_000,
            path: "/block",
        };
        assert_eq!(figures(paced), Ok(vec![30.0, 20.0, 40.0, 30.0]));
        assert_eq!(figures(Pattern::Idle), Ok(vec![375.0, 3_000.0, 70.0, 30.0]));
    }

    #[test]
    fn what_goes_wrong_under_load_is_said() {
        let mut server = answering(&[("serve", "echo ok 127.0.0.1:1")]);
        let mut load = answering(&[("open", "echo error no answer within 10 s")]);
        let load_of = Load {
            service: "echo",
            transport: "tcp",
            clients: 8,
            message: "64",
            pattern: Pattern::Driven,
        };
        let limit = Duration::from_secs(20);
        let outcome = measure(load_of, 10, &mut server, &mut load, limit);
        assert_eq!(outcome, Err("under load: no answer within 10 s".to_owned()));
    }
}
