//! The figures of a row and a client, and whether larger or smaller ones are better.

use super::results::Results;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
}

pub struct Figure {
    pub title: &'static str,
    pub field: &'static str,
    /// The number of the field's units in one unit of the figure.
    pub unit: f64,
    pub decimals: usize,
    pub better: Better,
    /// Whether its table has columns with this library's ratios to the others.
    pub has_ratios: bool,
}

/// The figures that have a table each.
pub const TABLES: [Figure; 5] = [
    RATE,
    Figure { has_ratios: true, ..less("Blocking writes: microseconds for one (median)", "p50_us", 1) },
    less("Blocking writes: microseconds that 99 of 100 do not exceed", "p99_us", 1),
    less("CPU microseconds per message", "cpu_us", 2),
    Figure { unit: 1024.0, ..less("Peak memory in MiB", "peak_kib", 0) },
];

pub const RATE: Figure = Figure {
    title: "Messages per second",
    field: "per_second",
    unit: 1.0,
    decimals: 0,
    better: Better::More,
    has_ratios: true,
};

/// The columns of the table of many clients.
pub const MANY: [Figure; 7] = [
    less("open all, s", "open_s", 2),
    less("threads", "threads", 0),
    less("idle CPU, % of a core", "idle_cpu_percent", 2),
    less("memory of each, KiB", "kib_each", 1),
    less("a message from each, s", "exchange_s", 3),
    less("all back after a restart, s", "back_s", 2),
    less("close all, s", "close_s", 2),
];

const fn less(title: &'static str, field: &'static str, decimals: usize) -> Figure {
    Figure { title, field, unit: 1.0, decimals, better: Better::Less, has_ratios: false }
}

impl Figure {
    /// The median over the rounds.
    pub fn median(&self, results: &Results, row: &str, client: &str) -> Option<f64> {
        results.median(row, client, self.field).map(|value| value / self.unit)
    }

    /// Returns the least and the greatest value of the rounds, and their number.
    pub fn range(&self, results: &Results, row: &str, client: &str) -> Option<Range> {
        let values = results.values(row, client, self.field);
        let (least, most) = (values.first()? / self.unit, values.last()? / self.unit);
        Some(Range { least, most, rounds: values.len() })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub least: f64,
    pub most: f64,
    pub rounds: usize,
}

impl Range {
    /// Returns false if all rounds of one lie on the same side of all rounds of the other.
    pub fn overlaps(&self, other: &Range) -> bool {
        self.least <= other.most && other.least <= self.most
    }
}

impl Better {
    pub fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Better::More => a.max(b),
            Better::Less => a.min(b),
        }
    }

    /// Returns the ratio; above 1, ours is better.
    pub fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            _ if ours == theirs => 1.0,
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_is_ahead() {
        assert_eq!(Better::More.ratio(3.0, 2.0), 1.5);
        assert_eq!(Better::Less.ratio(2.0, 3.0), 1.5);
        assert_eq!(Better::Less.ratio(0.0, 0.0), 1.0);
    }

    #[test]
    fn ranges_overlap_or_are_apart() {
        let range = |least, most| Range { least, most, rounds: 3 };
        assert!(!range(1.0, 2.0).overlaps(&range(2.1, 3.0)));
        assert!(!range(2.1, 3.0).overlaps(&range(1.0, 2.0)));
        assert!(range(1.0, 2.0).overlaps(&range(2.0, 3.0)));
        assert!(range(1.0, 9.0).overlaps(&range(2.0, 3.0)) && range(2.0, 3.0).overlaps(&range(1.0, 9.0)));
    }
}
