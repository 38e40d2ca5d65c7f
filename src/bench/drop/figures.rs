//! Figures out of many.

use crate::bench::load::Latencies;
use serde::Serialize;

/// Milliseconds that so many of all do not exceed.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Quantiles {
    pub count: usize,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Quantiles {
    pub fn of(latencies: &mut Latencies) -> Self {
        Self {
            count: latencies.len(),
            p50: latencies.ms(0.5),
            p90: latencies.ms(0.9),
            p99: latencies.ms(0.99),
            max: latencies.ms(1.0),
        }
    }

    pub fn text(self) -> String {
        format!(
            "p50 {:.1} · p90 {:.1} · p99 {:.1} · max {:.1} ms ({})",
            self.p50, self.p90, self.p99, self.max, self.count
        )
    }
}

/// 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// How many of `at` fall into each of the steps of `width` up to the last.
pub fn counted(at: &[f64], width: f64) -> Vec<(f64, f64)> {
    let last = at.iter().copied().fold(0.0, f64::max);
    let mut step = 0.0;
    let mut counted = Vec::new();
    let mut sorted = at.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut from = 0;
    while step <= last {
        let until = sorted.partition_point(|value| *value < step + width);
        counted.push((step + width / 2.0, (until - from) as f64));
        from = until;
        step += width;
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_counted_once() {
        let counted = counted(&[0.0, 0.05, 0.1, 0.35], 0.1);
        let figures: Vec<f64> = counted.iter().map(|(_, count)| *count).collect();
        assert_eq!(figures, [2.0, 1.0, 0.0, 1.0]);
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON && median(Vec::new()).abs() < f64::EPSILON);
    }
}
