//! Contracts for lines of business: each is the default with a few clauses otherwise, written as an overlay that people can read.
//!
//! An overlay has the form of a contract. A key before the first table, or in a table that the default has too, takes the place of the default's line; a table that
//! the default does not have is added beside its kind; a test of the same name takes the other's place. No profile does more by itself than the
//! default, and a test holds that.

/// A line of business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// As it is typed: `clinic`.
    pub name: &'static str,
    /// What is otherwise, in one sentence.
    pub about: &'static str,
    overlay: &'static str,
}

const fn profile(name: &'static str, about: &'static str, overlay: &'static str) -> Profile {
    Profile { name, about, overlay }
}

/// Every profile that ships, as `ringback init --profile` knows them.
pub const PROFILES: &[Profile] = &[
    profile(
        "home-services",
        "Trades that drive out: the service wanted stands on the callback task, and a same-day call is due within two hours.",
        include_str!("profiles/home-services.toml"),
    ),
    profile(
        "clinic",
        "Patients: what somebody is ill with stays out of the CRM, nothing but the callback is written by itself, words are kept short.",
        include_str!("profiles/clinic.toml"),
    ),
    profile(
        "real-estate",
        "Agents: requirements are suggested as fields, and who calls in the evening is called first thing in the morning.",
        include_str!("profiles/real-estate.toml"),
    ),
    profile(
        "financial",
        "Financial services: sums and products stay out of the CRM, and words are kept short.",
        include_str!("profiles/financial.toml"),
    ),
    profile(
        "recruitment",
        "Recruiters: status, availability and notes have fields of their own, empty until something tells them, and a person decides each.",
        include_str!("profiles/recruitment.toml"),
    ),
    profile(
        "med-spa",
        "Aesthetic medicine: which treatment somebody asks about stays out of the CRM, and words are kept short.",
        include_str!("profiles/med-spa.toml"),
    ),
    profile(
        "legal",
        "Law firms: nothing of the matter goes into the CRM, and words are kept short.",
        include_str!("profiles/legal.toml"),
    ),
    profile(
        "agency",
        "Agencies with clients: everything waits for a person, because the CRM is somebody else's.",
        include_str!("profiles/agency.toml"),
    ),
];

/// The profile of that name.
pub fn profile_of(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|p| p.name == name)
}

/// The default contract of a CRM, as that line of business needs it.
pub fn profiled(base: &str, profile: &Profile) -> String {
    let mut blocks = blocks(base);
    for mut own in self::blocks(profile.overlay) {
        let is_list = own.header.starts_with("[[");
        let same = |b: &Block| b.header == own.header && (!is_list || b.name().is_some() && b.name() == own.name());
        if let Some(other) = blocks.iter_mut().find(|b| same(b)) {
            if is_list {
                other.lines = own.lines;
            } else {
                other.merge(&own.lines);
            }
            continue;
        }
        let kind = |header: &str| header.split('.').next().unwrap_or_default().to_owned();
        let last = blocks.iter().rposition(|b| b.header == own.header);
        let last = last.or_else(|| blocks.iter().rposition(|b| kind(&b.header) == kind(&own.header)));
        own.above.insert(0, String::new());
        own.above.dedup();
        blocks.insert(last.map_or(blocks.len(), |at| at + 1), own);
    }
    let mut out = String::with_capacity(base.len() * 2);
    for line in blocks.iter().flat_map(Block::text) {
        out.push_str(line);
        out.push('\n');
    }
    out.replacen('\n', &format!("\n#\n# For the line of business \"{}\". {}\n", profile.name, profile.about), 1)
}

/// One table with the comments above it; the keys before the first table are one too.
#[derive(Debug, Default)]
struct Block {
    above: Vec<String>,
    header: String,
    lines: Vec<String>,
}

impl Block {
    fn text(&self) -> impl Iterator<Item = &str> {
        let header = (!self.header.is_empty()).then_some(self.header.as_str());
        self.above.iter().map(String::as_str).chain(header).chain(self.lines.iter().map(String::as_str))
    }

    fn name(&self) -> Option<&str> {
        self.lines.iter().find(|line| key(line) == Some("name")).map(String::as_str)
    }

    /// Each key of the other takes the place of the line of that key, or is added; comments stay with the key below them.
    fn merge(&mut self, lines: &[String]) {
        let mut held: Vec<String> = Vec::new();
        for line in lines {
            let Some(wanted) = key(line) else {
                held.push(line.clone());
                continue;
            };
            held.push(line.clone());
            let place = self.lines.iter().position(|l| key(l) == Some(wanted));
            let at = place.unwrap_or_else(|| self.lines.iter().rposition(|l| key(l).is_some()).map_or(0, |n| n + 1));
            let end = if place.is_some() { at + 1 } else { at };
            self.lines.splice(at..end, held.drain(..));
        }
    }
}

fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim();
    (!key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(key)
}

fn blocks(text: &str) -> Vec<Block> {
    let mut all = vec![Block::default()];
    for line in text.lines() {
        if line.starts_with('[') {
            // Comments and blank lines right above a header belong to it.
            let Some(before) = all.last_mut() else { continue };
            let end = before.lines.iter().rposition(|l| !l.is_empty() && !l.starts_with('#')).map_or(0, |n| n + 1);
            let above = before.lines.split_off(end);
            all.push(Block { above, header: line.to_owned(), lines: Vec::new() });
        } else if let Some(block) = all.last_mut() {
            block.lines.push(line.to_owned());
        }
    }
    all.retain(|b| b.text().next().is_some());
    all
}
