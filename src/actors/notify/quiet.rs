//! How loudly a notification may come: someone's wish for its type, and their quiet hours by the
//! clocks where they live.

use chrono::{NaiveDateTime, TimeZone, Timelike};
use chrono_tz::Tz;

use crate::models::preference::{Quiet, Wish};
use crate::protocol::refusal::Refusal;
use crate::protocol::views::inbox::{Loudness, Priority, QuietHours};

/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// How loudly a notification of this priority may come at `at`. An urgent one is always loud.
pub fn loudness(wish: Option<&Wish>, priority: Priority, at: NaiveDateTime) -> Loudness {
    let Some(wish) = wish.filter(|_| priority != Priority::Urgent) else { return Loudness::Loud };
    match wish.loudness {
        Loudness::Loud if wish.quiet.as_ref().is_some_and(|quiet| is_quiet(quiet, at)) => {
            Loudness::Quiet
        }
        loudness => loudness,
    }
}

/// Whether `at`, in UTC, is within these quiet hours. A zone that this version's tables do not
/// have is read as UTC.
fn is_quiet(quiet: &Quiet, at: NaiveDateTime) -> bool {
    let zone: Tz = quiet.zone.parse().unwrap_or(Tz::UTC);
    let local = zone.from_utc_datetime(&at);
    let minute = i32::try_from(local.hour() * 60 + local.minute()).unwrap_or(0);
    if quiet.begins <= quiet.ends {
        (quiet.begins..quiet.ends).contains(&minute)
    } else {
        minute >= quiet.begins || minute < quiet.ends
    }
}

/// Reads quiet hours as a client writes them.
///
/// # Errors
/// `bad_request` naming the field and the rule.
pub fn parse(hours: &QuietHours) -> Result<Quiet, Refusal> {
    if hours.time_zone.parse::<Tz>().is_err() {
        let rule = "a name of the IANA time zone database, like Europe/Paris";
        return Err(Refusal::field("data.quiet_hours.time_zone", rule));
    }
    let begins = minute("data.quiet_hours.from", &hours.from)?;
    let ends = minute("data.quiet_hours.to", &hours.to)?;
    if begins == ends {
        return Err(Refusal::field("data.quiet_hours.to", "another time than from"));
    }
    Ok(Quiet { zone: hours.time_zone.clone(), begins, ends })
}

fn minute(field: &'static str, text: &str) -> Result<i32, Refusal> {
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|_| plain)
    };
    let read = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (number(hour)?, number(minute)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    });
    read.ok_or_else(|| Refusal::field(field, "a time of day, HH:MM"))
}

/// Quiet hours as a client reads them.
pub fn view(quiet: &Quiet) -> QuietHours {
    let time = |minute: i32| {
        let minute = minute.rem_euclid(DAY);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    };
    QuietHours { time_zone: quiet.zone.clone(), from: time(quiet.begins), to: time(quiet.ends) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(time_zone: &str, from: &str, to: &str) -> QuietHours {
        QuietHours { time_zone: time_zone.into(), from: from.into(), to: to.into() }
    }

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn the_night_of_paris_is_quiet_by_its_own_clocks_summer_and_winter() {
        let night = parse(&hours("Europe/Paris", "22:00", "07:00")).unwrap();
        // Paris is one hour before UTC in winter and two in summer.
        assert!(is_quiet(&night, at("2026-01-15T21:00:00")));
        assert!(!is_quiet(&night, at("2026-01-15T20:59:00")));
        assert!(is_quiet(&night, at("2026-07-15T20:00:00")));
        assert!(!is_quiet(&night, at("2026-07-15T05:00:00")));
        assert!(is_quiet(&night, at("2026-01-15T05:59:00")));
        assert!(!is_quiet(&night, at("2026-01-15T06:00:00")));
    }

    #[test]
    fn a_span_within_one_day_is_quiet_between_its_ends() {
        let lunch = parse(&hours("UTC", "12:00", "13:00")).unwrap();
        assert!(is_quiet(&lunch, at("2026-01-15T12:00:00")));
        assert!(!is_quiet(&lunch, at("2026-01-15T13:00:00")));
        assert_eq!(view(&lunch), hours("UTC", "12:00", "13:00"));
    }

    #[test]
    fn what_is_no_zone_or_no_time_is_refused_by_its_name() {
        let field =
            |zone, from, to| parse(&hours(zone, from, to)).unwrap_err().field.unwrap().into_owned();
        assert_eq!(field("Mars/Olympus", "22:00", "07:00"), "data.quiet_hours.time_zone");
        for bad in ["24:00", "7:00", "07:60", "0700", "+7:00", ""] {
            assert_eq!(field("UTC", bad, "07:00"), "data.quiet_hours.from", "{bad:?}");
        }
        assert_eq!(field("UTC", "07:00", "07:00"), "data.quiet_hours.to");
    }

    #[test]
    fn an_urgent_notification_is_loud_whatever_was_wished() {
        let night = parse(&hours("UTC", "00:00", "23:59")).unwrap();
        let wish = Wish { loudness: Loudness::Off, quiet: Some(night.clone()) };
        let noon = at("2026-01-15T12:00:00");
        assert_eq!(loudness(Some(&wish), Priority::Urgent, noon), Loudness::Loud);
        assert_eq!(loudness(Some(&wish), Priority::High, noon), Loudness::Off);
        let wish = Wish { loudness: Loudness::Loud, quiet: Some(night) };
        assert_eq!(loudness(Some(&wish), Priority::High, noon), Loudness::Quiet);
        assert_eq!(loudness(None, Priority::Low, noon), Loudness::Loud);
    }
}
