//! A browser moved by real keys, over the two pipes that Chromium offers for it; no library and no port are needed.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

pub(crate) struct Driver {
    _child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    next: u64,
    session: Option<String>,
    events: VecDeque<String>,
    _profile: tempfile::TempDir,
}

impl Driver {
    /// A window of that size with one empty page.
    pub(crate) async fn start(program: &str, (width, height): (u32, u32), under: &Path) -> Self {
        let profile = tempfile::tempdir_in(under).unwrap();
        // Chromium reads commands from descriptor 3 and writes answers to 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null 2>&1", program])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={width},{height}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut driver =
            Self { _child: child, to, from, next: 0, session: None, events: VecDeque::new(), _profile: profile };
        let page = driver.ask("Target.createTarget", json!({ "url": "about:blank" })).await;
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        let session = driver.ask("Target.attachToTarget", target).await;
        driver.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        driver.ask("Page.enable", json!({})).await;
        driver
    }

    async fn message(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).await.unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&bytes).unwrap()
    }

    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut call = json!({ "id": self.next, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{call}\0").as_bytes()).await.unwrap();
        loop {
            let mut message = self.message().await;
            if message["id"] == self.next {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.extend(message["method"].as_str().map(str::to_owned));
        }
    }

    /// Until a page has loaded that was asked for after the last of these waits.
    async fn loaded(&mut self) {
        loop {
            while let Some(event) = self.events.pop_front() {
                if event == "Page.loadEventFired" {
                    return;
                }
            }
            let message = self.message().await;
            self.events.extend(message["method"].as_str().map(str::to_owned));
        }
    }

    pub(crate) async fn open(&mut self, url: &str) {
        self.events.clear();
        self.ask("Page.navigate", json!({ "url": url })).await;
        self.loaded().await;
    }

    /// What an expression gives in the page.
    pub(crate) async fn see(&mut self, expression: &str) -> Value {
        let told = self.ask("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true })).await;
        assert!(told["exceptionDetails"].is_null(), "{expression}: {}", told["exceptionDetails"]);
        told["result"]["value"].clone()
    }

    /// A real key: pressed and let go.
    pub(crate) async fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            key => (key.to_ascii_uppercase().bytes().next().unwrap().into(), key),
        };
        let event = |kind: &str| json!({ "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code });
        let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        self.ask("Input.dispatchKeyEvent", event(kind)).await;
        self.ask("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code })).await;
    }

    /// A key that leads to another page.
    pub(crate) async fn go(&mut self, key: &str) {
        self.events.clear();
        self.press(key).await;
        self.loaded().await;
    }

    /// Text as it is typed into the field that has the focus.
    pub(crate) async fn write(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text })).await;
    }
}
