//! Processes of a measurement and how they talk: one JSON value per line, an order on standard input, its answer on standard output.
//!
//! A part begins by saying one value by itself (that it is ready, and where it listens) and ends when its input ends, so that no part outlives
//! the measurement that started it.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// A runtime with so many threads; one means: on the thread that calls.
pub(crate) fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = match threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    Ok(builder.worker_threads(threads.max(1)).enable_all().build()?)
}

/// A part, as the measurement sees it.
pub(crate) struct Process {
    name: String,
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts this program as that part; gives what the part says first.
    pub(crate) async fn start(args: &[&str]) -> Result<(Self, Value)> {
        let name = args.first().copied().unwrap_or("part").to_owned();
        let mut process = Command::new(std::env::current_exe()?)
            .arg("part")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        let orders = process.stdin.take().context("no standard input")?;
        let answers = BufReader::new(process.stdout.take().context("no standard output")?).lines();
        let mut part = Self { name, process, orders, answers };
        let ready = part.answer().await?;
        Ok((part, ready))
    }

    /// Gives an order and waits for its answer.
    pub(crate) async fn ask(&mut self, order: &Value) -> Result<Value> {
        self.orders.write_all(format!("{order}\n").as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Value> {
        let line = self.answers.next_line().await?.with_context(|| format!("the {} ended early", self.name))?;
        let answer: Value = serde_json::from_str(&line).with_context(|| format!("the {} said {line}", self.name))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => bail!("the {}: {error}", self.name),
            None => Ok(answer),
        }
    }

    /// Lets the part end and waits for it.
    pub(crate) async fn end(mut self) -> Result<()> {
        drop(self.orders);
        let status = self.process.wait().await?;
        if status.success() { Ok(()) } else { bail!("the {} ended with {status}", self.name) }
    }
}

/// A number in an answer.
pub(crate) fn number(answer: &Value, name: &str) -> Result<f64> {
    answer.get(name).and_then(Value::as_f64).with_context(|| format!("no {name} in {answer}"))
}

/// The part's own end of the talk. Standard input is read by a thread of its own, because a read of it cannot be given up.
pub(crate) struct Desk(mpsc::UnboundedReceiver<std::io::Result<String>>);

impl Desk {
    /// Says that the part is ready.
    pub(crate) fn open(ready: &Value) -> Self {
        say(ready);
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(lines)
    }

    /// The next order; `None` when the measurement has ended.
    pub(crate) async fn order(&mut self) -> Result<Option<Order>> {
        let Some(line) = self.0.recv().await else { return Ok(None) };
        Ok(Some(Order(serde_json::from_str(&line?)?)))
    }
}

/// One order.
pub(crate) struct Order(Value);

impl Order {
    /// Its word.
    pub(crate) fn word(&self) -> &str {
        self.text("do").unwrap_or_default()
    }

    pub(crate) fn text(&self, name: &str) -> Result<&str> {
        self.0.get(name).and_then(Value::as_str).with_context(|| format!("no {name} in the order"))
    }

    pub(crate) fn count(&self, name: &str) -> Result<usize> {
        let count = self.0.get(name).and_then(Value::as_u64).with_context(|| format!("no {name} in the order"))?;
        Ok(usize::try_from(count)?)
    }
}

/// Answers an order: the value, or why there is none.
pub(crate) fn answer(result: Result<Value>) {
    match result {
        Ok(value) => say(&value),
        Err(error) => say(&json!({ "error": format!("{error:#}") })),
    }
}

fn say(value: &Value) {
    println!("{value}");
}
