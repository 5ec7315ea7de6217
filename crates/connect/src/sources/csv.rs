//! A phone log: the CSV export of any phone system, row by row.
//!
//! RFC 4180 (<https://www.rfc-editor.org/rfc/rfc4180>) with a header line; comma, semicolon and tab are told apart by the header.
//!
//! Settings: `column.<field>` = header name for each of `call_id`, `caller`, `caller_name`, `dialled`, `destination`, `started_at`,
//! `date`, `time`, `ended_at`, `duration`, `direction`, `ending`, `answered`, `voicemail`, `transcript`, `recording_url`, `source`,
//! `campaign`, `medium`; without them common header names are recognised. `ending.<value>` = one of our endings. `date_order` = `mdy`
//! or `dmy`; else as usual in the connection's region. Times without an offset are read in the connection's zone.
//!
//! The same call has the same key in every export that holds it, so importing twice makes nothing twice: the provider's id, or else a
//! hash of caller, dialled number, start and duration (the duration, because logs that show only minutes hold two hidden callers
//! in one minute). A row that cannot be read is reported with its line; the others go on.

use super::generic::{check_endings, date_order, direction, ending, invalid, size, strict_answer, verify};
use crate::wire::{DateOrder, cut, date_of, flag, instant, media_type, seconds_text, sha256_hex, time_of, zone};
use crate::{About, Auth, Connection, Intake, Limits, Rejected, Secret, Source, Unreadable};
use ::csv::{ByteRecord, ReaderBuilder};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ringback_core::http::{HttpReply, RawRequest};
use ringback_core::problem::Problem;
use ringback_core::signal::{Direction, Ending, Signal, SignalKind, TRANSCRIPT_CHARS_MAX};
use serde_json::Value;

/// The largest file that is read in one piece.
pub const FILE_MAX_BYTES: usize = 20 * 1_048_576;
/// The most rows of one file.
pub const ROWS_MAX: usize = 200_000;

static ABOUT: About = About {
    name: "phone-log",
    title: "Phone log (CSV)",
    docs_url: "https://www.rfc-editor.org/rfc/rfc4180",
    base_url: "",
    auth: Auth::None,
    oauth: None,
    writes: None,
    limits: Limits {
        burst_requests: 0,
        burst_window_ms: 0,
        daily_requests: 0,
        search_per_second: 0,
        batch_items_max: 0,
        concurrent_requests_max: 0,
        daily_unit: "requests",
    },
    events: &[("import", "a file of past calls")],
    quirks: &[
        "Export with a column for the call's id if the phone system has one",
        "Say with date_order how dates with slashes are meant",
    ],
};

/// A row, or a part of it, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The line in the file, from 1 (the header's).
    pub line: usize,
    pub problem: Problem,
    /// The row was read all the same, without the part that is wrong.
    pub kept: bool,
}

/// The columns that a log may have, with header names that are recognised (letters and digits only, lower case).
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "call_id",
        &["callid", "id", "callsid", "uniqueid", "linkedid", "callreference", "resourceid", "sessionid", "uuid"],
    ),
    (
        "caller",
        &[
            "caller",
            "callernumber",
            "callerid",
            "from",
            "fromnumber",
            "customerphonenumber",
            "phonenumber",
            "phone",
            "callernum",
            "customernumber",
            "customerphone",
            "clid",
            "src",
            "callingnumber",
            "anruferid",
        ],
    ),
    ("caller_name", &["callername", "name", "customername", "fromname", "contactname", "contact", "cnam"]),
    (
        "dialled",
        &[
            "dialled",
            "dialed",
            "to",
            "tonumber",
            "dialednumber",
            "dialednum",
            "dialledinumber",
            "dialednumberid",
            "trackingnumber",
            "trackingphonenumber",
            "callednumber",
            "called",
            "dst",
            "did",
            "diallednumber",
            "trackingnum",
        ],
    ),
    (
        "destination",
        &["destination", "destinationnumber", "forwardedto", "extension", "answeredby", "businessphonenumber"],
    ),
    (
        "started_at",
        &[
            "startedat",
            "starttime",
            "start",
            "calltime",
            "datetime",
            "dateandtime",
            "timestamp",
            "calldate",
            "time",
            "callstart",
            "startdate",
            "created",
            "createdat",
        ],
    ),
    ("date", &["date", "day"]),
    ("time", &["timeofday", "time"]),
    ("ended_at", &["endedat", "endtime", "end", "callend"]),
    (
        "duration",
        &[
            "duration",
            "durationseconds",
            "durations",
            "durationsec",
            "calllength",
            "length",
            "seconds",
            "talktime",
            "billsec",
        ],
    ),
    ("direction", &["direction", "calldirection", "inout"]),
    (
        "ending",
        &["ending", "result", "status", "callstatus", "disposition", "outcome", "callresult", "calltype", "type"],
    ),
    ("answered", &["answered", "wasanswered"]),
    ("voicemail", &["voicemail", "leftvoicemail", "hasvoicemail"]),
    ("transcript", &["transcript", "transcription", "voicemailtranscript", "message"]),
    ("recording_url", &["recording", "recordingurl", "voicemailurl"]),
    ("source", &["source", "sourcename", "trackingsource", "leadsource"]),
    ("campaign", &["campaign", "utmcampaign", "campaignname"]),
    ("medium", &["medium", "utmmedium"]),
];

/// The registry entry.
pub struct PhoneLog;

impl Source for PhoneLog {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn verify(
        &self,
        raw: &RawRequest,
        connection: &Connection,
        keys: &[Secret],
        received_at: Timestamp,
    ) -> Result<(), Rejected> {
        verify(raw, connection, keys, received_at)
    }

    fn read(&self, raw: &RawRequest, connection: &Connection) -> Result<Vec<Signal>, Unreadable> {
        if raw.event != "import" {
            return Err(Unreadable {
                class: "unknown_event",
                words: format!("{} is no event of this hook", cut(&raw.event, 60)),
            });
        }
        let (signals, problems) = rows(&raw.body, connection);
        if signals.is_empty() {
            let words = problems.first().map_or_else(|| "The file has no rows".into(), |p| p.problem.cause.clone());
            return Err(Unreadable { class: "no_rows", words });
        }
        Ok(signals.into_iter().map(|(_, signal)| signal).collect())
    }

    fn answer(&self, _raw: &RawRequest, _connection: &Connection, intake: &Intake) -> HttpReply {
        strict_answer(intake)
    }

    fn strict(&self) -> bool {
        true
    }

    fn screen(&self, raw: &RawRequest, connection: &Connection) -> Result<(), Intake> {
        let kind = media_type(raw).unwrap_or_default();
        if !matches!(kind.as_str(), "text/csv" | "application/csv" | "text/plain" | "text/tab-separated-values") {
            return Err(invalid(415, "RB-0101", format!("The content type is {}", cut(&kind, 80)), "Send text/csv"));
        }
        size(raw, FILE_MAX_BYTES)?;
        if raw.event != "import" {
            let cause = format!("{} is no event of this hook", cut(&raw.event, 60));
            return Err(invalid(404, "RB-0106", cause, "Use import"));
        }
        let (signals, problems) = rows(&raw.body, connection);
        match (signals.is_empty(), problems.into_iter().next()) {
            (true, Some(first)) => {
                let cause = format!("Line {}: {}", first.line, first.problem.cause);
                Err(invalid(422, first.problem.code, cause, &first.problem.cure))
            }
            (true, None) => {
                Err(invalid(422, "RB-0121", "The file has no rows".into(), "Send a header line and one row per call"))
            }
            (false, _) => Ok(()),
        }
    }

    fn check(&self, connection: &Connection) -> Vec<Problem> {
        let unknown = connection.settings.keys().filter_map(|name| {
            let field = name.strip_prefix("column.")?;
            let names: Vec<&str> = COLUMNS.iter().map(|(f, _)| *f).collect();
            (!names.contains(&field)).then(|| {
                let cure = format!("Use one of {}", names.join(", "));
                Problem::new("RB-0111", format!("{name} names a column that is not used"), cure)
            })
        });
        check_endings(connection).into_iter().chain(unknown).collect()
    }
}

/// Which column holds which field.
struct Header {
    columns: Vec<(&'static str, usize)>,
}

impl Header {
    fn new(names: &ByteRecord, connection: &Connection) -> (Self, Vec<RowProblem>) {
        let plain = |s: &str| -> String {
            s.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
        };
        let header: Vec<String> = names.iter().map(|n| decode(n).trim().to_owned()).collect();
        let mut columns: Vec<(&'static str, usize)> = Vec::new();
        let mut problems = Vec::new();
        for (field, _) in COLUMNS {
            let Some(wanted) = connection.setting(&format!("column.{field}")) else { continue };
            match header.iter().position(|h| h.eq_ignore_ascii_case(wanted.trim())) {
                Some(n) => columns.push((field, n)),
                None => problems.push(RowProblem {
                    line: 1,
                    problem: Problem::new(
                        "RB-0120",
                        format!("There is no column {}", cut(wanted, 80)),
                        format!("The columns are: {}", cut(&header.join(", "), 400)),
                    ),
                    kept: false,
                }),
            }
        }
        // Fields in the order of the table, and within a field in the order of its names: the surest first.
        for (field, names) in COLUMNS {
            if columns.iter().any(|(f, _)| f == field) {
                continue;
            }
            let free = |n: usize| !columns.iter().any(|(_, taken)| *taken == n);
            let found =
                names.iter().find_map(|name| header.iter().position(|h| plain(h) == *name).filter(|n| free(*n)));
            // A log with a date column keeps the time of day, not the start, in `time`.
            let found = match (*field, found) {
                ("started_at", Some(n)) if plain(header.get(n).map_or("", String::as_str)) == "time" => {
                    if header.iter().any(|h| matches!(plain(h).as_str(), "date" | "day")) { None } else { Some(n) }
                }
                (_, found) => found,
            };
            columns.extend(found.map(|n| (*field, n)));
        }
        (Self { columns }, problems)
    }

    fn has(&self, field: &str) -> bool {
        self.columns.iter().any(|(f, _)| *f == field)
    }

    fn get(&self, row: &ByteRecord, field: &str) -> Option<String> {
        let (_, n) = self.columns.iter().find(|(f, _)| *f == field)?;
        let text = decode(row.get(*n)?);
        let text = text.trim();
        (!text.is_empty()).then(|| cut(text, TRANSCRIPT_CHARS_MAX))
    }
}

/// UTF-8, or else Latin-1, which is what older phone systems write.
fn decode(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(|b| char::from(*b)).collect(), str::to_owned)
}

/// The delimiter that the header line uses most.
fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
    let parts = |d: u8| line.split(|b| *b == d).count();
    [b'\t', b';', b','].into_iter().max_by_key(|d| parts(*d)).unwrap_or(b',')
}

/// Reads a file: the signals with their line numbers, and what could not be read.
pub fn rows(bytes: &[u8], connection: &Connection) -> (Vec<(usize, Signal)>, Vec<RowProblem>) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter(bytes)).flexible(true).has_headers(true).from_reader(bytes);
    let refuse = |line: usize, code: &'static str, cause: String, cure: &str| RowProblem {
        line,
        problem: Problem::new(code, cause, cure),
        kept: false,
    };
    let names = match reader.byte_headers() {
        Ok(names) => names.clone(),
        Err(e) => {
            return (
                Vec::new(),
                vec![refuse(1, "RB-0121", cut(&e.to_string(), 200), "Send a CSV file with a header line")],
            );
        }
    };
    let (header, mut problems) = Header::new(&names, connection);
    if !header.has("caller") && !header.has("call_id") {
        let cause = "No column holds the caller or the call's id".to_owned();
        problems.push(refuse(1, "RB-0120", cause, "Name it with column.caller or column.call_id"));
    }
    if problems.iter().any(|p| !p.kept) {
        return (Vec::new(), problems);
    }
    let context = Context { connection, zone: zone(&connection.zone), order: date_order(connection), header };
    let mut signals = Vec::new();
    let mut record = ByteRecord::new();
    for n in 0.. {
        let line = usize::try_from(reader.position().line()).unwrap_or(usize::MAX);
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) if n >= ROWS_MAX => {
                let cause = format!("The file has more than {ROWS_MAX} rows");
                problems.push(refuse(line, "RB-0122", cause, "Split it; the rows before this one were read"));
                break;
            }
            Ok(true) => {
                let line = record.position().map_or(line, |p| line_of(p, bytes));
                if record.iter().all(|field| field.trim_ascii().is_empty()) {
                    continue;
                }
                if let Some(signal) = context.row(&record, line, &mut problems) {
                    signals.push((line, signal));
                }
            }
            Err(e) => {
                problems.push(refuse(
                    line,
                    "RB-0121",
                    cut(&e.to_string(), 200),
                    "Mend the row and import the file again",
                ));
                // The reader cannot go on after an error of its input.
                if reader.is_done() || matches!(e.kind(), ::csv::ErrorKind::Io(_)) {
                    break;
                }
            }
        }
    }
    (signals, problems)
}

/// The line that a record stands on: the reader counts from where it began to look, which may be an empty line before it.
fn line_of(position: &::csv::Position, bytes: &[u8]) -> usize {
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let before = bytes.get(from..).unwrap_or_default().iter().take_while(|b| matches!(b, b'\n' | b'\r'));
    usize::try_from(position.line()).unwrap_or(usize::MAX).saturating_add(before.filter(|b| **b == b'\n').count())
}

struct Context<'a> {
    connection: &'a Connection,
    zone: TimeZone,
    order: DateOrder,
    header: Header,
}

impl Context<'_> {
    fn row(&self, row: &ByteRecord, line: usize, problems: &mut Vec<RowProblem>) -> Option<Signal> {
        let get = |field: &str| self.header.get(row, field);
        let mut complain = |code: &'static str, cause: String, cure: &str, kept: bool| {
            problems.push(RowProblem { line, problem: Problem::new(code, cause, cure), kept });
        };
        let (id, caller, start_text) = (get("call_id"), get("caller"), self.start_text(row));
        if id.is_none() && caller.is_none() && start_text.is_none() {
            complain("RB-0123", "The row has neither id nor caller nor time".into(), "Mend the row", false);
            return None;
        }
        let started_at = start_text.as_deref().and_then(|t| self.start(row, t));
        let duration_seconds = get("duration").and_then(|t| seconds_text(&t));
        let dialled = get("dialled");
        let key = id.unwrap_or_else(|| {
            let digits = |t: &Option<String>| {
                t.as_deref().unwrap_or_default().split_whitespace().collect::<String>().to_lowercase()
            };
            let start =
                started_at.map_or_else(|| start_text.clone().unwrap_or_default(), |at| at.as_second().to_string());
            let duration = duration_seconds.map(|s| s.to_string()).unwrap_or_default();
            let text = [digits(&caller), digits(&dialled), start, duration].join("|");
            format!("log-{}", cut(&sha256_hex(text.as_bytes()), 32))
        });
        let mut signal = Signal::new(SignalKind::Ended, vec![key]);
        signal.direction = match direction(get("direction").as_deref()) {
            // A log without directions is a log of calls that came in.
            Direction::Unsaid if !self.header.has("direction") => Direction::Inbound,
            said => said,
        };
        signal.ending = self.ending(row, &mut signal.extra);
        (signal.caller, signal.caller_name, signal.dialled) = (caller, get("caller_name"), dialled);
        (signal.destination, signal.started_at, signal.duration_seconds) =
            (get("destination"), started_at, duration_seconds);
        signal.ended_at = get("ended_at").and_then(|t| instant(&t, &self.zone, self.order));
        (signal.transcript, signal.recording_url) = (get("transcript"), get("recording_url"));
        signal.attribution.source = get("source");
        signal.attribution.campaign = get("campaign");
        signal.attribution.medium = get("medium");
        signal.extra.push(("line".into(), line.to_string()));
        if let (None, Some(text)) = (started_at, start_text) {
            let cure = "Write 2026-03-04 18:12:07, or set date_order";
            complain("RB-0124", format!("The time {} cannot be read", cut(&text, 40)), cure, true);
            signal.extra.push(("started_at_unread".into(), text));
        }
        Some(signal)
    }

    /// The start as written: one column, or a date and a time.
    fn start_text(&self, row: &ByteRecord) -> Option<String> {
        let get = |field: &str| self.header.get(row, field);
        get("started_at").or_else(|| {
            let date = get("date")?;
            Some(get("time").map_or_else(|| date.clone(), |time| format!("{date} {time}")))
        })
    }

    fn start(&self, row: &ByteRecord, text: &str) -> Option<Timestamp> {
        instant(text, &self.zone, self.order).or_else(|| {
            let date = date_of(&self.header.get(row, "date")?, self.order)?;
            let time = time_of(&self.header.get(row, "time")?)?;
            date.to_datetime(time).to_zoned(self.zone.clone()).ok().map(|z| z.timestamp())
        })
    }

    fn ending(&self, row: &ByteRecord, extra: &mut Vec<(String, String)>) -> Ending {
        let get = |field: &str| self.header.get(row, field);
        let yes = |field: &str| get(field).and_then(|t| flag(&Value::String(t)));
        let said = get("ending");
        let known = said.as_deref().and_then(|word| ending(word, self.connection));
        if let (None, Some(word)) = (known, said) {
            extra.push(("ending".into(), word));
        }
        match (known, yes("voicemail"), yes("answered")) {
            (_, Some(true), _) => Ending::Voicemail,
            (Some(ending), ..) => ending,
            (None, _, Some(true)) => Ending::Answered,
            (None, _, Some(false)) => Ending::RingNoAnswer,
            (None, ..) => Ending::Unsaid,
        }
    }
}
