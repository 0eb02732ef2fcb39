//! Durations and sizes for people.

/// Seconds in the two largest units: `3 h 12 min`.
pub(crate) fn duration(seconds: u64) -> String {
    let (minute, hour, day) = (60, 3_600, 86_400);
    if seconds < 2 * minute {
        format!("{seconds} s")
    } else if seconds < hour {
        format!("{} min", seconds / minute)
    } else if seconds < day {
        format!("{} h {} min", seconds / hour, seconds % hour / minute)
    } else {
        format!("{} d {} h", seconds / day, seconds % day / hour)
    }
}

/// Nanoseconds with two to four digits and a unit.
pub(crate) fn short(ns: u64) -> String {
    for (unit, length) in [("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)] {
        let tenths = ns / (length / 10);
        if ns >= length {
            return if tenths < 100 {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            } else {
                format!("{} {unit}", tenths / 10)
            };
        }
    }
    format!("{ns} ns")
}

/// Bytes as `wg show` writes them.
pub(crate) fn bytes(count: u64) -> String {
    for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if count >= size {
            let hundredths = u128::from(count) * 100 / u128::from(size);
            return format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100);
        }
    }
    format!("{count} B")
}
