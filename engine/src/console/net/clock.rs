//! What time it is in the simulation.

use crate::trace::Nanos;

/// Seconds from 1970 to the moment at which every simulated cluster starts: 2026-01-01 00:00:00 UTC.
pub const EPOCH: u64 = 1_767_225_600;

/// A moment as a calendar has it, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub year: u64,
    /// From 1.
    pub month: u64,
    /// From 1.
    pub day: u64,
    /// From 0, Sunday.
    pub weekday: u64,
    pub hour: u64,
    pub minute: u64,
    pub second: u64,
}

impl Moment {
    /// The moment `at` after the cluster's start.
    pub fn new(at: Nanos) -> Moment {
        Moment::from_unix(EPOCH + at / 1_000_000_000)
    }

    pub fn from_unix(seconds: u64) -> Moment {
        let days = seconds / 86_400;
        // Days since 0000-03-01, so that a leap day is the last of its year (Howard Hinnant's civil_from_days).
        let shifted = days + 719_468;
        let era_day = shifted % 146_097;
        let era_year = (era_day - era_day / 1_460 + era_day / 36_524 - era_day / 146_096) / 365;
        let year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
        let month_from_march = (5 * year_day + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Moment {
            year: shifted / 146_097 * 400 + era_year + u64::from(month <= 2),
            month,
            day: year_day - (153 * month_from_march + 2) / 5 + 1,
            weekday: (days + 4) % 7,
            hour: seconds / 3_600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
        }
    }

    pub fn weekday_name(&self) -> &'static str {
        ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][self.weekday as usize % 7]
    }

    pub fn month_name(&self) -> &'static str {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        names[(self.month as usize + 11) % 12]
    }

    /// `Thu Jan  1 00:00:05 UTC 2026`
    pub fn date(&self) -> String {
        let (weekday, month) = (self.weekday_name(), self.month_name());
        format!("{weekday} {month} {:>2} {} UTC {}", self.day, self.time(), self.year)
    }

    /// `00:00:05`
    pub fn time(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    /// `2026-01-01T00:00:05Z`
    pub fn iso(&self) -> String {
        format!("{}-{:02}-{:02}T{}Z", self.year, self.month, self.day, self.time())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(Moment::new(5_000_000_000).date(), "Thu Jan  1 00:00:05 UTC 2026");
        assert_eq!(Moment::from_unix(0).date(), "Thu Jan  1 00:00:00 UTC 1970");
        assert_eq!(Moment::from_unix(1_709_164_799).iso(), "2024-02-28T23:59:59Z");
        assert_eq!(Moment::from_unix(1_709_251_199).iso(), "2024-02-29T23:59:59Z");
        assert_eq!(Moment::from_unix(4_107_542_399).date(), "Sun Feb 28 23:59:59 UTC 2100");
    }
}
