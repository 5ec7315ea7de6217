//! Every text of the console by message id, so that a second language is a second column and not a hunt through pages.

/// Id and text, in order of the id.
static EN: &[(&str, &str)] = &[
    ("account.other", "Go to account"),
    ("account.sign_out", "Sign out"),
    ("breaker.closed", "sending"),
    ("breaker.open", "paused after failures; it tries again by itself"),
    ("breaker.open_until", "paused after failures; tries again at"),
    ("brief.and_said", "and said:"),
    ("brief.ask", "Ask for"),
    ("brief.at_once", "at once"),
    ("brief.by", "by"),
    ("brief.call", "call"),
    ("brief.caller_has", "the caller said:"),
    ("brief.class", "Class"),
    ("brief.conflict", "Conflict"),
    ("brief.crm_has", "the CRM holds:"),
    ("brief.crm_says", "as the CRM has it"),
    ("brief.directory_says", "as the telephone directory has it"),
    ("brief.disagree", "does not agree with the record in the CRM"),
    ("brief.do_find_number", "Find out who it was: decide under Reviews which number can be called."),
    ("brief.do_nothing", "Nothing more; it is closed."),
    ("brief.do_opt_out", "Do not call to sell: the caller asked not to be called."),
    ("brief.do_opt_out_more", "If you must speak, say only that you have taken note."),
    ("brief.do_pick", "Several records may be this caller: ask who it is, then decide it under Reviews."),
    ("brief.match", "match"),
    ("brief.missing", "Missing"),
    ("brief.no_conflict", "None. What was said contradicts nothing that is known."),
    ("brief.note", "note"),
    ("brief.nothing_missing", "Nothing that a callback needs."),
    ("brief.number", "number"),
    ("brief.open_with", "Open with"),
    ("brief.promise_nothing", "Promise no price and no time; that is not yours to promise before somebody looked."),
    ("brief.recommended", "Do this"),
    ("brief.same_words", "same words"),
    ("brief.shown", "as the telephone showed it"),
    ("brief.title", "Handoff"),
    ("brief.unknown", "unknown"),
    ("brief.who", "Who"),
    ("brief.why", "Why they called"),
    ("brief.you_called", "You called at"),
    ("button.accept", "Accept"),
    ("button.approve", "Approve"),
    ("button.approve_alike", "Approve all"),
    ("button.assign", "Give it"),
    ("button.call", "Call"),
    ("button.decide", "Decide"),
    ("button.edit", "Write this"),
    ("button.more", "edit or reject"),
    ("button.not_worth_it", "Not worth it"),
    ("button.pick", "This one"),
    ("button.reject", "Reject"),
    ("button.replay", "Try again"),
    ("button.show", "Show"),
    ("button.sign_in", "Sign in"),
    ("button.take", "Take"),
    ("button.use_number", "Use this number"),
    ("button.worth_it", "Worth a call"),
    ("card.after_hours", "after hours"),
    ("card.due", "due"),
    ("card.hours", "hours"),
    ("card.in", "in"),
    ("card.last", "last"),
    ("card.late", "late"),
    ("card.no_caller", "No caller ID"),
    ("card.no_due", "no due time"),
    ("card.no_location", "no location"),
    ("card.no_message", "No message left."),
    ("card.open_deal", "open:"),
    ("card.open_hours", "opening hours"),
    ("card.past_due", "past due"),
    ("card.provisional", "until decided"),
    ("card.rang", "rang"),
    ("card.reported", "reported"),
    ("card.sure", "sure"),
    ("card.to_decide", "to decide"),
    ("card.unowned", "nobody yet"),
    ("card.waiting", "waiting"),
    ("card.wall", "every minute counts"),
    ("card.words_pending", "Voicemail; its words are not here yet."),
    ("card.words_unclear", "Words were left, but nothing clear was understood. Open to read them."),
    ("category.abandoned", "hung up waiting"),
    ("category.ai_answered", "voice agent answered"),
    ("category.answered", "answered"),
    ("category.busy", "line busy"),
    ("category.failed_after_form", "failed after a form"),
    ("category.form", "form"),
    ("category.ring_no_answer", "rang, no answer"),
    ("category.unknown", "ending unknown"),
    ("category.voicemail", "voicemail"),
    ("connections.hook", "Address for the provider"),
    ("connections.incoming", "Where calls come from"),
    (
        "connections.no_incoming",
        "No source is connected. Add one in ringback.toml, then start again; its address shows here.",
    ),
    (
        "connections.no_outgoing",
        "No CRM is connected. The queue works without one: calls are recorded and owned, and nothing is written.",
    ),
    ("connections.outgoing", "Where work goes"),
    ("connections.quarantine", "Quarantine"),
    ("connections.quarantine_empty", "Nothing. Every request so far was signed as its connection expects."),
    ("connections.quarantine_more", "There are more than fit here; accept these first."),
    (
        "connections.quarantine_note",
        "These requests were not signed as expected, so nothing in them was believed. Fix the key, then accept: each ends like any other signal. This cannot be undone.",
    ),
    ("connections.title", "Connections"),
    ("cost.deal", "a customer with open business"),
    ("cost.due_in", "due in"),
    ("cost.emergency", "says it is an emergency"),
    ("cost.high", "says it is urgent"),
    ("cost.no_due", "no due time yet"),
    ("crm.ago", "ago"),
    ("crm.behind", "behind by"),
    ("crm.behind_failed", "waits for what failed"),
    ("crm.down", "down since"),
    ("crm.holds_nothing", "holds nothing"),
    ("crm.idle", "nothing sent yet"),
    ("crm.in_step", "in step"),
    ("crm.not_read", "sent, not read back yet"),
    ("crm.not_written", "not written"),
    ("crm.on_its_way", "on its way"),
    ("crm.queue_works", "the queue works without it"),
    ("crm.refused", "refused; needs a person"),
    ("crm.waiting", "waiting"),
    (
        "cure.auth",
        "Give the connection a credential with the scopes it needs, then try again. “ringback connect” names them.",
    ),
    ("cure.gave_up", "Look whether the CRM is up, then try again. It looks before it creates, so nothing is doubled."),
    (
        "cure.gone",
        "The record was deleted or merged in the CRM. Open the inquiry, pick the right person, then try again.",
    ),
    ("cure.other", "Read the cause, mend it where it says, then try again. Nothing is doubled."),
    (
        "cure.property",
        "The CRM does not know this field or value. Run “ringback connect”, or correct the contract, then try again.",
    ),
    ("dead.attempt_one", "attempt"),
    ("dead.attempts", "attempts"),
    ("dead.empty", "No dead letters. Everything that was to be written either stands in the CRM or is on its way."),
    ("dead.no_cause", "no cause was given"),
    (
        "dead.note",
        "These cannot succeed without a person. Each was refused, or looked for and not found; trying again looks first, so nothing is doubled.",
    ),
    ("dead.title", "Dead letters"),
    ("effect.close_task", "Close the task"),
    ("effect.create_contact", "Make the contact"),
    ("effect.create_task", "Make the callback task"),
    ("effect.find", "Look for the caller"),
    ("effect.log_call", "Log the call"),
    ("effect.page", "Tell the owner"),
    ("effect.update_contact", "Update the contact"),
    ("entry.expired", "words expired by policy"),
    ("field.address", "address"),
    ("field.amount", "amount"),
    ("field.budget", "budget"),
    ("field.callback_due", "callback due"),
    ("field.callback_number", "callback number"),
    ("field.callback_owner", "who calls back"),
    ("field.caller_name", "name"),
    ("field.decided", "decided, not said"),
    ("field.email", "e-mail"),
    ("field.empty", "empty"),
    ("field.intent", "kind of call"),
    ("field.next_action", "next step"),
    ("field.nothing", "nothing"),
    ("field.reason_code", "reason"),
    ("field.record_owner", "owner of the record"),
    ("field.sentiment", "tone"),
    ("field.service", "service"),
    ("field.timeline", "timeline"),
    ("field.urgency", "urgency"),
    ("field.when", "day or hour"),
    ("flag.ambiguous_voicemail", "unclear message"),
    ("flag.availability_request", "asks when you have time"),
    ("flag.competitor", "compares with others"),
    ("flag.complaint", "complains"),
    ("flag.emergency", "emergency"),
    ("flag.existing_customer_issue", "trouble with work done"),
    ("flag.high_value", "large job"),
    ("flag.opt_out", "asked not to be called"),
    ("flag.pricing_request", "asks for a price"),
    ("flag.spam", "sounds like spam"),
    ("flag.vendor", "supplier or salesperson"),
    ("help.approve", "approve"),
    ("help.call", "call"),
    ("help.close", "close, leave a field"),
    ("help.edit", "another value"),
    ("help.find", "find"),
    ("help.help", "this help"),
    ("help.move", "next, previous"),
    ("help.note", "note what happened"),
    ("help.open", "open"),
    ("help.pick", "pick"),
    ("help.reject", "say why not"),
    ("help.review", "reviews"),
    ("help.take", "take, or approve"),
    ("help.title", "Keys"),
    ("hours.closed", "closed"),
    ("hours.open", "open"),
    ("hours.opens", "opens"),
    ("hours.until", "open until"),
    ("inquiry.actions", "What happened?"),
    ("inquiry.assign", "Give to"),
    ("inquiry.audit", "Ledger"),
    ("inquiry.audit_note", "every event as it was recorded"),
    ("inquiry.closed", "Closed"),
    ("inquiry.contract", "Decided under"),
    ("inquiry.fields", "Fields"),
    ("inquiry.fields_empty", "No field was decided. Nothing was said that the contract maps."),
    ("inquiry.next_attempt", "Next attempt:"),
    ("inquiry.not_done", "Not done, and why"),
    ("inquiry.not_done_empty", "Nothing was held back."),
    ("inquiry.note", "Note, if you want"),
    ("inquiry.owner", "Owner"),
    ("inquiry.questions", "Waits for a decision"),
    ("inquiry.said", "What was said"),
    ("inquiry.said_empty", "No words came with this call."),
    ("inquiry.stages", "Stages"),
    ("inquiry.stops_at", "It stops at"),
    ("inquiry.timeline", "Timeline"),
    ("inquiry.with", "with"),
    ("intent.booking", "booking"),
    ("intent.complaint", "complaint"),
    ("intent.inquiry", "question"),
    ("intent.support", "help with a problem"),
    ("kind.crm", "CRM"),
    ("kind.other", "other"),
    ("kind.sink", "pages"),
    ("kind.source", "source"),
    ("match.ambiguous", "could be several people"),
    ("match.anonymous", "number withheld"),
    ("match.customer", "customer"),
    ("match.lead", "lead"),
    ("match.new", "new"),
    ("match.vendor", "supplier"),
    ("match.waiting", "not looked up yet"),
    ("nav.connections", "Connections"),
    ("nav.dead", "Dead letters"),
    ("nav.main", "Main"),
    ("nav.reviews", "Reviews"),
    ("nav.skip", "Skip to the page"),
    ("nav.today", "Today"),
    ("next.call_back", "call back"),
    ("next.none", "nothing"),
    ("not_done.ask", "ask on the phone"),
    ("not_done.contract", "map it in the contract if you need it"),
    ("not_done.replay", "mend the cause, then try again under Dead letters"),
    ("not_done.rule", "held back by a rule; change it in the contract"),
    ("not_done.unmapped", "heard, but the contract gives it no field"),
    ("outcome.answered_after_all", "answered after all"),
    ("outcome.converted", "booked"),
    ("outcome.disqualified", "not a caller for us"),
    ("outcome.engaged", "reached"),
    ("outcome.not_reached", "not reached"),
    ("outcome.opted_out", "asked not to be called"),
    ("problem.account", "account of that name for you"),
    ("problem.back", "Back to Today"),
    ("problem.page", "page at this address"),
    ("reason.appointment_booking", "wants an appointment"),
    ("reason.appointment_change", "wants to move an appointment"),
    ("reason.billing_question", "asks about a bill"),
    ("reason.cancellation", "cancels"),
    ("reason.complaint", "complains"),
    ("reason.demo_request", "wants to see it shown"),
    ("reason.emergency_urgent", "emergency"),
    ("reason.information_request", "asks for information"),
    ("reason.new_service_request", "wants a service"),
    ("reason.other", "something else"),
    ("reason.pricing_question", "asks for a price"),
    ("reason.support_issue", "something does not work"),
    ("reason.wrong_number_spam", "wrong number or spam"),
    ("rejected.no_evidence", "the words do not stand in the transcript"),
    ("rejected.not_following", "the words do not say this value"),
    ("rejected.wrong_digits", "a number with too few or too many digits"),
    ("rejected.wrong_kind", "not a value this field takes"),
    ("result.booked", "Booked"),
    ("result.left_message", "Left message"),
    ("result.no_answer", "No answer"),
    ("result.reached", "Reached"),
    ("result.wrong_number", "Wrong number"),
    ("review.alike", "of this caller that the same rule stopped; each is listed below"),
    ("review.ambiguous_voicemail", "Is this voicemail worth a call?"),
    ("review.current", "CRM holds"),
    ("review.empty", "Nothing waits for a decision."),
    ("review.empty_next", "What the contract may not decide by itself will stand here, with the words it came from."),
    ("review.field_no", "the CRM keeps what it holds, and your reason is kept"),
    ("review.field_yes", "this value is written and read back; what it replaces is kept"),
    ("review.heard", "Heard"),
    ("review.location_no", "it stays without a location"),
    ("review.location_yes", "the location's staff and clock take over"),
    ("review.match", "Who is this caller?"),
    ("review.match_no", "nobody is linked, and your reason is kept"),
    ("review.match_yes", "call and task go to that record"),
    ("review.needed", "say something here"),
    ("review.no_number", "Which number can be called?"),
    ("review.nothing", "nothing"),
    ("review.number", "Number to call"),
    ("review.number_no", "it is kept without a callback"),
    ("review.number_yes", "the caller gets a task, an owner and a clock"),
    ("review.owner_change", "Change who owns the record?"),
    ("review.owner_no", "the owner stays as now"),
    ("review.owner_tie", "Who calls back?"),
    ("review.owner_yes", "that person owns it from now on"),
    ("review.proposed", "Proposed"),
    ("review.reason", "Why not"),
    ("review.stopped", "Stopped by"),
    ("review.unknown_location", "Which location is this?"),
    ("review.value", "Another value"),
    ("review.voicemail_no", "it is kept, and nobody calls"),
    ("review.voicemail_yes", "it stays in the queue to be called"),
    ("review.who_wins", "Who wins"),
    ("reviews.all", "All reviews"),
    ("reviews.title", "Reviews"),
    ("role.admin", "administrator"),
    ("role.auditor", "auditor"),
    ("role.coordinator", "coordinator"),
    ("role.revops", "revenue operations"),
    ("rule.record_owner", "the owner in the CRM"),
    ("said.expired", "The words expired by policy. What was decided from them stays, and verifies."),
    ("said.version", "corrected, version"),
    ("sentiment.frustrated", "frustrated"),
    ("sentiment.neutral", "neutral"),
    ("sentiment.positive", "friendly"),
    ("sign_in.email", "E-mail"),
    ("sign_in.password", "Password"),
    ("sign_in.title", "Sign in"),
    ("signature.missing", "it carries no signature"),
    ("signature.no_key", "this connection has no key to check with"),
    ("signature.stale", "signed too long ago"),
    ("signature.wrong", "the signature fits no key of this connection"),
    ("source.last", "last signal"),
    ("source.none", "nothing has arrived yet"),
    ("staff.away", "away"),
    ("stage.after_write", "waits for write"),
    ("stage.asking", "waits for a person"),
    ("stage.capture", "capture"),
    ("stage.done", "done"),
    ("stage.failed", "failed"),
    ("stage.not_needed", "not needed"),
    ("stage.reconcile", "reconcile"),
    ("stage.route", "route"),
    ("stage.structure", "structure"),
    ("stage.trust", "trust"),
    ("stage.waiting", "under way"),
    ("stage.write", "write"),
    ("stale.text", "Live updates stopped. What you see is from"),
    ("table.crm_says", "CRM says"),
    ("table.field", "Field"),
    ("table.from", "From"),
    ("table.is", "Is"),
    ("table.sure", "Sure"),
    ("table.verdict", "Verdict"),
    ("table.was", "Was"),
    ("table.who_wins", "Who wins"),
    ("tier.corporate", "corporate"),
    ("tier.location", "location staff"),
    ("tier.specialist", "specialist"),
    ("tier.told", "was told"),
    ("time.breach", "past due"),
    ("time.breach_text", "nobody had tried by then"),
    ("time.call", "call"),
    ("time.callback", "callback"),
    ("time.crm", "CRM"),
    ("time.dead", "needs a person"),
    ("time.deliveries", "messages folded into one"),
    ("time.escalation", "climbed"),
    ("time.match", "match"),
    ("time.owner", "owner"),
    ("time.read_back", "done and read back"),
    ("today.all", "All locations"),
    ("today.asking_many", "need a decision"),
    ("today.asking_one", "needs a decision"),
    ("today.by", "with"),
    ("today.calling", "Being called"),
    ("today.decision", "Waiting for a decision"),
    ("today.decision_note", "Nobody can call these before somebody has decided."),
    ("today.done", "Nobody waits."),
    ("today.done_next", "New calls show here within seconds."),
    ("today.find", "Name, number or words"),
    ("today.find_short", "Find"),
    ("today.later", "Later"),
    ("today.location", "Location"),
    ("today.more", "More callers wait than fit on this page; choose a location."),
    ("today.nothing_found", "Nobody in the queue fits."),
    ("today.now", "Call now"),
    ("today.now_empty", "Nobody has to be called right now."),
    ("today.order", "Emergencies first, then urgent callers, then promises already broken, then whoever is due next."),
    ("today.past_due", "past due"),
    ("today.title", "Today"),
    ("today.to_call", "to call"),
    ("urgency.emergency", "emergency"),
    ("urgency.high", "urgent"),
    ("urgency.nurture", "no hurry"),
    ("urgency.same_day", "same day"),
    ("urgency.this_week", "this week"),
    ("urgency.unknown", "urgency unknown"),
    ("verdict.keep", "kept"),
    ("verdict.review", "asks a person"),
    ("verdict.suppress", "held back"),
    ("verdict.write", "to write"),
    ("verdict.written", "written"),
];

/// The text of a message; an unknown id shows itself, and fails the test below.
pub(crate) fn t(id: &'static str) -> &'static str {
    EN.binary_search_by_key(&id, |(known, _)| known).ok().and_then(|at| EN.get(at)).map_or(id, |(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::EN;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn sources(dir: &Path, out: &mut String) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, out);
            } else if path.file_name().is_some_and(|n| n != "texts.rs") {
                out.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn ids_are_in_order_and_unique() {
        for pair in EN.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} stands before {}", pair[0].0, pair[1].0);
        }
    }

    #[test]
    fn every_id_used_has_a_text_and_every_text_is_used() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = String::new();
        sources(&root.join("src"), &mut all);
        sources(&root.join("templates"), &mut all);
        let groups: BTreeSet<&str> = EN.iter().filter_map(|(id, _)| id.split_once('.')).map(|(g, _)| g).collect();
        let quoted: BTreeSet<&str> = all.split('"').collect();
        let is_id = |text: &&&str| {
            let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            text.split_once('.').is_some_and(|(g, rest)| groups.contains(g) && word(rest))
        };
        for id in quoted.iter().filter(is_id).filter(|id| id.rsplit('.').next() != Some("html")) {
            assert!(EN.iter().any(|(known, _)| known == id), "{id} has no text");
        }
        for (id, _) in EN {
            assert!(quoted.contains(id), "{id} is used nowhere");
        }
        // Whatever its group: what is asked for by a literal must be there.
        let called: BTreeSet<&str> = all.split("t(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(called.len() > 150, "the calls were found: {}", called.len());
        for id in called.iter().filter(|id| id.contains('.') && !id.contains(' ')) {
            assert!(EN.iter().any(|(known, _)| known == id), "{id} has no text");
        }
    }

    /// The text without everything from each `open` to its `close`.
    fn without(text: &str, open: &str, close: &str) -> String {
        let mut parts = text.split(open);
        let mut left = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            left.push(' ');
            left.push_str(part.split_once(close).map_or("", |(_, rest)| rest));
        }
        left
    }

    #[test]
    fn templates_say_nothing_of_their_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        for entry in fs::read_dir(root).unwrap() {
            let path = entry.unwrap().path();
            let said = [("{#", "#}"), ("{{", "}}"), ("{%", "%}")]
                .into_iter()
                .fold(fs::read_to_string(&path).unwrap(), |text, (open, close)| without(&text, open, close));
            for attribute in ["aria-label=\"", "placeholder=\"", "title=\"", "alt=\""] {
                for value in said.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
                    assert!(!value.contains(char::is_alphabetic), "{}: {attribute}{value}", path.display());
                }
            }
            // Names of keys and of the product are the same in every language.
            let keys = without(&said, "<kbd", "</kbd>");
            let bare = without(&keys, "<", ">");
            let words: Vec<&str> = bare.split(|c: char| !c.is_alphabetic()).filter(|w| w.len() > 1).collect();
            assert!(words.iter().all(|w| *w == "Ringback"), "{} says {words:?}", path.display());
        }
    }
}
