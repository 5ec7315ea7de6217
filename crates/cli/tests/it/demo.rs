//! The demonstration as people meet it: a console that is open while the day plays, and afterwards.

use crate::home::{Home, Served};
use std::io::{BufRead as _, BufReader};

/// A browser that keeps its cookie.
struct Visitor<'a> {
    demo: &'a Served,
    cookie: String,
}

impl<'a> Visitor<'a> {
    /// Opens the printed address, as somebody does who knows nothing else.
    fn come(demo: &'a Served) -> Self {
        let (_, head, _) = demo.whole("GET", "/", &[], b"");
        assert!(head.contains("location: /sign-in?next=/"), "{head}");
        let (_, head, _) = demo.whole("GET", "/sign-in?next=/", &[], b"");
        assert!(head.contains("location: /\r\n"), "{head}");
        let cookie = head.split("set-cookie: ").nth(1).and_then(|c| c.split(';').next()).unwrap().to_owned();
        Self { demo, cookie }
    }

    fn see(&self, path: &str) -> String {
        let (status, page) = self.demo.ask("GET", path, &[("cookie", &self.cookie)], b"");
        assert_eq!(status, 200, "{page}");
        page
    }

    fn click(&self, path: &str, form: &str) {
        let headers = [("cookie", self.cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let (status, page) = self.demo.ask("POST", path, &headers, form.as_bytes());
        assert_eq!(status, 303, "{page}");
    }

    /// The caller of that name on *Today*: the inquiry's id.
    fn row_of(&self, name: &str) -> Option<String> {
        let page = self.see("/");
        let row = page.split("<li class=\"row").find(|row| row.contains(name))?;
        row.split("action=\"/inquiries/").nth(1)?.split('/').next().map(str::to_owned)
    }

    /// Takes that inquiry and speaks with the caller.
    fn call_back(&self, id: &str) {
        let page = self.see("/");
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        self.click(&format!("/inquiries/{id}/take"), &format!("csrf={csrf}"));
        self.click(&format!("/inquiries/{id}/called"), &format!("csrf={csrf}&result=reached"));
    }
}

#[cfg(unix)]
#[test]
fn the_day_plays_while_people_work_in_it_and_goes_on_when_it_is_over() {
    let home = Home::empty();
    let mut demo = home.demo();
    let said = BufReader::new(demo.child.stdout.take().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || said.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));

    let visitor = Visitor::come(&demo);
    let mut waiting = None;
    Served::until("the first caller waits, known by name", || {
        waiting = visitor.row_of("Mei Khan");
        waiting.is_some()
    });
    visitor.call_back(&waiting.unwrap());

    let summary = told.recv_timeout(std::time::Duration::from_mins(2)).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(
        (&summary["calls"], &summary["lost"], &summary["duplicates"]),
        (&12.into(), &0.into(), &0.into()),
        "{summary}"
    );
    assert_eq!((&summary["forbidden_writes"], &summary["ledger_verified"]), (&0.into(), &true.into()), "{summary}");

    // The next morning is a real one: what is done now reaches the CRM, and its receipt comes back.
    assert!(visitor.see("/").contains("Wed, ") && visitor.see("/").contains(" · 8:0"), "{}", visitor.see("/"));
    let id = visitor.row_of("Omar Lopez").unwrap();
    visitor.call_back(&id);
    let closed = "Close the task: done and read back";
    Served::until("the CRM shows it", || visitor.see(&format!("/inquiries/{id}")).contains(closed));

    assert!(
        std::process::Command::new("kill").args(["-TERM", &demo.child.id().to_string()]).status().unwrap().success()
    );
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
    assert!(told.recv().is_err(), "one object, and nothing after it");
}

#[test]
fn who_signs_out_is_asked_and_a_taken_port_is_told() {
    let home = Home::empty();
    let demo = home.demo();
    let (status, page) = demo.ask("GET", "/sign-in", &[], b"");
    assert!(status == 200 && page.contains("type=\"password\""), "{page}");
    let address = demo.address.to_string();
    let taken = home.shown(&["demo", "--listen", &address, "--no-open"]);
    assert!(taken.starts_with("exit 3\n") && taken.contains("RB-0301") && taken.contains("--listen"), "{taken}");
}
