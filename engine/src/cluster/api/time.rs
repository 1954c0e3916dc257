//! Virtual time as the API server writes it.

/// The moment at which virtual time begins: 2026-01-01T00:00:00Z, in seconds since 1970.
pub const EPOCH_SECONDS: u64 = 1_767_225_600;

/// RFC 3339, to the second: `2026-01-01T00:00:00Z`. Models Howard Hinnant's `civil_from_days`.
pub fn timestamp(ns: u64) -> String {
    let seconds = EPOCH_SECONDS + ns / 1_000_000_000;
    let (days, second) = ((seconds / 86_400) as i64, seconds % 86_400);
    let z = days + 719_468;
    let (era, day_of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// The way back: seconds since 1970 of an RFC 3339 time in UTC. Models Howard Hinnant's `days_from_civil`.
pub fn seconds_of(timestamp: &str) -> Option<i64> {
    let (date, time) = timestamp.strip_suffix('Z')?.split_once('T')?;
    let number = |text: &str| text.parse::<i64>().ok().filter(|n| (0..10_000).contains(n));
    let mut parts = date.splitn(3, '-').map(number);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let mut parts = time.split('.').next()?.splitn(3, ':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        assert_eq!(timestamp(0), "2026-01-01T00:00:00Z");
        assert_eq!(timestamp(61_000_000_000), "2026-01-01T00:01:01Z");
        let moments = [0, 61, 59 * 86_400, 60 * 86_400 + 3_599, (365 + 365 + 59) * 86_400];
        for second in moments {
            let text = timestamp(second * 1_000_000_000);
            assert_eq!(seconds_of(&text), Some((EPOCH_SECONDS + second) as i64), "{text}");
        }
        assert_eq!(seconds_of("yesterday"), None);
        assert_eq!(timestamp((365 + 365 + 59) * 86_400 * 1_000_000_000), "2028-02-29T00:00:00Z");
    }
}
