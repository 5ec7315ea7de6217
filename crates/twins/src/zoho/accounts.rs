//! The accounts server: access tokens for a refresh token ("refresh.html", "token-validity.html"). Its errors come with 200.

use super::Zoho;
use crate::wire::form_decode;
use crate::{Reply, Request};
use serde_json::json;

const TEN_MINUTES_MS: i64 = 600_000;

impl Zoho {
    pub(crate) fn token(&mut self, request: &Request, now_ms: i64) -> Reply {
        let mut form = request.query();
        form.extend(form_decode(&String::from_utf8_lossy(&request.body)));
        let field = |name: &str| form.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        let error = |word: &str| Reply::json(200, &json!({ "error": word }));
        if request.method != "POST" || field("grant_type") != "refresh_token" {
            return error("unsupported_grant_type");
        }
        if field("client_id") != self.options.client_id {
            return error("invalid_client");
        }
        if field("client_secret") != self.options.client_secret {
            return error("invalid_client_secret");
        }
        if field("refresh_token") != self.options.refresh_token {
            return error("invalid_code");
        }
        let lately = self.issued.iter().filter(|(at, _)| now_ms - at < TEN_MINUTES_MS).count();
        if lately >= self.options.tokens_per_ten_minutes {
            let words = "You have made too many requests continuously. Please try again after some time.";
            return Reply::json(
                400,
                &json!({ "error": "Access Denied", "error_description": words, "status": "failure" }),
            );
        }
        let token = format!("1000.twin-access-{}", self.next_token);
        self.next_token += 1;
        self.issued.push_back((now_ms, token.clone()));
        let mut body = json!({ "access_token": token, "scope": "ZohoCRM.modules.ALL", "token_type": "Bearer",
            "expires_in": self.options.token_lives_ms / 1_000 });
        let host = request.get_header("host").map(|host| format!("http://{host}"));
        if let (Some(domain), Some(map)) = (self.options.api_domain.clone().or(host), body.as_object_mut()) {
            map.insert("api_domain".into(), domain.into());
        }
        Reply::json(200, &body)
    }
}
