//! The pages for signing in and out and for setting a password anew; forms that need no scripts.

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::auth::identity::Identity;
use crate::auth::secret;
use crate::http::cookies::{self, CSRF_FIELD};
use crate::http::error::ApiError;
use crate::http::extract;
use crate::http::page_frame::{escape, local_path, page, redirect};
use crate::http::pages::home_of;
use crate::http::passwords;
use crate::http::sign_in;
use crate::http::state::State;
use crate::protocol::refusal::{Code, Refusal};

/// Largest form read, in bytes.
const MAX_FORM_BYTES: usize = 16 * 1024;

type Form = HashMap<String, String>;

/// Registers this file's routes.
pub fn configure(cfg: &mut web::ServiceConfig) {
    cfg.service(
        web::resource("/login").route(web::get().to(login_form)).route(web::post().to(login)),
    )
    .service(
        web::resource("/logout").route(web::get().to(logout_link)).route(web::post().to(logout)),
    )
    .service(
        web::resource("/password/reset")
            .route(web::get().to(reset_form))
            .route(web::post().to(reset)),
    );
}

/// Who asks, by cookie or header; the forms bring their CSRF token in a field, so this does not
/// ask for it.
async fn caller(request: &HttpRequest, state: &State) -> Option<Arc<Identity>> {
    let shown = extract::credential(request)?;
    state.house.authenticator.identify(&shown).await.ok()
}

fn text<'a>(fields: &'a Form, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

fn query(request: &HttpRequest) -> Form {
    web::Query::<Form>::from_query(request.query_string())
        .map(web::Query::into_inner)
        .unwrap_or_default()
}

/// Reads a form; a body that is none has no fields, and so no CSRF token.
fn read(bytes: &[u8]) -> Form {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_FORM_BYTES);
    let parsed = text.and_then(|text| web::Query::<Form>::from_query(text).ok());
    parsed.map(web::Query::into_inner).unwrap_or_default()
}

/// A page with a form: `fields` is HTML. Sets the CSRF cookie that the form repeats.
fn form_page(
    state: &State,
    request: &HttpRequest,
    status: StatusCode,
    (title, alarm): (&str, Option<&str>),
    fields: &str,
) -> HttpResponse {
    let token = cookies::held_csrf(request).unwrap_or_else(secret::cookie_key);
    let alarm = alarm
        .map(|alarm| format!("<p class=\"alarm\" role=\"alert\">{}</p>", escape(alarm)))
        .unwrap_or_default();
    let body = format!(
        "<form class=\"sheet narrow\" method=\"post\"><h1>{}</h1>{alarm}\
         <input type=\"hidden\" name=\"{CSRF_FIELD}\" value=\"{token}\">{fields}</form>",
        escape(title)
    );
    let mut response = page(status, title, None, &body);
    // Only a cookie that is no header would fail, and ours is plain letters and digits.
    drop(response.add_cookie(&cookies::csrf(request, &state.config, &token)));
    response
}

fn refused(refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.code.row().http_status)
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let advice = if refusal.code == Code::Forbidden {
        "<p>The form was too old, or did not come from this server. \
         <a href=\"/login/\">Open it again.</a></p>"
    } else {
        ""
    };
    let body = format!(
        "<div class=\"sheet\"><h1>Refused</h1><p>{}</p>{advice}</div>",
        escape(&refusal.message)
    );
    page(status, "Refused", None, &body)
}

fn login_page(
    state: &State,
    request: &HttpRequest,
    (status, alarm): (StatusCode, Option<&str>),
    (username, next): (&str, &str),
) -> HttpResponse {
    let fields = format!(
        "<input type=\"hidden\" name=\"next\" value=\"{}\">\
         <label for=\"username\">Username, email or phone</label>\
         <input id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" \
         autocapitalize=\"none\" required autofocus>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required>\
         <button type=\"submit\">Sign in</button>",
        escape(local_path(next).unwrap_or_default()),
        escape(username),
    );
    form_page(state, request, status, ("Sign in", alarm), &fields)
}

async fn login_form(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let query = query(&request);
    login_page(&state, &request, (StatusCode::OK, None), ("", text(&query, "next")))
}

async fn login(state: web::Data<State>, request: HttpRequest, bytes: web::Bytes) -> HttpResponse {
    let form = read(&bytes);
    if let Err(ApiError(refusal)) =
        cookies::check_csrf(&request, form.get(CSRF_FIELD).map(String::as_str))
    {
        return refused(&refusal);
    }
    let query = query(&request);
    let next = [&form, &query].into_iter().find_map(|from| local_path(text(from, "next")));
    let username = text(&form, "username");
    match sign_in::sign_in(&state, &request, username, text(&form, "password")).await {
        Ok(signed_in) => {
            let mut response = redirect(next.unwrap_or(home_of(signed_in.user.role)));
            for cookie in signed_in.cookies(&request, &state.config) {
                // Only a cookie that is no header would fail, and ours are plain letters.
                drop(response.add_cookie(&cookie));
            }
            response
        }
        Err(refusal) => {
            let shown = match refusal.code {
                Code::NotAuthenticated => (StatusCode::OK, "Invalid username or password."),
                Code::RateLimited => {
                    (StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Wait a little.")
                }
                _ => (StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Try again shortly."),
            };
            let shown = (shown.0, Some(shown.1));
            login_page(&state, &request, shown, (username, next.unwrap_or_default()))
        }
    }
}

/// Ends the session of the cookie and sends the browser to the login page.
async fn leave(state: &State, request: &HttpRequest, who: &Identity) -> HttpResponse {
    if let Err(refusal) = sign_in::sign_out(state, request, Some(who), None).await
        && refusal.code != Code::NotAuthenticated
    {
        return refused(&refusal);
    }
    let mut response = redirect("/login/");
    for cookie in cookies::cleared(request, &state.config) {
        // Only a cookie that is no header would fail, and these are empty.
        drop(response.add_cookie(&cookie));
    }
    response
}

/// A link on our own pages signs out at once; one on a foreign page gets a form to confirm.
async fn logout_link(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let Some(who) = caller(&request, &state).await else { return redirect("/login/") };
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site.is_none_or(|site| ["same-origin", "none"].contains(&site)) {
        return leave(&state, &request, &who).await;
    }
    let fields = "<p>You are about to sign out.</p><button type=\"submit\">Sign out</button>";
    form_page(&state, &request, StatusCode::OK, ("Sign out", None), fields)
}

async fn logout(state: web::Data<State>, request: HttpRequest, bytes: web::Bytes) -> HttpResponse {
    let Some(who) = caller(&request, &state).await else { return redirect("/login/") };
    let form = read(&bytes);
    match cookies::check_csrf(&request, form.get(CSRF_FIELD).map(String::as_str)) {
        Ok(()) => leave(&state, &request, &who).await,
        Err(ApiError(refusal)) => refused(&refusal),
    }
}

fn reset_page(
    state: &State,
    request: &HttpRequest,
    (status, alarm): (StatusCode, Option<&str>),
    token: &str,
) -> HttpResponse {
    let fields = format!(
        "<input type=\"hidden\" name=\"token\" value=\"{}\">\
         <label for=\"new_password\">New password</label>\
         <input id=\"new_password\" name=\"new_password\" type=\"password\" \
         autocomplete=\"new-password\" minlength=\"8\" required autofocus>\
         <button type=\"submit\">Set password</button>",
        escape(token)
    );
    form_page(state, request, status, ("Set a new password", alarm), &fields)
}

async fn reset_form(state: web::Data<State>, request: HttpRequest) -> HttpResponse {
    let query = query(&request);
    reset_page(&state, &request, (StatusCode::OK, None), text(&query, "token"))
}

async fn reset(state: web::Data<State>, request: HttpRequest, bytes: web::Bytes) -> HttpResponse {
    let form = read(&bytes);
    if let Err(ApiError(refusal)) =
        cookies::check_csrf(&request, form.get(CSRF_FIELD).map(String::as_str))
    {
        return refused(&refusal);
    }
    let (token, new_password) = (text(&form, "token"), text(&form, "new_password").to_owned());
    match passwords::confirm(&state, &request, token, new_password).await {
        Ok(()) => redirect("/login/"),
        Err(refusal) if refusal.code == Code::BadRequest => {
            let alarm = refusal.message.to_string();
            reset_page(&state, &request, (StatusCode::OK, Some(&alarm)), token)
        }
        Err(refusal) => refused(&refusal),
    }
}
