//! The faults there are, and when each happens.

use crate::Request;
use serde::{Deserialize, Serialize};

/// How the other half of a half-written batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// 500, as if nothing had happened.
    #[default]
    ServerError,
    /// No answer.
    TimedOut,
    /// An honest 207 that lists the inputs that failed.
    MultiStatus,
}

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// No answer, nothing written.
    TimeoutBeforeWrite,
    /// Written, no answer.
    TimeoutAfterWrite,
    /// No answer; the write lands this much later.
    LateLanding {
        /// From the request to the landing, ms.
        after_ms: i64,
    },
    /// Written, answered 422.
    UnprocessableButCreated,
    /// Written, answered 500.
    ServerErrorButCreated,
    /// Answered as if written; nothing was.
    SuccessButNothing,
    /// Only the first half of a batch is written (of one input: nothing). Single requests pass untouched.
    HalfABatch {
        /// What the client hears.
        #[serde(default)]
        rest: Rest,
    },
    /// Written; half of the results (of a single record: its id) are missing from the reply.
    IdsMissing,
    /// 429, nothing written.
    TooMany {
        /// `Retry-After` in seconds, if it is sent.
        #[serde(default)]
        retry_after_s: Option<u32>,
    },
    /// 5xx, nothing written.
    ServerError {
        /// 500 to 599.
        status: u16,
    },
    /// No connection.
    Refused,
    /// The connection breaks, nothing written.
    ResetBeforeWrite,
    /// Written, then the connection breaks.
    ResetAfterWrite,
    /// Written at once, answered late.
    Slow {
        /// Delay of the answer, ms.
        delay_ms: i64,
    },
    /// From now on search lags more than usual, for a while; this request is served.
    StaleSearch {
        /// The lag, ms.
        lag_ms: i64,
        /// For how long, ms.
        for_ms: i64,
    },
    /// Written; the reply's body is cut in the middle.
    TruncatedBody,
    /// 200 with another vendor's JSON.
    ForeignBody {
        /// Whether the request was carried out behind it.
        #[serde(default)]
        written: bool,
    },
    /// 200 with a page of HTML, as from a gateway.
    HtmlOk {
        /// Whether the request was carried out behind it.
        #[serde(default)]
        written: bool,
    },
    /// A redirect to an address inside the house of whoever follows it; nothing written.
    Redirect,
    /// 401 for a token that is good before and after; nothing written.
    Unauthorized,
}

impl Fault {
    /// The names of every fault, as [`Fault::name`] gives them.
    pub const NAMES: [&'static str; 20] = [
        "timeout_before_write",
        "timeout_after_write",
        "late_landing",
        "unprocessable_but_created",
        "server_error_but_created",
        "success_but_nothing",
        "half_a_batch",
        "ids_missing",
        "too_many",
        "server_error",
        "refused",
        "reset_before_write",
        "reset_after_write",
        "slow",
        "stale_search",
        "truncated_body",
        "foreign_body",
        "html_ok",
        "redirect",
        "unauthorized",
    ];

    /// One of each, with ordinary parameters: for suites that must not forget one.
    pub fn one_of_each() -> Vec<Self> {
        vec![
            Self::TimeoutBeforeWrite,
            Self::TimeoutAfterWrite,
            Self::LateLanding { after_ms: 20_000 },
            Self::UnprocessableButCreated,
            Self::ServerErrorButCreated,
            Self::SuccessButNothing,
            Self::HalfABatch { rest: Rest::ServerError },
            Self::IdsMissing,
            Self::TooMany { retry_after_s: None },
            Self::TooMany { retry_after_s: Some(10) },
            Self::ServerError { status: 503 },
            Self::Refused,
            Self::ResetBeforeWrite,
            Self::ResetAfterWrite,
            Self::Slow { delay_ms: 5_000 },
            Self::StaleSearch { lag_ms: 120_000, for_ms: 300_000 },
            Self::TruncatedBody,
            Self::ForeignBody { written: true },
            Self::HtmlOk { written: false },
            Self::Redirect,
            Self::Unauthorized,
        ]
    }

    /// The name in logs and counts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TimeoutBeforeWrite => "timeout_before_write",
            Self::TimeoutAfterWrite => "timeout_after_write",
            Self::LateLanding { .. } => "late_landing",
            Self::UnprocessableButCreated => "unprocessable_but_created",
            Self::ServerErrorButCreated => "server_error_but_created",
            Self::SuccessButNothing => "success_but_nothing",
            Self::HalfABatch { .. } => "half_a_batch",
            Self::IdsMissing => "ids_missing",
            Self::TooMany { .. } => "too_many",
            Self::ServerError { .. } => "server_error",
            Self::Refused => "refused",
            Self::ResetBeforeWrite => "reset_before_write",
            Self::ResetAfterWrite => "reset_after_write",
            Self::Slow { .. } => "slow",
            Self::StaleSearch { .. } => "stale_search",
            Self::TruncatedBody => "truncated_body",
            Self::ForeignBody { .. } => "foreign_body",
            Self::HtmlOk { .. } => "html_ok",
            Self::Redirect => "redirect",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// When a rule fits, among the requests its filters let through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Every time.
    Always,
    /// Only the n-th time, counted from 1.
    Nth(u64),
    /// Every n-th time.
    EveryNth(u64),
    /// While `from_ms <= now < to_ms`.
    Between {
        /// Start, ms since the epoch.
        from_ms: i64,
        /// End, ms since the epoch.
        to_ms: i64,
    },
    /// By seeded chance, of 1,000.
    Chance {
        /// 0 to 1,000.
        per_mille: u16,
    },
}

/// One rule of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// When.
    pub when: When,
    /// Only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Only paths that contain this.
    #[serde(default)]
    pub path: Option<String>,
    /// Only bodies that contain this.
    #[serde(default)]
    pub body: Option<String>,
    /// At most this many times.
    #[serde(default)]
    pub times: Option<u64>,
    /// Only requests that may change something: no reads, searches or sign-ins.
    #[serde(default)]
    pub writes: bool,
}

impl Rule {
    /// A rule for every request.
    pub fn new(fault: Fault, when: When) -> Self {
        Self { fault, when, method: None, path: None, body: None, times: None, writes: false }
    }

    /// Only this method and only paths that contain `path`.
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// At most `n` times.
    pub fn times(mut self, n: u64) -> Self {
        self.times = Some(n);
        self
    }

    /// Only requests that may change something.
    pub fn writes(self) -> Self {
        Self { writes: true, ..self }
    }

    pub(super) fn concerns(&self, request: &Request) -> bool {
        if self.writes && !may_change(request) {
            return false;
        }
        self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.path.as_ref().is_none_or(|part| request.path.contains(part))
            && self.body.as_ref().is_none_or(|part| String::from_utf8_lossy(&request.body).contains(part))
    }
}

/// Vendors read by POST too; what they call those requests.
const READS: [&str; 7] = ["search", "/batch/read", "/query", "oauth", "token", "coql", "/retrieve"];

fn may_change(request: &Request) -> bool {
    let path = request.path.split('?').next().unwrap_or_default().to_ascii_lowercase();
    request.method != "GET" && !READS.iter().any(|word| path.contains(word))
}

/// A schedule of faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// In order; the first that fits is applied.
    pub rules: Vec<Rule>,
    /// Decides [`When::Chance`].
    pub seed: u64,
    /// How long a client waits before it gives up, ms: what a time-out takes.
    pub client_timeout_ms: i64,
    /// How long an ordinary answer takes, ms.
    pub latency_ms: i64,
}

impl Default for Script {
    fn default() -> Self {
        Self { rules: Vec::new(), seed: 0, client_timeout_ms: 30_000, latency_ms: 40 }
    }
}

impl Script {
    /// Appends a rule.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// No connection from `from_ms` until `to_ms`.
    pub fn outage(self, from_ms: i64, to_ms: i64) -> Self {
        self.rule(Rule::new(Fault::Refused, When::Between { from_ms, to_ms }))
    }

    /// 429 from `from_ms` until `to_ms`.
    pub fn throttle(self, from_ms: i64, to_ms: i64, retry_after_s: Option<u32>) -> Self {
        self.rule(Rule::new(Fault::TooMany { retry_after_s }, When::Between { from_ms, to_ms }))
    }

    /// A script of one fault by chance.
    pub fn by_chance(self, fault: Fault, per_mille: u16) -> Self {
        self.rule(Rule::new(fault, When::Chance { per_mille }))
    }
}
