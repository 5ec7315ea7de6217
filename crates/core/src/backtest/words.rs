//! What a backtest found, as sentences for people: the command line and the console say the same.

use super::{Answer, Bucket, Counts, Decision, Example, How, Person, Report, Tally};

impl Report {
    /// What could not be rehearsed.
    pub fn apart(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.expired > 0 {
            let more = inquiries(self.expired);
            lines.push(format!("Of {more} more the words are gone, so nothing is known of them."));
        }
        if self.unreadable > 0 {
            let more = inquiries(self.unreadable);
            lines.push(format!("The record of {more} more cannot be read: `ringback audit verify` tells why."));
        }
        lines
    }

    /// How the draft differs in total. Each line is a whole sentence.
    pub fn sentences(&self) -> Vec<String> {
        let total = &self.total;
        let mut lines = Vec::new();
        for (tally, what, later) in [
            (total.more_written, "would have written {n} more", "set"),
            (total.fewer_written, "would not have written {n} that the contract in force writes", "set"),
            (total.otherwise_written, "would have written {n} otherwise", "set"),
            (total.newly_reviewed, "would have asked a person about {n} more", "wanted"),
            (
                total.no_longer_reviewed,
                "would not have asked about {n} that the contract in force asks about",
                "wanted",
            ),
        ] {
            if tally.n > 0 {
                lines.push(format!("It {}{}.", what.replace("{n}", &values(tally.n)), tally.judged(later)));
            }
        }
        if self.owner_differs > 0 {
            lines.push(format!("It would have given {} to another owner.", inquiries(self.owner_differs)));
        }
        if self.match_differs > 0 {
            lines.push(format!(
                "It would have taken the caller of {} for somebody else.",
                inquiries(self.match_differs)
            ));
        }
        if lines.is_empty() {
            lines.push("It would have decided the same.".to_owned());
        }
        if total.unknown > 0 {
            let n = values(total.unknown);
            lines
                .push(format!("Of {n} nothing is known: they depend on a field of the record that was not read then."));
        }
        lines
    }
}

fn values(n: u64) -> String {
    if n == 1 { "1 value".to_owned() } else { format!("{n} values") }
}

fn inquiries(n: u64) -> String {
    if n == 1 { "1 inquiry".to_owned() } else { format!("{n} inquiries") }
}

impl Tally {
    /// In a table.
    pub fn cell(self) -> String {
        match (self.n, self.corrected) {
            (0, _) => "–".to_owned(),
            (n, 0) => n.to_string(),
            (n, corrected) => format!("{n} ({corrected} corrected)"),
        }
    }

    fn judged(self, later: &str) -> String {
        let judged = self.corrected + self.confirmed;
        match (judged, self.corrected) {
            (0, _) => ": nobody has said anything of them since".to_owned(),
            (_, 0) => format!("; a person {later} {} of them just so, and none otherwise", self.confirmed),
            (_, wrong) => format!("; a person later {later} {wrong} of them otherwise, and {} just so", self.confirmed),
        }
    }
}

impl Counts {
    /// The draft decides some of it otherwise, or it is not known.
    pub fn differs(&self) -> bool {
        let all = [self.more_written, self.fewer_written, self.otherwise_written, self.newly_reviewed];
        all.iter().any(|t| t.n > 0) || self.no_longer_reviewed.n > 0 || self.unknown > 0
    }

    /// How many are written, before and after.
    pub fn written(&self) -> String {
        change(self.written_now.n, self.written_draft.n)
    }

    /// How many are put to a person, before and after.
    pub fn asked(&self) -> String {
        change(self.reviewed_now, self.reviewed_draft)
    }
}

fn change(was: u64, is: u64) -> String {
    if was == is { was.to_string() } else { format!("{was} → {is}") }
}

impl Bucket {
    /// The heading of its examples.
    pub fn title(self) -> &'static str {
        match self {
            Self::MoreWritten => "Written by the draft only",
            Self::FewerWritten => "Not written by the draft any more",
            Self::OtherwiseWritten => "Written with another value",
            Self::NewlyReviewed => "Newly put to a person",
            Self::NoLongerReviewed => "No longer put to a person",
            Self::Unknown => "Not known",
        }
    }
}

impl Decision {
    /// What is decided, why, and by which clause.
    pub fn sentence(&self) -> String {
        let value = self.value.as_deref().filter(|_| self.verdict != "keep");
        let value = value.map(|v| format!(" “{v}”")).unwrap_or_default();
        match (&self.clause, &self.reason) {
            (Some(clause), Some(reason)) => format!("{}{value}: {reason} ({clause})", self.verdict),
            _ => "says nothing of it".to_owned(),
        }
    }
}

impl Person {
    /// What the person made of the value; the moment is told beside it.
    pub fn sentence(&self) -> String {
        let value = self.value.as_deref().unwrap_or_default();
        match self.how {
            How::Answered(_) if self.agrees => "wanted just that".to_owned(),
            How::Answered(Answer::TakenBack) => "took it back by a rollback".to_owned(),
            How::Answered(_) if value.is_empty() => "said no to it".to_owned(),
            How::Answered(_) => format!("put “{value}” instead"),
            How::SetInCrm if self.agrees => "set just that in the CRM".to_owned(),
            How::SetInCrm => format!("set “{value}” in the CRM"),
        }
    }
}

impl Example {
    /// How sure the machine was, in per cent.
    pub fn sure(&self) -> Option<String> {
        self.confidence.map(|c| format!("{}.{} %", c / 10, c % 10))
    }
}
