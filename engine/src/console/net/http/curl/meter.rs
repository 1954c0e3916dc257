//! curl's progress meter. Models lib/progress.c.

use crate::trace::Nanos;

/// The meter at the end of a transfer of so many bytes.
pub(super) fn meter(len: usize, elapsed: Nanos) -> String {
    let speed = (len as u64).saturating_mul(1_000_000) / (elapsed / 1_000).max(1);
    let time = |seconds: u64| match seconds {
        0 => "--:--:--".to_owned(),
        seconds => format!("{:2}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    };
    let (total, spent) = (time(len as u64 / speed.max(1)), time(elapsed / 1_000_000_000));
    let (len, speed) = (amount(len as u64), amount(speed));
    format!(
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n                                 \
         Dload  Upload   Total   Spent    Left  Speed\n100 {len}  100 {len}    0     0  {speed}     0 {total} {spent} --:--:-- \
         {speed}\n"
    )
}

/// Five letters. Models max5data.
fn amount(bytes: u64) -> String {
    const MEGA: u64 = 1 << 20;
    match bytes {
        0..100_000 => format!("{bytes:5}"),
        100_000..10_240_000 => format!("{:4}k", bytes >> 10),
        10_240_000..104_857_600 => format!("{:2}.{}M", bytes / MEGA, bytes % MEGA / (MEGA / 10)),
        104_857_600..10_485_760_000 => format!("{:4}M", bytes / MEGA),
        _ => format!("{:4}G", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_five_letters() {
        let cases = [
            (0, "    0"),
            (99_999, "99999"),
            (100_000, "  97k"),
            (10_240_000, " 9.7M"),
            (104_857_600, " 100M"),
            (1 << 34, "  16G"),
        ];
        for (bytes, text) in cases {
            assert_eq!(amount(bytes), text);
        }
        assert!(meter(1_000, 2_500_000_000).ends_with("  400     0  0:00:02  0:00:02 --:--:--   400\n"));
    }
}
