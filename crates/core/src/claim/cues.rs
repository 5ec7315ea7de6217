//! The table of cues: a pattern, what it speaks for, and how loudly. An apostrophe in a pattern stands for a straight
//! one, a curly one or none. Patterns are matched against lower-case text.

use super::classify::Group;

pub(crate) struct Cue {
    pub(crate) group: Group,
    pub(crate) choice: &'static str,
    pub(crate) weight: i16,
    pub(crate) text: &'static str,
}

const fn r(choice: &'static str, weight: i16, text: &'static str) -> Cue {
    Cue { group: Group::Reason, choice, weight, text }
}
const fn u(choice: &'static str, text: &'static str) -> Cue {
    Cue { group: Group::Urgency, choice, weight: 1, text }
}
const fn s(choice: &'static str, text: &'static str) -> Cue {
    Cue { group: Group::Sentiment, choice, weight: 1, text }
}
const fn f(choice: &'static str, text: &'static str) -> Cue {
    Cue { group: Group::Flag, choice, weight: 1, text }
}

pub(crate) const CUES: &[Cue] = &[
    // Prices.
    r(
        "pricing_question",
        5,
        r"\bhow much (?:do|does|is|are|will|would|for|it|to|can|did|should|does it|extra|would it)\b.{0,60}\b(?:cost|charge|price|pay|run|fee|fees|rate|exchange|transfer|set me back)",
    ),
    r("pricing_question", 3, r"\bhow much (?:is|are|for|does|would|will|do you charge)\b"),
    r(
        "pricing_question",
        4,
        r"\b(?:what|whats|what's|what is|tell me|know|check|see|about|the|total|its|their|nightly|average)\b.{0,30}\b(?:cost|price|prices|pricing|rate|rates|charge|fare)s?\b",
    ),
    r("pricing_question", 5, r"\b(?:quote|quotes|estimate|price range|ball ?park|quoting)\b"),
    r(
        "pricing_question",
        4,
        r"\b(?:is|are|will|would|do|does|any|what|which|have|about|the|hidden|additional|if|whether|there)\b.{0,50}\b(?:fees?|surcharges?|charges)\b",
    ),
    r(
        "pricing_question",
        4,
        r"\b(?:exit|withdrawal|termination|cancellation|transaction|exchange|conversion|early|foreign|international) (?:fee?s?|charges?|penalt(?:y|ies))\b",
    ),
    r(
        "pricing_question",
        4,
        r"\b(?:do|does|would|will|can) (?:you|they|i|it|i get|i be|the)\b.{0,20}\b(?:charge|charged|cost|free)\b",
    ),
    r(
        "pricing_question",
        4,
        r"\bis (?:it|there|using|this|topping up|that).{0,30}\b(?:free|a charge|charge|cost|fee)\b",
    ),
    r(
        "pricing_question",
        3,
        r"\b(?:interest rates?|exchange rate|mortgage rate|discount|insure my|afford|pricey|expensive is)\b",
    ),
    r("pricing_question", 3, r"\b(?:the|total|a) (?:cost|price)\b"),
    // Billing.
    r(
        "billing_question",
        6,
        r"\b(?:refund|refunds|refunded|rebates?|reimburse(?:ment|ments|d)?|compensations?|money back)\b",
    ),
    r(
        "billing_question",
        5,
        r"\b(?:invoices?|billing|(?:my|the|our|your|this|last|latest|phone|electric|gas|cable|power|internet|water|energy) bill|bills|statement fee|minimum payment|amount due|balance due|overdue|past due)\b",
    ),
    r(
        "billing_question",
        5,
        r"\b(?:double|twice|overcharged|wrongly|extra|incorrectly|charged again|duplicate|two times)\b.{0,20}\b(?:charge|charged|fee|billed|payment)?\b",
    ),
    r(
        "billing_question",
        6,
        r"\b(?:why|what|how come|explain|reason)\b.{0,50}\b(?:was|am|been|is|were|did|got|being|get|this)\b.{0,40}\b(?:charged?|fees?|billed)\b",
    ),
    r("billing_question", 6, r"\b(?:i|have|been|got|getting|was|were) charged\b"),
    r(
        "billing_question",
        5,
        r"\b(?:had to pay|unexpected|random|unknown|strange|ridiculous|hidden) .{0,20}\b(?:fee|charge|fees)\b",
    ),
    r(
        "billing_question",
        4,
        r"\b(?:payment|payments|online payments?) (?:issue|issues|problem|problems|error|errors|troubles?|status)\b",
    ),
    r(
        "billing_question",
        4,
        r"\b(?:issues?|problems?|errors?|troubles?|trouble|mistake) with (?:a |an |my |the |online )?(?:payments?|charge|bill)\b",
    ),
    r(
        "billing_question",
        4,
        r"\b(?:pay (?:my|the|our|your|a)|pay .{0,25}bill|make a payment|paying (?:my|the)|auto ?pay|automatic billing|payment (?:plan|due|method)|due date|when is .{0,25} due|what (?:day|date) .{0,20} due|total due|last bill|latest bill|dispute (?:a|the|this)? ?(?:charge|transaction))\b",
    ),
    // Cancelling.
    r(
        "cancellation",
        7,
        r"\b(?:cancel|cancell?ing|cancell?ed|cancels|cancellation of|call off|scrap|get rid of|nix|scratch|forget)\b.{0,60}\b(?:reservations?|appointments?|booking|booked|table|party|order|orders|purchase|account|plan|plans|insurance|policy|subscription|service|standing order|loan|mortgage|overdraft|visit|meeting|appt|room|dinner|lunch|direct debit|contract|slot|delivery)\b",
    ),
    r("cancellation", 5, r"\b(?:cancel|cancell?ing|cancellation|cancellations)\b"),
    r(
        "cancellation",
        7,
        r"\b(?:close|closing|closed|delete|deleting|deletion|terminate|terminating|deactivate|shut down|remove|removing|removal|removals|erase|get rid of|deletions|end|close out)\b.{0,30}\b(?:accounts?|profile|membership|subscription|credit card|service|contract)\b",
    ),
    r(
        "cancellation",
        5,
        r"\b(?:no longer (?:need|want|able)|don't (?:want|need) (?:the|that|this|my|purchase|to meet|it)|can't make it|cannot make it|won't be (?:able to make|coming)|do not want purchase|no longer pay|do not want (?:to keep|my|the|this)|account (?:removals?|deletions?)|accounts? to be (?:closed|deleted)|pulled out)\b",
    ),
    r(
        "cancellation",
        3,
        r"\b(?:delete|remove|drop) (?:the|an?|this|my) (?:\S+ ){0,2}(?:appointment|reservation|booking|meeting)\b",
    ),
    // Changing what is booked.
    r(
        "appointment_change",
        7,
        r"\b(?:change|changed|changing|move|moved|reschedule|rescheduled|rescheduling|rebook|amend|modify|edit|switch|shift|push|postpone|delay|extend|alter|adjust|update|bump|upgrade|revise)\b.{0,60}\b(?:appointments?|reservations?|bookings?|booked|table|slots?|meeting|appt|visit|stay|check ?-?out|check ?-?in|date of|time of|time|room|lunch|dinner|session|tour|massage)\b",
    ),
    r(
        "appointment_change",
        7,
        r"\b(?:reschedule|rescheduling|rebook|re-schedule|late check ?-?out|early check ?-?in)\b",
    ),
    r(
        "appointment_change",
        6,
        r"\b(?:can|could|may|like to|want to|need to|able to) (?:i |we |you )?(?:please )?(?:move|push|switch|bump) (?:my|our|it|the|that)\b",
    ),
    r(
        "appointment_change",
        5,
        r"\b(?:stay|staying) .{0,12}(?:more|longer|extra|another)\b|\b(?:longer|shorter) by\b|\badd (?:a |an |one |\d+ )?(?:\S+ )?(?:more )?(?:days?|nights?|people|person|guests?)\b",
    ),
    r(
        "appointment_change",
        5,
        r"\bcheck ?-?(?:out|in) .{0,20}(?:later|earlier|instead)\b|\b(?:running late|be late for|moved? (?:it|that) (?:to|from)|later date|another day|different (?:day|time|date)|make it earlier|make it later|earlier than)\b",
    ),
    // Booking.
    r(
        "appointment_booking",
        5,
        r"\b(?:book|schedule|make|set|set up|reserve|get|arrange|need|want|like|create|add|place|put|have|set an|plan|request)\b.{0,40}\b(?:appointments?|reservations?|appt|bookings?|table|consultation|a visit|a tour|tour|viewing|meeting|session|spot)\b",
    ),
    r("appointment_booking", 4, r"\b(?:book|reserve|schedule|rsvp)\b"),
    r(
        "appointment_booking",
        4,
        r"\b(?:table|reservation|room|rooms|suite|booking|accommodation) for\b|\b(?:oil change|tune ?-?up|tires? (?:checked|rotated|changed)|check ?-?up|teeth cleaned|cleaning appointment|get my (?:hair|nails|teeth|car|tires?|brakes?|oil) )",
    ),
    r(
        "appointment_booking",
        3,
        r"\b(?:i(?:'d| would)? (?:want|like|love|wanna|would like|need) to (?:visit|see|go to|come in|stay|eat|dine|tour|check out|view|have dinner|stop by))\b|\b(?:double room|single room|family room|nights?) (?:for|from)\b|\bwant to eat\b|\bavailab(?:le|ility)\b.{0,30}\b(?:appointment|slot|opening)",
    ),
    r(
        "appointment_booking",
        3,
        r"\b(?:come out|send (?:someone|somebody) out|come (?:take a )?look|look at my|opening|openings|earliest (?:slot|appointment)|soonest|fit me in|see me)\b",
    ),
    // New service.
    r(
        "new_service_request",
        5,
        r"\b(?:apply|applying|application|sign ?up|signing up|enroll?|enrolling|enrol|open (?:a|an|another|up)|opening (?:a|an|up)|create (?:a|an|another|my)|register for|start (?:a|an|new|service))\b.{0,40}\b(?:accounts?|card|loan|mortgage|plan|plans|credit|policy|insurance|membership|service|profile|amex|visa|mastercard|express)\b",
    ),
    r(
        "new_service_request",
        5,
        r"\b(?:open|opening|create|creating|set ?up|setting up|register(?:ing)?|make) .{0,20}\b(?:new|another|user|premium|free|gold|platinum|freemium|savings|business|checking|bank) .{0,12}\baccounts?\b",
    ),
    r(
        "new_service_request",
        5,
        r"\b(?:find|finding|locate|locating|look(?:ing)? for|search(?:ing)? for|need|want|see|get)\b.{0,40}\b(?:doctor|dentist|therapist|salon|gynecologist|psychologist|psychiatrist|practitioner|specialist|dermatologist|ophthalmologist|stylist|barber|counselor|plumber|electrician|roofer|contractor|technician|lawyer|attorney|provider|handyman|locksmith|painter)\b",
    ),
    r(
        "new_service_request",
        4,
        r"\b(?:new|another|get a|get an|getting a|order a|request a|obtain a) (?:\S+ )?(?:credit card|card|loan|mortgage|account|policy|installation|unit|system|furnace|roof)\b",
    ),
    r(
        "new_service_request",
        4,
        r"\b(?:remortgage|get a mortgage|new (?:customer|client|patient)|interested in (?:your|a|an|getting|opening|signing)|quote me for|install(?:ed|ation|ing)?|replac(?:e|ed|ing) (?:my|our|the)|remodel|renovat)\w*\b",
    ),
    r(
        "new_service_request",
        3,
        r"\b(?:change|order|ordering|buy|purchase|acquire|adding|add) .{0,20}(?:items?|articles?|product|products|to (?:a|the|my) (?:order|account))\b",
    ),
    // Something does not work.
    r(
        "support_issue",
        5,
        r"\b(?:not work(?:ing)?|n't work(?:ing)?|doesn't work|does not work|isn't working|stopped working|won't (?:work|start|turn|open|let|go)|not able to|unable to|can't (?:access|log|use|get|make|find|withdraw|verify|seem|sign|open|pay|see)|cannot (?:access|log|use|get|make|withdraw)|couldn't)\b",
    ),
    r(
        "support_issue",
        5,
        r"\b(?:declined|rejected|denied|not accepted|wasn't accepted|blocked|block|frozen|on hold|a hold|pending|failed|fail|fails|failing|reverted|disappeared|missing|swallowed|stuck|torn|bent|damaged|broke|broken|crashed|crashing|glitch|malfunction\w*|snapped|leaking|leaks?|clogged|dripping|squeaking|noisy|rattling)\b",
    ),
    r(
        "support_issue",
        5,
        r"\b(?:forgot|forgotten|reset|resetting|recover|recovery|retrieve|retrieval|restore|lost|locked out|change|unlock|wrong)\b.{0,30}\b(?:password|passcode|pass|pin|key|login|username|credentials|access)\b",
    ),
    r(
        "support_issue",
        4,
        r"\b(?:problems?|issues?|trouble|troubles|errors?|difficult(?:y|ies)|help with)\b.{0,25}\b(?:with|of|creating|sign|registration|registrations|account|card|transfer|the|my|registering|login|signing)\b",
    ),
    r(
        "support_issue",
        4,
        r"\b(?:fix|repair|service|look at)\b.{0,20}\b(?:my|the|our|it|a)\b|\bwhat happened\b|\bstill (?:not|hasn't|haven't|pending|waiting|isn't|says)|\bwhy (?:was|is|isn't|won't|can't|did|didn't|has|hasn't|wasn't|doesn't) (?:my|it|the|this|i|you|there|that)\b|\bwhat is wrong\b|\bwhat's wrong\b|\bwhats wrong\b|\bnot (?:show|showing|arrived|received|been|gone|yet|able|coming|heating|cooling)\b|\b(?:hasn't|haven't|didn't|has not|have not|did not) (?:show|arrive|arrived|go|gone|come|receive|received|get|gotten|work|been|updated|cleared|appear)\w*",
    ),
    r(
        "support_issue",
        3,
        r"\b(?:tv|wifi|wi-fi|internet|air conditioning|air conditioner|a/c|heater|furnace|electricity|shower|toilet|dishwasher|app|atm|website|machine|luggage) (?:is|isn't|in|was|has|stopped|doesn't|are|got|keeps|won't)\b|\bsign ?-?up (?:issue|error|problem)s?|\bregistration (?:issue|error|problem)s?",
    ),
    r(
        "support_issue",
        3,
        r"\b(?:activate|activating|activation|verify|verification|reinstall\w*|troubleshoot\w*|password)\b",
    ),
    // Dissatisfaction.
    r("complaint", 8, r"\b(?:complain|complaint|complaints|complaining|reclamations?|grievance|claim against)\b"),
    r(
        "complaint",
        6,
        r"\b(?:file|lodge|make|making|filing|lodging|submit|register)\b.{0,12}\b(?:a|an|another)? ?(?:claim|customer claim|consumer claim)\b",
    ),
    r(
        "complaint",
        6,
        r"\b(?:unacceptable|ridiculous|terrible service|awful|horrible|worst|disgusted|disgusting|fed up|furious|outrageous|rude|unprofessional|sue you|will sue|my lawyer will|better business bureau|bad review|ripped off|rip ?-?off|never (?:again|using)|disappointed|pissed)\b",
    ),
    r(
        "complaint",
        5,
        r"\b(?:not happy|ain't happy|unhappy|dissatisfied|not satisfied|unsatisfied|not pleased|angry|upset) (?:with|about|at)\b",
    ),
    r(
        "complaint",
        5,
        r"\b(?:nobody|no one|noone|no-one) (?:showed up|came|called|ever|has called|called me back|shows)\b|\b(?:third|fourth|fifth|3rd|4th|\d+th) time (?:i've|i have|i|calling|we)\b|\bstill waiting (?:for|on) (?:someone|a call|you)\b|\bspeak (?:to|with) (?:a|the|your) (?:manager|supervisor|owner)\b",
    ),
    // Emergencies.
    r(
        "emergency_urgent",
        7,
        r"\b(?:fraud|fraudulent|scammed|unauthorized|unauthorised|suspicious|compromised|hacked|identity theft|someone (?:else )?(?:is|may be|has|must|might be|else)?.{0,12}(?:us(?:ed|ing)|stole|stolen|access))\b",
    ),
    r(
        "emergency_urgent",
        7,
        r"\b(?:stolen|stole|lost (?:my|a|the) (?:\S+ )?(?:card|wallet|phone)|lost or stolen|card .{0,20}(?:lost|missing|stolen)|lost card|misplaced .{0,20}card|report .{0,30}(?:lost|stolen|accident|theft)|robbed|mugged|theft|find my (?:lost )?card|lost (?:one of )?my (?:credit|debit)?)\b",
    ),
    r(
        "emergency_urgent",
        6,
        r"\b(?:didn't|did not|never|haven't|don't|do not|wasn't|not) (?:make|made|authorize|authorise|do|recognize|recognise|approve|me|by me|buy|remember)\b.{0,30}\b(?:charges?|transactions?|purchases?|payments?|withdrawals?|this|it|that|these)?|\b(?:transactions?|charges?|purchases?|payments?|withdrawals?)\b.{0,40}\b(?:i|we) (?:didn't|did not|never|don't|do not|haven't)\b|\b(?:strange|questionable|bogus|weird|shady|not mine|unknown|unrecogni[sz]ed) (?:transaction|charge|purchase|withdrawal|payment)s?\b",
    ),
    r(
        "emergency_urgent",
        8,
        r"\b(?:emergency|car crash|car accident|had an accident|just had an? (?:car )?accident|report an accident|accident claim|serious accident|got hit|rear ?-?ended|collision|crashed my|hit by|wrecked|was destroyed)\b",
    ),
    r(
        "emergency_urgent",
        8,
        r"\b(?:can't breathe|cannot breathe|isn't breathing|not breathing|trouble breathing|struggling to breathe|unconscious|won't wake|not waking|collapsed|passed out|seizure|chest pain|chest is|bleeding|choking|overdose|severe headache|worst headache|heart attack|stroke|shaking uncontrollably|blood everywhere|can't move|turning blue|allergic reaction|throwing up|catch my breath|wheezing|burning up|underwater|thunderclap|stabbing pain|splitting|killing me|vomiting)\b",
    ),
    r(
        "emergency_urgent",
        8,
        r"\b(?:burst (?:a )?pipe|pipe (?:has |just |is )?burst|burst pipes?|flood(?:ed|ing)?|water (?:is )?(?:coming|pouring|leaking|gushing|everywhere|dripping) (?:through|from|out|into|in|down)?|sewage|smell(?:s|ing)? (?:of |like )?gas|gas (?:leak|smell)|gas is leaking|sparks?|sparking|on fire|smoke|carbon monoxide|no (?:heat|hot water|power|electricity|water|ac|a/c|air conditioning|air conditioner|cooling)\b|heat (?:is|has been|went|has gone) out|furnace (?:is |has )?(?:out|died|quit|dead))",
    ),
    // Asking for something to know.
    r(
        "information_request",
        4,
        r"\b(?:what (?:are|is) (?:your|the|their) (?:hours|opening|address|location|phone number|number|policy)|hours|opening times?|open (?:on|until|till|at|today|tomorrow)|what time do|when do you (?:open|close)|are you open|where are you|where is (?:the|your)|located|closest|nearest|directions|branch|atm)\b",
    ),
    r(
        "information_request",
        3,
        r"\b(?:does|do|is|are|has|have)\b.{0,40}\b(?:accept|take|have|offer|serve|include|included|require|allow|allowed|reservations|parking|wifi|breakfast|wheelchair|pets?|outdoor|seating|vegetarian|ratings?|review|address|phone number|live music|alcohol|amenities|open|possible)\b",
    ),
    r(
        "information_request",
        3,
        r"\b(?:what(?:'s| is|s)? (?:the|their|its|your|is)? ?(?:address|phone number|number|phone|rating|average rating|hours|name|location|policy|email|address and)|where (?:is|are|does|do|can i)|give me (?:their|the|its) (?:address|phone|number)|contact (?:number|details)|reach (?:a|an|customer|human|out)|talk to (?:a|an|someone)|speak (?:to|with) (?:a|an|someone)|customer (?:service|support|assistance|care)|live agent|real person|human)\b",
    ),
    r(
        "information_request",
        3,
        r"\b(?:information|info|details|tell me (?:more|about)|find out|know (?:if|about|more|what|whether)|wondering|explain|how (?:do|does|can|long|many|often)|what (?:do i|does|kind|documents|are the)|which|can i|is it possible|eligible|requirements?|policy|newsletter|shipping|delivery|deliver)\b",
    ),
    // Turns of phrase that tell two of the above apart.
    r(
        "information_request",
        7,
        r"\b(?:do|does|can|will|would|able|allow|if|know|whether)\b.{0,50}\b(?:take|takes|accept|accepts|do|does|allow|allows|make|get|schedule|offer) (?:a |any )?reservations?\b",
    ),
    r(
        "information_request",
        5,
        r"\b(?:how busy|very busy|wait ?time|what is the wait|how long .{0,20}wait|whereabouts|what street|near me|near here|nearby|branches|cash machines?|(?:provide|tell|give|get|what's|what is|need) .{0,25}(?:phone number|their number|address))\b",
    ),
    r(
        "billing_question",
        6,
        r"\bwhy (?:is|are|did|do|was|am|were|have)\b.{0,40}\b(?:fees?|charges?|charging|charged)\b|\b(?:got|saw|see|have|noticed|incur|paid) (?:a|an|some|another|additional|any)? ?(?:\S+ )?(?:fees?|charges?)\b.{0,40}\b(?:why|for|on my|statement|account)?",
    ),
    r(
        "billing_question",
        6,
        r"\b(?:how much|what)\b.{0,30}\b(?:have to|need to|must|do i) (?:pay|owe)\b|\b(?:pay|due|minimum|total|cost|amount|owe|month|monthly)\b.{0,40}\bbill\b|\b(?:problems?|errors?|issues?|troubles?) with (?:online )?payments?\b|\brestitution\b",
    ),
    r(
        "cancellation",
        7,
        r"\baccount\b.{0,20}\b(?:deleted|closed|cancelled|canceled|terminated|removed)\b|\bstop (?:my|the|our) (?:standing orders?|subscription|service|direct debits?)\b",
    ),
    r(
        "new_service_request",
        5,
        r"\b(?:shop|shopping|buy|buying|purchase|purchasing|order|ordering|acquire|get)\b.{0,20}\b(?:items?|articles?|products?)\b|\b(?:get|getting|suggest|recommend)\b.{0,20}\b(?:american express|credit cards?)\b",
    ),
    r(
        "support_issue",
        5,
        r"\b(?:wouldn't|won't (?:let|give|go|work|accept|turn|start|close|open|stop)|locked|unlock|unblock|out of order|chipped|chewed|something wrong|was wrong with|wrong with|not successful|unsuccessful|not go through|go through|cannot i|can i not|why cannot)\b",
    ),
    r(
        "appointment_booking",
        6,
        r"\b(?:go(?:ing)? to|visit(?:ing)?|see) (?:a|the|my) (?:doctor|dentist|salon|therapist|property|apartment)\b|\b(?:appointment|appoinment|appointments) (?:with|at|for|on|to)\b|\bcheck engine light\b|\b(?:looking|want|like) to stay\b|\bget an? (?:\S+ ){0,2}(?:room|suite)\b",
    ),
    r(
        "appointment_change",
        6,
        r"\b(?:change the (?:number|date|time|day|name)|bring forward|push back|delay it|check ?out late|late for my)\b",
    ),
    r("emergency_urgent", 5, r"\b(?:accident|not responding|fell over|heard a snap|being used by someone)\b"),
    // Nobody for us.
    r(
        "wrong_number_spam",
        10,
        r"\b(?:press (?:\d|one|two|nine)|this is an automated|automated (?:call|message)|recorded (?:line|message)|robocall|artificial intelligent|do not call list|social security (?:number|administration|account)|legal (?:enforcement|action)|arrest warrant|your (?:amazon|apple|icloud|computer|microsoft|norton) (?:account|order|subscription|prime)|(?:amazon|apple|microsoft|windows) support|extended warranty|car'?s (?:extended )?warranty|vehicle(?:'s)? warranty|auto warranty|student loans? (?:forgiveness|payments?)|debt relief|credit card (?:interest|debt)|lower your|eligib(?:le|ility) (?:for|programs?|as)|final (?:courtesy )?(?:call|notice|attempt)|we(?:'ve| have) been trying to reach|reviewing your file|disconnection of (?:your )?service|electric(?:ity)? (?:company|service provider)|your (?:google|business) listing|free cruise|you(?:'ve| have) (?:won|been selected)|irs\b|tax (?:debt|resolution)|medicare|health insurance|funding (?:for|program)|pre-?approved|call us back (?:on|at)|toll ?-?free)\b",
    ),
    r("wrong_number_spam", 9, r"\b(?:wrong number|sorry wrong|who is this\??$|misdial\w*|didn't mean to call)\b"),
    r(
        "demo_request",
        6,
        r"\b(?:demo|demonstration|walk ?-?through of (?:the|your) (?:product|software)|see (?:the|your) (?:product|software|platform) in action|product tour)\b",
    ),
    r(
        "other",
        2,
        r"\b(?:movie|movies|recipe|song|songs|weather|joke|score|game|games|president|actor|actress|cook|cooking|music|celebrity|capital of|how (?:tall|old|fast|far|big) (?:is|are|am)|who (?:is|was|has|won|invented)|who's|lyrics|news|planet|history|super bowl|lakers|poem|meaning of)\b",
    ),
    // Urgency.
    u(
        "emergency",
        r"\b(?:can't breathe|cannot breathe|can not breathe|isn't breathing|not breathing|stopped breathing|struggling to breathe|trouble breathing|hard to breathe|catch (?:my|his|her) breath|difficulty breathing|unconscious|unresponsive|won't wake|not waking up|can't wake|not responding|collapsed|seizure|convuls\w+|chest (?:really |just )?(?:pain|pressure|tightness|hurts|is killing|discomfort)|los(?:ing|t) (?:a lot of )?blood|having (?:a |these )?(?:fit|fits|seizures)|tightness in (?:my|his|her) chest|pain in (?:my|his|her) (?:chest|left arm)|heart attack|stroke|overdos\w+|choking|blood everywhere|bleeding (?:a lot|badly|heavily|out|and it)|won't stop bleeding|can't stop (?:the )?bleeding|vaginal bleeding|suicid\w+|kill myself|hurt myself|turning blue|anaphyla\w+|throat (?:is|feels) (?:closing|tight|swollen shut|swelling)|slurred speech|can't (?:speak|move|talk)|face (?:is )?droop\w*|shaking uncontrollably|drown\w*|was underwater|hit by a (?:car|truck|bus))\b",
    ),
    u(
        "emergency",
        r"\b(?:gas leak|smell(?:s|ing)? (?:of |like )?(?:natural )?gas|gas smell|smell of gas|gas is leaking|carbon monoxide|co (?:alarm|detector)|(?:is|are|it's|house|outlet|panel|wires?|furnace|caught|we have a|there's a) (?:on )?fire\b|on fire|electrical fire|smoke (?:is )?(?:coming|pouring|from)|sparks? (?:coming|flying|from)|sparking|flood(?:ed|ing|s)\b|burst (?:a )?pipes?|pipes? (?:has |have |just |is )?burst|water (?:is |was )?(?:coming|pouring|gushing|running|leaking|dripping|spraying) (?:through|from|out of|into|down|in)|water (?:is )?everywhere|through (?:the|my|our) ceiling|ceiling (?:is )?(?:leaking|collapsing|caving|coming down)|sewage|sewer (?:is )?back(?:ed|ing)|toilet (?:is )?overflowing|live wire|downed (?:power )?line|break ?-?in|someone (?:is )?break(?:ing)? in|gun|trapped|stuck in the elevator)\b",
    ),
    u(
        "emergency",
        r"\b(?:this is|it's|it is|we have|i have|have|is|real|an|a|got|medical|plumbing|dental|heating) (?:an? )?(?:\S+ )?emergency\b|^emergency\b",
    ),
    u(
        "high",
        r"\b(?:no|without|lost|don't have(?: any)?|do not have(?: any)?|have no|haven't had|haven't got) (?:any )?(?:heat|heating|hot water|running water|water|power|electricity|ac|a/c|air conditioning|air conditioner|air|cooling)\b|\b(?:heat|furnace|boiler|heater|heating|hot water|water heater|ac|a/c|air conditioner|air conditioning|power|electricity) (?:is |has |just |went |has been |have |isn't |not |stopped |has gone |was |won't )*(?:out|off|down|died|dead|quit|working|broke|broken|stopped|kicking on|turn on|come on|gone)\b",
    ),
    u(
        "high",
        r"\b(?:leak|leaks|leaking|leaked|locked out|lock(?:ed)? (?:myself|ourselves) out|backed up|clogged|overflow\w*|won't (?:stop running|shut off|turn off|flush|drain)|freezing (?:in here|cold)|below (?:zero|freezing)|frozen pipes?)\b",
    ),
    u(
        "high",
        r"\b(?:stolen|stole|steal|theft|robbed|mugged|fraud\w*|scam(?:med)?|hacked|hacker|hackers|compromised|unauthori[sz]ed|identity theft|suspicious (?:activity|charge|charges|transaction|transactions|purchase|purchases)|lost (?:my |the |a |one of my |his |her |our |an )?(?:\S+ ){0,3}(?:card|wallet|purse|credit|debit|visa|mastercard|amex)|(?:card|cards|visa|mastercard|wallet|amex|express|it) (?:\S+ ){0,5}(?:lost|missing|gone)|(?:misplaced|can't find|cannot find|couldn't find|can't locate|missing|left|dropped|locate|find) (?:my|a|the) (?:\S+ ){0,3}(?:card|wallet|visa|mastercard)|lost card|card lost|card loss)\b",
    ),
    u(
        "high",
        r"\b(?:someone|somebody|anyone|who|people|thief|stranger|else) (?:\S+ ){0,4}(?:us(?:ed|ing|es)|accessed|access|has|have|got|gotten|hold|charged|charging|made|knows|stealing|bought|buying|making|took|taking|spent|cloned|copied|withdr\w+) (?:\S+ ){0,4}(?:my|card|it|number|info|information|account|details|purchases?|charges?)\b",
    ),
    u(
        "high",
        r"\b(?:charges?|transactions?|purchases?|payments?|withdrawals?|things|purchase|money|stuff|debit|items?|something|order)\b(?: \S+){0,8} (?:i|we|me|were|was|is|are|that|which) (?:\S+ )?(?:didn't|did not|never|don't|do not|haven't|have not|wasn't|not) (?:\S+ )?(?:mak\w+|made|authori[sz]\w+|do|done|recogni[sz]\w+|approv\w+|buy|bought|me|mine|by me|know|remember\w*|perform|initiate|purchase)\b",
    ),
    u(
        "high",
        r"\b(?:didn't|did not|never|don't|do not|haven't|not) (?:\S+ )?(?:mak\w+|made|authori[sz]\w+|recogni[sz]\w+|approv\w+|remember|buy|bought) (?:\S+ ){0,4}(?:charges?|transactions?|purchases?|payments?|withdrawals?|card|account|debit)\b|\b(?:bogus|questionable|strange|weird|odd|shady|wrong|unknown|unrecogni[sz]ed|unfamiliar|false|fake|illegal|weird|unusual|illegitimate|foreign|random) (?:\S+ )?(?:charges?|transactions?|purchases?|withdrawals?|activity|payments?)\b|\b(?:not (?:mine|me)|isn't mine|wasn't me|weren't (?:mine|me|by me)|not make|breach(?:ed)?)\b",
    ),
    u(
        "high",
        r"\b(?:accident|car crash|crash|wreck|collision|rear ?-?ended|got hit|was hit|totaled|was destroyed|broke down|breakdown|stranded)\b",
    ),
    u(
        "high",
        r"\b(?:severe|sudden(?:ly)?|worst|thunderclap|excruciating|unbearable|splitting|terrible|extreme|intense|so much pain|hurts? (?:so (?:much|bad)|a lot|really bad)|killing me|burning up|high fever|throwing up|vomiting|vomit|emesis|wheez\w+|faint(?:ed|ing)|pass(?:ed|ing) out|syncope|aphasia|dysarthria|dyspnea|hemoptysis|melena|black (?:tarry )?stools?|tarry|bright red blood|blood (?:in|per)|coughing (?:up )?blood|(?:one|left|right)-?(?: |-)?sided|weakness on|numbness on|confus\w+|drowsy|not making sense|ams\b|spotting|miscarriage|contractions|swollen and (?:hurts|painful)|broken (?:bone|arm|leg|tooth)|heard a snap|snapped|head injury|hit (?:his|her|my) head|dehydrated|abscess|tooth (?:knocked|broke|fell)|knocked out|can't (?:stop|walk|feel|see|keep|swallow|put weight)|lethargic|stiff neck|inhaler (?:isn't|not|is not)|palpitations|shortness of breath|short of breath|trouble (?:finding words|understanding|swallowing|speaking)|allergic reaction|hives|swollen and it|shivering|crushing)\b",
    ),
    u(
        "high",
        r"\b(?:urgent|urgently|asap|a\.s\.a\.p|right away|immediately|right now|desperate(?:ly)?|can't wait|cannot wait)\b",
    ),
    u(
        "same_day",
        r"\b(?:as soon as possible|as soon as you can|(?:need|come|get|fix\w*|out|here|help|appointment|available|look|someone|seen|in|back|done|at|service|it|call|me) (?:\S+ )?(?:today|tonight)|this (?:morning|afternoon|evening)|same ?-?day|by (?:the )?end of (?:the )?day|in (?:the next|an|a couple of|a few) hours?|soon as you get this)\b",
    ),
    u(
        "this_week",
        r"\b(?:this week|by (?:the )?end of the week|tomorrow|in the next (?:few|couple(?: of)?) days|within (?:the|a) week|by (?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)|this (?:weekend|monday|tuesday|wednesday|thursday|friday|saturday|sunday)|in a (?:few|couple(?: of)?) days)\b",
    ),
    u(
        "nurture",
        r"\b(?:sometime (?:this|next|in the|in)|some ?-?time down the|some day|someday|next (?:year|spring|summer|fall|autumn|winter|month)|this (?:spring|summer|fall|autumn|winter)|no rush|no hurry|not (?:in a|any) (?:rush|hurry)|not urgent|not an emergency|whenever (?:you|it)|just (?:looking|browsing|shopping around|gathering|researching)|thinking (?:about|of)|eventually|down the (?:road|line)|in (?:a few|a couple of|several|\w+) months|later (?:this|in the) year|at some point|long[- ]term|when (?:it gets|the weather gets) warm\w*)\b",
    ),
    // Sentiment.
    s(
        "frustrated",
        r"\b(?:unacceptable|ridiculous|frustrat(?:ed|ing)|annoy(?:ed|ing)|furious|angry|fed up|sick of|tired of|terrible|awful|horrible|worst|disgust\w+|pissed|upset|outrageous|useless|disappointed|waste of (?:time|money)|wasting (?:my )?time|rip ?-?off|not happy|unhappy|dissatisfied|last straw|how many times|nobody (?:called|calls|showed|came|ever|answers)|no one (?:called|calls|showed|came|ever|answers)|still (?:waiting|haven't heard)|(?:third|fourth|fifth|3rd|4th|5th) time (?:i|i've|i'm|we|calling)|i will sue|are you kidding|come on|rude)\b",
    ),
    s(
        "positive",
        r"\b(?:great (?:job|work|service|experience)|wonderful|awesome|excellent|love (?:you guys|your|the)|so (?:happy|pleased|grateful)|very (?:happy|pleased)|really (?:appreciate|happy|pleased)|fantastic|amazing|thank you so much|thanks so much|highly recommend|you guys are the best|beautiful job|pleased with)\b",
    ),
    // Flags.
    f(
        "emergency",
        r"\b(?:gas leak|smell(?:s|ing)? (?:of |like )?(?:natural )?gas|carbon monoxide|on fire|flood(?:ed|ing)\b|burst (?:a )?pipes?|pipes? (?:has |have |just |is )?burst|water (?:is |was )?(?:coming|pouring|gushing|leaking|dripping|spraying) (?:through|from|out of|into|down)|sewage|not breathing|isn't breathing|can't breathe|unconscious|chest pain)\b|\b(?:this is|it's|it is|have|real|medical|plumbing|dental) (?:an? )?(?:\S+ )?emergency\b",
    ),
    f(
        "complaint",
        r"\b(?:complain|complaint|complaints|unacceptable|not (?:happy|satisfied) with|unhappy with|dissatisfied|ripped off|rip ?-?off|disappointed (?:with|in)|terrible service|awful service|worst (?:service|experience|company)|speak (?:to|with) (?:a|the|your) (?:manager|supervisor|owner)|better business bureau|sue you|bad review|nobody (?:showed up|came)|no one (?:showed up|came))\b",
    ),
    f(
        "high_value",
        r"\b(?:whole (?:house|building|roof)|entire (?:house|building|roof|system|complex)|new (?:construction|roof|system|furnace|hvac|kitchen|addition)|full (?:replacement|remodel|install\w*|system)|commercial (?:property|building|job|account|contract)|multiple (?:units|properties|locations|buildings)|(?:\d{2,}|several|all our|all of our) (?:units|properties|locations|apartments|buildings)|remodel|renovation|property manag\w+|annual contract|maintenance contract|wedding|all[- ]on[- ]four|implants|fleet)\b",
    ),
    f(
        "pricing_request",
        r"\b(?:how much|quotes?|estimate|price|prices|pricing|costs?|rates?|what do you charge|ball ?park)\b",
    ),
    f(
        "availability_request",
        r"\b(?:availab(?:le|ility)|any openings?|an opening|when can (?:you|someone|somebody|i)|how soon can|earliest (?:you|appointment|time|slot)|soonest|fit me in|do you have (?:anything|any (?:time|slots?|openings?|appointments?))|next available)\b",
    ),
    f(
        "existing_customer_issue",
        r"\b(?:you (?:guys )?(?:were|came|installed|fixed|replaced|repaired|did|worked|serviced|cleaned) (?:\S+ ){0,6}(?:last|yesterday|ago|before|out here|already|it|my|our|here)|your (?:technician|tech|guy|crew|plumber|team) (?:was|came|just|left|didn't|said|told|broke)|still under warranty|i'm (?:an? )?(?:existing|current|long[- ]?time) (?:customer|client|patient)|been a (?:customer|client|patient))\b",
    ),
    f(
        "vendor",
        r"\b(?:(?:calling|call) (?:from|on behalf of) (?:\S+ ){0,4}(?:supply|supplies|wholesale|distribut\w+|marketing|media|advertising|solutions|software|staffing|logistics)|i'm (?:a|the|your) (?:sales )?(?:rep|representative|vendor|supplier|account manager) (?:with|for|from|at)|your (?:order|delivery|shipment|parts?) (?:is|are|has|have) (?:ready|in|arrived|shipped|delayed)|we (?:offer|provide|help|work with) (?:\S+ ){0,6}(?:businesses|companies|contractors|practices|owners)|(?:seo|search engine|google listing|google ranking|merchant services|credit card processing|business (?:loan|funding|capital)|lead generation|web design)|purchase order|invoice (?:is|for your|number)|speak (?:to|with) (?:the )?(?:owner|person in charge|decision ?-?maker|whoever (?:handles|is in charge))|accounts payable|partnership opportunit\w+)\b",
    ),
    f(
        "opt_out",
        r"\b(?:stop (?:calling|texting|contacting|messaging|emailing)|(?:don't|do not|never) (?:ever )?(?:call|text|contact|message|email) (?:me|us|this number|here)(?: again| any ?more)?|remove (?:me|my number|us|this number)(?: from)?|take (?:me|my number|us|this number) off|unsubscribe|opt (?:me )?out|do[- ]not[- ]call list|no more (?:calls|texts|messages|emails)|quit (?:calling|texting))\b",
    ),
    f(
        "competitor",
        r"\b(?:(?:your|a) competitors?|other (?:companies|company|quotes?|bids?|estimates?|contractors?)|another (?:company|quote|bid|estimate|contractor)|shopping around|someone else quoted|going with (?:someone|another)|(?:got|getting|have) (?:a few|two|three|several|some|other) (?:quotes?|bids?|estimates?))\b",
    ),
    f(
        "spam",
        r"\b(?:press (?:\d|one|two|nine) (?:to|now|if)|automated (?:call|message)|extended warranty|car'?s warranty|social security (?:administration|number has)|final (?:courtesy )?(?:call|notice)|you(?:'ve| have) (?:won|been selected)|this is amazon|your amazon account|student loan forgiveness|lower your (?:interest|electric))\b",
    ),
];
