//! Medians, percentiles, and how much of a median is chance.

use std::fmt;

use rand::{SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

/// How often the rounds are drawn anew for an interval.
const RESAMPLES: usize = 10_000;
/// Of the draws, so that the same figures have the same interval.
const SEED: u64 = 1;

/// The median of one figure over the rounds, and the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The lower end.
    pub(crate) low: f64,
    /// The median.
    pub(crate) median: f64,
    /// The upper end.
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of the rounds' figures, by the percentile bootstrap; `None` without any.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let figures: Vec<f64> = figures.into_iter().collect();
        let median = median_of(figures.clone())?;
        let mut draws = StdRng::seed_from_u64(SEED);
        let mut resample = || {
            let sample = figures.iter().filter_map(|_| figures.choose(&mut draws).copied());
            median_of(sample.collect())
        };
        let mut medians: Vec<f64> = (0..RESAMPLES).filter_map(|_| resample()).collect();
        medians.sort_by(f64::total_cmp);
        let (low, high) = (percentile(&medians, 0.025), percentile(&medians, 0.975));
        Some(Self { low, median, high })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let Self { low, median, high } = self;
        if (high - low).abs() < f64::EPSILON {
            return write!(f, "{median:.digits$}");
        }
        write!(f, "{median:.digits$} ({low:.digits$}–{high:.digits$})")
    }
}

/// The middle one, or what lies between the two in the middle; `None` without any.
pub(crate) fn median_of(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let last = figures.len().checked_sub(1)?;
    Some(f64::midpoint(figures[last / 2], figures[figures.len() / 2]))
}

/// The value below which `share` of the sorted values lie; 0 without any.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index of a list of samples"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn width(figures: impl IntoIterator<Item = f64>) -> f64 {
        let spread = Spread::of(figures).expect("there are figures");
        spread.high - spread.low
    }

    #[test]
    fn a_median_lies_between_the_two_in_the_middle() {
        assert_eq!(median_of(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median_of(vec![4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median_of(vec![]), None);
    }

    #[test]
    fn an_interval_holds_its_median_and_leaves_single_outliers_out() {
        let figures = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 9.0];
        let spread = Spread::of(figures).expect("there are figures");
        assert!(spread.low < spread.median && spread.median < spread.high, "{spread}");
        assert!(spread.low > 1.0 && spread.high < 9.0, "{spread}");
        assert_eq!(Spread::of(figures), Some(spread), "the draws are the same each time");
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn an_interval_narrows_with_more_rounds() {
        let few = [1.0, 2.0, 3.0, 4.0, 5.0];
        let many = std::iter::repeat_n(few, 10).flatten();
        assert!(width(many) < width(few));
    }

    #[test]
    fn a_figure_that_never_varied_is_told_once() {
        assert_eq!(format!("{:.1}", Spread::of([1.0, 1.0]).expect("there are figures")), "1.0");
        let varied = Spread { low: 1.0, median: 2.5, high: 4.0 };
        assert_eq!(varied.to_string(), "2.50 (1.00–4.00)");
    }

    #[test]
    fn a_percentile_of_few_samples_is_the_last() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(&sorted, 0.5) - 51.0).abs() < f64::EPSILON);
        assert!((percentile(&sorted[..3], 0.99) - 3.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 0.5).abs() < f64::EPSILON);
    }
}
