//! Times of day as a node's RPC writes them.

/// Seconds since 1970 of `Sat, 28 Nov 2026 20:55:43 GMT`, the only form that servers may send
/// (RFC 9110, section 5.6.7).
pub(super) fn http_date(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let year = words.next()?.parse().ok()?;
    let time = words.next()?;
    (words.next() == Some("GMT")).then_some(())?;
    seconds(year, i64::try_from(month).ok()? + 1, day, time)
}

/// Seconds since 1970 of `2026-11-28T20:55:43.123456789Z`.
pub(super) fn rfc3339(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut parts = date.split('-').map(|part| part.parse().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    seconds(year, month, day, time.split('.').next()?)
}

fn seconds(year: i64, month: i64, day: i64, time: &str) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let mut parts = time.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let in_range =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    in_range.then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970 in the Gregorian calendar, counted in years that begin in March, so that the
/// leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_give_the_same_second() {
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(
            http_date("Tue, 29 Feb 2000 12:00:01 GMT"),
            Some(951_825_601)
        );
        assert_eq!(
            http_date("Sat, 28 Nov 2026 20:55:43 GMT"),
            Some(1_795_899_343)
        );
        assert_eq!(rfc3339("2026-11-28T20:55:43.123Z"), Some(1_795_899_343));
        assert_eq!(rfc3339("2026-11-28T20:55:43Z"), Some(1_795_899_343));
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "now",
            "Sat, 28 Nov 2026 20:55:43 CET",
            "Sat, 99 Nov 2026 20:55:43 GMT",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
        for text in [
            "",
            "2026-11-28",
            "2026-13-28T00:00:00Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
