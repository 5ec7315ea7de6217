//! The vendors' own published signatures, carried over as data.

use super::*;

/// apidocs.callrail.com, Webhooks > Security > Validating Payloads.
const CALLRAIL: (&str, &str, &str) = (
    "072e77e426f92738a72fe23c4d1953b4",
    "UZAHbUdfm3GqL7qzilGozGzWV64=",
    r#"{"answered":false,"business_phone_number":"","call_type":"voicemail","company_id":155920786,"company_name":"Boost Marketing","company_time_zone":"America/Los_Angeles","created_at":"2018-02-19T13:41:00.252-05:00","customer_city":"Rochester","customer_country":"US","customer_name":"Kaylah Mills","customer_phone_number":"+12148654559","customer_state":"PA","device_type":"","direction":"inbound","duration":"13","first_call":false,"formatted_call_type":"Voicemail","formatted_customer_location":"Rochester, PA","formatted_business_phone_number":"","formatted_customer_name":"Kaylah Mills","prior_calls":16,"formatted_customer_name_or_phone_number":"Kaylah Mills","formatted_customer_phone_number":"214-865-4559","formatted_duration":"13s","formatted_tracking_phone_number":"404-555-8514","formatted_tracking_source":"Google Paid","formatted_value":"--","good_lead_call_id":715587840,"good_lead_call_time":"2016-06-17T10:23:33.363-04:00","id":766970532,"lead_status":"previously_marked_good_lead","note":"","recording":"https://app.callrail.com/calls/766970532/recording/redirect?access_key=aaaaccccddddeeee","recording_duration":8,"source_name":"Google AdWords","start_time":"2018-02-19T13:41:00.236-05:00","tags":[],"total_calls":17,"tracking_phone_number":"+14045558514","transcription":"","value":"","voicemail":true,"tracker_id":354024023,"keywords":"","medium":"","referring_url":"","landing_page_url":"","last_requested_url":"","referrer_domain":"","conversational_transcript":"","utm_source":"google","utm_medium":"cpc","utm_term":"","utm_content":"","utm_campaign":"Google AdWords","utma":"","utmb":"","utmc":"","utmv":"","utmz":"","ga":"","gclid":"","integration_data":[{"integration":"Webhooks","data":null}],"keywords_spotted":"","recording_player":"https://app.callrail.com/calls/766970532/recording?access_key=aaaabbbbccccdddd","speaker_percent":"","call_highlights":[],"callercity":"Rochester","callercountry":"US","callername":"Kaylah Mills","callernum":"+12148654559","callerstate":"PA","callsource":"google_paid","campaign":"","custom":"","datetime":"2018-02-19 18:41:00","destinationnum":"","ip":"","kissmetrics_id":"","landingpage":"","referrer":"","referrermedium":"","score":1,"tag":"","trackingnum":"+14045558514","timestamp":"2018-02-19T13:41:00.236-05:00"}"#,
);

/// RequestValidator tests of the vendor's Python, Node, Java and Go helper libraries (MIT): name, token, signed URL,
/// parameters, signature, whether it holds.
type TwilioCase =
    (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, bool);
const TWILIO: &[TwilioCase] = &[
    (
        "basic",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        true,
    ),
    (
        "wrong-signature",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "NOTRSOYDt4T1cUTdK1PDd93/VVr8B8=",
        false,
    ),
    (
        "dup-params",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")],
        "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        true,
    ),
    (
        "array-param",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx")],
        "83O6e2vORAoJHUNzJjDWN1jz+BA=",
        true,
    ),
    (
        "array-param-reordered",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("MessagingBinding.Address", "+1415xxxxxxx"), ("MessagingBinding.Address", "+1325xxxxxxx")],
        "83O6e2vORAoJHUNzJjDWN1jz+BA=",
        true,
    ),
    (
        "https-request-url-has-port-but-signed-without",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        true,
    ),
    (
        "http-with-port",
        "12345",
        "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
        true,
    ),
    (
        "https-signed-with-port-443",
        "12345",
        "https://mycompany.com:443/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "kvajT1Ptam85bY51eRf/AJRuM3w=",
        true,
    ),
    (
        "http-signed-with-port-80",
        "12345",
        "http://mycompany.com:80/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "0ZXoZLH/DfblKGATFgpif+LLRf4=",
        true,
    ),
    (
        "json-body-sha256",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        &[],
        "a9nBmqA0ju/hNViExpshrM61xv4=",
        true,
    ),
    (
        "json-body-sha256-only-param",
        "12345",
        "https://mycompany.com/myapp.php?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        &[],
        "y77kIzt2vzLz71DgmJGsen2scGs=",
        true,
    ),
    (
        "json-empty-object",
        "12345",
        "https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        &[],
        "Ldidvp12m26NI7eqEvxnEpkd9Hc=",
        true,
    ),
    (
        "credentials-in-url",
        "12345",
        "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "CukzLTc1tT5dXEDIHm/tKBanW10=",
        true,
    ),
    (
        "username-in-url",
        "12345",
        "https://user@mycompany.com/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "2YRLlVAflCqxaNicjMpJcSTgzSs=",
        true,
    ),
    (
        "credentials-signed-with-port",
        "12345",
        "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=",
        true,
    ),
    (
        "special-chars-url",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2&Body=It%27s+amazing",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "TfZzewPq8wqrGlMfyAud8+/IvJ0=",
        true,
    ),
    ("no-params", "12345", "https://mycompany.com/myapp.php?foo=1&bar=2", &[], "zYQTYrRWXE7LtzbG4PfP7/bkkGo=", true),
    (
        "no-query",
        "12345",
        "https://mycompany.com/myapp.php",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "1xaxFBvyzXYvWplzNOSs28HWO94=",
        true,
    ),
    (
        "extra-query-is-signed",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2&type=thiswontbeusedinthesignaturegeneratorandsoshouldbeignored",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "hYkNsTBttoNGkyCS0p+wWmQoRTg=",
        true,
    ),
    (
        "url-encoded-query-kept-as-is",
        "12345",
        "https://mycompany.com/myapp.php?foo=hello%20world&bar=test%2Bvalue",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "er2tvAP1Wx+iuTTE2BPgvEaN1cs=",
        true,
    ),
    (
        "special-chars-params",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("Message", "Hello & goodbye! @#$%^*()"), ("From", "+1 (415) 867-5309"), ("Special", "unicode: ñáéíóú")],
        "dCPiR4WtQ6QFN6pJh81CtlCcWLQ=",
        true,
    ),
    (
        "empty-values",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("Digits", ""), ("CallSid", "CA1234567890ABCDE"), ("EmptyParam", "")],
        "9HHp/OqQMEwdrVebHDdA/+tqjX8=",
        true,
    ),
    (
        "key-sorting",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("Zebra", "last"), ("Alpha", "first"), ("Beta", "second"), ("Gamma", "third")],
        "enveUe73ZTVLAekHxez3Qx6JuuQ=",
        true,
    ),
    (
        "international-url",
        "12345",
        "https://mycompany.com/webhook/España?año=2023",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "G/Hx6mqqnjUNlPAoi2Sp9bGst0g=",
        true,
    ),
    (
        "case-sensitive-keys",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("callSid", "lowercase"), ("CallSid", "uppercase"), ("CALLSID", "allcaps")],
        "jDK7WKT8wiNrwggd4ceTv4e1MJ4=",
        true,
    ),
    (
        "double-slash-port-443",
        "12345",
        "https://mycompany.com:443//myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
        ],
        "A9lH3u16NjyiiM/+wylw5rirFUs=",
        true,
    ),
    (
        "prefix-keys-sorted-by-key",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
            ("ReasonConferenceEnded", "test"),
            ("Reason", "Participant"),
        ],
        "vOEb5UThFn24KEfnOFLQY2AE5FY=",
        true,
    ),
    (
        "prefix-keys-wrong-sort",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[
            ("CallSid", "CA1234567890ABCDE"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("Caller", "+14158675309"),
            ("ReasonConferenceEnded", "test"),
            ("Reason", "Participant"),
        ],
        "95+Bu0JVPi0r/SsESZCVf0dWAjw=",
        false,
    ),
    (
        "form-body",
        "12345",
        "https://mycompany.com/myapp.php?foo=1&bar=2",
        &[("property", "value"), ("boolean", "true")],
        "NBdBDr/T/lgjI+tlgpXjKZQZs/k=",
        true,
    ),
];

/// Tests of the reference libraries (Apache-2.0): name, secret, signature header, seconds now, whether it holds. Id, time
/// and body are the same in all.
const STANDARD_WEBHOOKS: &[(&str, &str, &str, i64, bool)] = &[
    (
        "sign-function",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        1_614_265_330,
        true,
    ),
    (
        "secret-without-prefix",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        1_614_265_330,
        true,
    ),
    (
        "multi-signature",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=",
        1_614_265_330,
        true,
    ),
    ("wrong-signature", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,dawfeoifkpqwoekfpqoekf", 1_614_265_330, false),
    ("partial-signature", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "v1,", 1_614_265_330, false),
    (
        "truncated-tail-changed",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=",
        1_614_265_330,
        false,
    ),
    (
        "too-old",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        1_614_265_631,
        false,
    ),
    (
        "too-new",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        1_614_265_029,
        false,
    ),
];

#[test]
fn callrail_signs_as_published() {
    let (key, signature, body) = CALLRAIL;
    assert_eq!(callrail(key, body.as_bytes()), signature);
    assert_ne!(callrail(key, format!("{body}\n").as_bytes()), signature);
}

#[test]
fn twilio_signs_as_published() {
    for (name, token, url, params, signature, holds) in TWILIO {
        let params: Vec<(String, String)> = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(twilio(token, url, &params) == *signature, *holds, "{name}");
    }
}

#[test]
fn standard_webhooks_verify_as_published() {
    let (id, time, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
    for (name, secret, header, now_s, holds) in STANDARD_WEBHOOKS {
        assert_eq!(standard_webhooks_holds(secret, id, time, header, body, now_s * 1_000), *holds, "{name}");
    }
    assert!(!standard_webhooks_holds("whsec_not base64", id, time, "v1,x", body, 1_614_265_330_000));
}
