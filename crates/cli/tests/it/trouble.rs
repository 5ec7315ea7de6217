//! The database in trouble, under the real program: nothing is acknowledged that is not stored, one line says so, `/ready` says so, and
//! everything goes on by itself when the trouble is over.

#![cfg(target_os = "linux")]

use crate::home::{Home, Served, Starting};
use serde_json::json;
use std::process::Command;

const POST_CALL: &str = "/hooks/callrail-main/post-call";
/// The lines that open and close a trouble.
const STOPS: &str = "the database takes nothing";
const GOES_ON: &str = "the database takes writes again";

/// Sends one missed call of a caller of its own, as CallRail would.
fn call(served: &Served, n: u32) -> (u16, String) {
    let body = json!({
        "resource_id": format!("CAL{n:032}"), "answered": false, "voicemail": false, "direction": "inbound", "duration": "12",
        "customer_phone_number": format!("+1312555{n:04}"), "tracking_phone_number": "+13125550100",
        "start_time": "2026-03-04T18:12:07.000-06:00",
    });
    let body = body.to_string().into_bytes();
    let signature = ringback_twins::sign::callrail("a-signing-key", &body);
    served.ask("POST", POST_CALL, &[("signature", &signature), ("content-type", "application/json")], &body)
}

fn ready(served: &Served) -> bool {
    served.ask("GET", "/ready", &[], b"").0 == 200
}

/// The soft limit of what a file may grow to: a full disk for this process alone, and without any right to make one.
fn file_limit(process: u32, limit: &str) {
    let limited = Command::new("prlimit").args(["--pid", &process.to_string(), &format!("--fsize={limit}:")]).status();
    assert!(limited.unwrap().success());
}

/// Whatever is refused says so in a way that the provider's list of failed deliveries and a machine that watches can use.
fn refuses(served: &Served, calls: std::ops::Range<u32>, code: &str) {
    for n in calls {
        let (status, said) = call(served, n);
        assert_eq!(status, 503, "call {n} was acknowledged and is not stored: {said}");
        assert!(said.contains("RB-0108") && said.contains("Send the same request again"), "{said}");
    }
    let (status, said) = served.ask("GET", "/ready", &[], b"");
    assert_eq!(status, 503, "{said}");
    assert!(said.contains(code) && said.contains("no restart"), "{said}");
    assert_eq!(served.ask("GET", "/live", &[], b"").0, 200);
}

/// Everything of `calls` is in the CRM once, the ledger holds, nobody has to mend anything.
fn all_is_well(home: &Home, twin: &Served, calls: usize) {
    Served::until("every call is in the CRM", || twin.held() == [calls; 3]);
    assert_eq!(home.json(&["verify", "--json"])["ok"], true);
    assert_eq!(home.json(&["dead-letters", "list", "--json"]), json!([]));
}

fn told_once(served: &Served) {
    let said = served.said();
    assert_eq!((said.matches(STOPS).count(), said.matches(GOES_ON).count()), (1, 1), "{said}");
    assert!(said.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).count() < 5, "a flood: {said}");
}

#[test]
fn a_disk_without_room_is_told_once_and_recovers_by_itself() {
    let home = Home::ready();
    let twin = home.connected("");
    let served = home.serve();
    assert_eq!(call(&served, 0).0, 200);
    Served::until("the first call is in the CRM", || twin.held() == [1; 3]);
    // The next one is acknowledged and may be anywhere on its way when the disk is full.
    assert_eq!(call(&served, 1).0, 200);
    file_limit(served.child.id(), "4096");
    refuses(&served, 2..30, "RB-040");
    file_limit(served.child.id(), "unlimited");
    Served::until("it is ready although nobody sends anything", || ready(&served));
    for n in 1..5 {
        assert_eq!(call(&served, n).0, 200);
    }
    all_is_well(&home, &twin, 5);
    told_once(&served);
}

/// A volume that is not mounted yet: the service waits for it, and is whole afterwards, its first password told.
#[test]
fn it_waits_for_the_place_of_its_database() {
    let home = Home::ready();
    std::os::unix::fs::symlink("volume", home.path().join("data")).unwrap();
    let mut starting = Starting::new(home.command(&["serve", "--json"]));
    let told = starting.says("RB-0403");
    assert!(told.contains("Nothing is acknowledged meanwhile"), "{told}");
    std::fs::create_dir(home.path().join("volume")).unwrap();
    let served = starting.listening();
    assert_eq!(served.announced["first_users"][0]["email"], "admin@localhost");
    assert_eq!(call(&served, 1).0, 200);
    assert!(home.path().join("volume/ringback.db").exists());
}

/// A disk that is full when it starts: no half database, and the first password is told when it is made.
#[test]
fn it_waits_for_room_at_its_start() {
    let home = Home::ready();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -f 16; exec \"$0\" serve --json", env!("CARGO_BIN_EXE_ringback")]);
    command.current_dir(home.path());
    let mut starting = Starting::new(command);
    let told = starting.says("RB-040");
    assert!(told.contains("Nothing is acknowledged meanwhile"), "{told}");
    file_limit(starting.child.id(), "unlimited");
    let served = starting.listening();
    assert_eq!(served.announced["first_users"][0]["email"], "admin@localhost");
    assert_eq!(call(&served, 1).0, 200);
    assert_eq!(home.json(&["verify", "--json"])["ok"], true);
}

/// PostgreSQL behind a wire that can be cut: gone for a while, in the middle of work, and absent at the start.
mod postgres {
    use super::*;
    use sqlx::{Connection as _, Executor as _};
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    /// Leads to the server while it is open. Closed, the port refuses like the port of a server that is down.
    struct Wire {
        server: SocketAddr,
        own: SocketAddr,
        open: Option<Open>,
    }

    struct Open {
        stop: Arc<AtomicBool>,
        streams: Arc<Mutex<Vec<TcpStream>>>,
        accepting: std::thread::JoinHandle<()>,
    }

    impl Wire {
        fn closed(server: SocketAddr) -> Self {
            let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            Self { server, own: free.local_addr().unwrap(), open: None }
        }

        fn open(&mut self) {
            let listener = TcpListener::bind(self.own).unwrap();
            let (stop, streams) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
            let (server, stopped, kept) = (self.server, stop.clone(), streams.clone());
            let accepting = std::thread::spawn(move || {
                for near in listener.incoming().map(Result::unwrap) {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let far = TcpStream::connect(server).unwrap();
                    for (from, to) in [(&near, &far), (&far, &near)] {
                        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                        std::thread::spawn(move || carry(from, to));
                    }
                    kept.lock().unwrap().extend([near, far]);
                }
            });
            self.open = Some(Open { stop, streams, accepting });
        }

        fn cut(&mut self) {
            let open = self.open.take().unwrap();
            open.stop.store(true, Ordering::SeqCst);
            // One last connection, so that the listener looks up and goes.
            let _woken = TcpStream::connect(self.own);
            open.accepting.join().unwrap();
            for stream in open.streams.lock().unwrap().iter() {
                let _closed_already = stream.shutdown(Shutdown::Both);
            }
        }
    }

    fn carry(mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16_384];
        while let Ok(read @ 1..) = from.read(&mut bytes) {
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _closed_already = to.shutdown(Shutdown::Both);
    }

    /// A fresh database of the tests' server, and its URL with another host and port in it.
    fn database(name: &str) -> Option<(SocketAddr, impl Fn(SocketAddr) -> String)> {
        let Ok(server) = std::env::var("RINGBACK_TEST_POSTGRES") else {
            eprintln!("SKIPPED (loudly): PostgreSQL in trouble, because RINGBACK_TEST_POSTGRES is not set");
            return None;
        };
        let name = format!("ringback_{name}_{}", std::process::id());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let mut admin = sqlx::PgConnection::connect(&server).await.unwrap();
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(drop))).await.unwrap();
            admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.unwrap();
            admin.close().await.unwrap();
        });
        let (base, _) = server.rsplit_once('/').unwrap();
        let (user, address) = base.rsplit_once('@').unwrap();
        let user = user.to_owned();
        Some((address.parse().unwrap(), move |at| format!("{user}@{at}/{name}")))
    }

    #[test]
    fn a_server_that_is_gone_for_a_while_costs_nothing() {
        let Some((server, url)) = database("gone") else { return };
        let home = Home::ready();
        let mut wire = Wire::closed(server);
        let (through, direct) = (url(wire.own), url(server));
        let on = |mut command: Command, url: &str| {
            command.env("RINGBACK_STORE_URL", url);
            command
        };
        let twin = home.twin();
        let settings = crate::home::SETTINGS.replace("127.0.0.1:9", &twin.address.to_string());
        home.write("ringback.toml", &settings.replace("nobody", "pat-twin"));
        assert!(on(home.command(&["connect", "hubspot-main"]), &direct).output().unwrap().status.success());

        let mut starting = Starting::new(on(home.command(&["serve", "--json"]), &through));
        let told = starting.says("RB-0402");
        assert!(told.contains("refused") && told.contains("Nothing is acknowledged meanwhile"), "{told}");
        wire.open();
        let served = starting.listening();

        for n in 0..3 {
            assert_eq!(call(&served, n).0, 200);
        }
        Served::until("the first calls are in the CRM", || twin.held() == [3; 3] && served.rests());
        wire.cut();
        refuses(&served, 3..5, "RB-0402");
        wire.open();
        Served::until("it is ready again", || ready(&served));
        for n in 0..5 {
            assert_eq!(call(&served, n).0, 200);
        }
        Served::until("every call is in the CRM", || twin.held() == [5; 3]);
        told_once(&served);
        let verified = on(home.command(&["verify", "--json"]), &direct).output().unwrap();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
        let letters = on(home.command(&["dead-letters", "list", "--json"]), &direct).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&letters.stdout).trim(), "[]");
        let password = through.split([':', '@']).nth(2).unwrap();
        assert!(!password.is_empty() && !served.said().contains(password));
    }
}
